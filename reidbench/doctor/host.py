"""The machine as it is now: cores and what a container leaves of them, memory, disk, clock rate, heat. No torch."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from reidbench import environment, machine, resources
from reidbench.data.cache import KEPT_FREE, cache_folder
from reidbench.doctor.findings import Finding
from reidbench.resources import words
from reidbench.spec import UserError

GIB = 2**30
LEAST_MEMORY = 2 * GIB
"""Free bytes under which a training or a row at the paper's scale (half a GiB a process) may be killed."""

LEAST_DISK = GIB // 4
"""Free bytes under which records, reports and checkpoints may not be written."""

HOT = 90.0
"""Degrees Celsius from which processors slow down."""


def examine(results: Path) -> list[Finding]:
    """All findings on the machine, in the order in which they are shown."""
    return [
        Finding("machine", _described(), facts=machine.describe()),
        cores(),
        memory(),
        *disks(results),
        clock_rate(),
        heat(),
        variables(),
    ]


def cores() -> Finding:
    """How many cores a measurement's threads get, against what a container allows."""
    used, logical, quota = machine.physical_cores(), os.cpu_count() or 1, resources.cpu_quota()
    facts = {"threads": used, "logical": logical, "quota": quota}
    text = f"{used} threads are used, of {logical} logical cores"
    if quota is None:
        return Finding("cores", f"{text}; no limit of a container", facts=facts)
    if quota >= used:
        return Finding("cores", f"{text}; the container may use {quota:g}", facts=facts)
    advice = (
        f"the container may use {quota:g} and is stopped for the rest of each period: "
        f"give it whole cores (docker run --cpuset-cpus 0-{used - 1})"
    )
    return Finding("cores", f"{text}; {advice}", "wrong", facts)


def memory() -> Finding:
    """Free memory, of the machine and within the container's limit."""
    total, free = resources.memory()
    text = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    facts = {"free": free, "total": total}
    if free >= LEAST_MEMORY:
        return Finding("memory", text, facts=facts)
    advice = f"under {LEAST_MEMORY / GIB:.0f} GiB a worker may be killed: end what holds it, or measure fewer rows"
    return Finding("memory", f"{text}; {advice}", "note", facts)


def disks(results: Path) -> Iterator[Finding]:
    """Free space where records lie and where the cache is."""
    yield _disk("results disk", results)
    try:
        cache = cache_folder()
    except UserError as error:
        yield Finding("cache disk", str(error), "wrong")
        return
    yield _disk("cache disk", cache, keeps_free=KEPT_FREE)


def _disk(subject: str, folder: Path, keeps_free: int = 0) -> Finding:
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), Path("/"))
    found = shutil.disk_usage(there)
    text = f"{found.free / GIB:.1f} of {found.total / GIB:.1f} GiB free at {folder}"
    facts = {"folder": str(folder), "free": found.free, "total": found.total}
    if not os.access(there, os.W_OK):
        return Finding(subject, f"{text}; no permission to write to {there}: get it, or choose another", "wrong", facts)
    if found.free < LEAST_DISK:
        advice = f"under {LEAST_DISK / GIB:g} GiB a record may not be written: free some"
        return Finding(subject, f"{text}; {advice}", "wrong", facts)
    if keeps_free and found.free < found.total / keeps_free:
        advice = (
            f"decoded frames are not kept on the last {100 // keeps_free} % of a disk: free some, or trainings wait"
        )
        return Finding(subject, f"{text}; {advice} for decoding", "note", facts)
    return Finding(subject, text, facts=facts)


def clock_rate() -> Finding:
    """The governor of the processor's frequency, and whether it may go above its nominal one."""
    base = resources.SYSTEM / "devices/system/cpu"
    governors = sorted({" ".join(words(file)) for file in base.glob("cpu*/cpufreq/scaling_governor")} - {""})
    boost = words(base / "cpufreq/boost") or [
        {"0": "1", "1": "0"}.get(w, w) for w in words(base / "intel_pstate/no_turbo")
    ]
    facts = {"governors": governors, "boost": boost[0] == "1" if boost else None}
    if not governors:
        return Finding("clock rate", "the governor is not readable here, as in most virtual machines", facts=facts)
    text = f"governor {' and '.join(governors)}"
    text += f", boost {'on' if facts['boost'] else 'off'}" if boost else ""
    if governors == ["performance"]:
        return Finding("clock rate", text, facts=facts)
    advice = "the clock follows the load, which the first rounds feel: cpupower frequency-set -g performance"
    return Finding("clock rate", f"{text}; {advice}", "note", facts)


def heat() -> Finding:
    """The hottest sensor, and how often the processor has slowed down for heat since the machine started."""
    degrees = [
        int(found[0]) / 1000
        for file in resources.SYSTEM.glob("class/thermal/thermal_zone*/temp")
        if (found := words(file))
    ]
    counts = [
        int(found[0])
        for file in resources.SYSTEM.glob("devices/system/cpu/cpu*/thermal_throttle/core_throttle_count")
        if (found := words(file))
    ]
    facts = {"degrees": max(degrees, default=None), "slowed": sum(counts) if counts else None}
    if not degrees and not counts:
        return Finding("heat", "no sensor is readable here, as in most virtual machines", facts=facts)
    parts = [f"{max(degrees):.0f} °C"] if degrees else []
    parts += [f"slowed down for heat {sum(counts)} times since it started"] if counts else []
    if (degrees and max(degrees) >= HOT) or sum(counts):
        return Finding("heat", f"{', '.join(parts)}: cool it, or let it rest between sessions", "note", facts)
    return Finding("heat", ", ".join(parts), facts=facts)


def variables() -> Finding:
    """What of the environment changes a number: what records then tell, and what is not heeded."""
    told, aside = environment.told(), environment.aside()
    facts = {"told": told, "aside": aside}
    said = [f"{name}={value}, which records tell" for name, value in told.items()]
    said += [f"{name} is not heeded: a measurement's own settings say how it is computed" for name in aside]
    if not said:
        return Finding("environment", "no variable is set that changes a number", facts=facts)
    return Finding("environment", "; ".join(said), "note", facts)


def _described() -> str:
    facts = machine.describe()
    parts = [facts["cpu"], f"{facts['cores']} cores", f"{facts['memory_gib']} GiB"]
    parts += [facts["gpu"]] if facts["gpu"] else []
    return f"{machine.name()}: {', '.join(parts)}, {platform.system()} {platform.release()}"
