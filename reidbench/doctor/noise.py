"""How evenly this machine computes: two small kernels timed again and again, and who disturbs them. No torch."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt

from reidbench import machine
from reidbench.data.cache import cache_folder
from reidbench.doctor.findings import Finding
from reidbench.files import alone
from reidbench.program import beginning
from reidbench.spec import UserError

PRODUCT_SIDE = 768
"""Rows and columns of the matrices whose product is timed: 0.9 G operations, some milliseconds."""

COPIED_BYTES = 2**26
"""More than most processors cache, so that the copy waits for memory."""

WARM_UP = 3
FEWEST = 15
"""Rounds of the warm-up, and those at least of the measurement: as many as a session of the latency measurement has."""

MOST = 20 * FEWEST
"""Rounds beyond which it is no use to say how many it would take."""

OUTLIER = 1.5
"""A reading over so many medians is an outlier."""

QUIET = 0.01
"""Half a 95 % interval of the median of a session's rounds, relative to it. The gate looks for changes of 5 %
(`--least`) and compares two medians: at 1 % each it sees them with room to spare for what differs between sessions."""

FEW_OUTLIERS = 0.02
STOLEN = 0.02
"""Cores that the host of a virtual machine may take, on average."""

SHOWN = 3
"""Processes that are named."""


@dataclass(frozen=True)
class Noise:
    """Seconds by kernel, round by round; cores used by others and taken by the host meanwhile, on average.

    `busiest` are other processes as (name, number, cores), the busiest first.
    """

    seconds: Mapping[str, Sequence[float]]
    other_load: float
    stolen: float
    cores: int
    busiest: Sequence[tuple[str, int, float]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Scatter:
    """Of readings: the median in seconds; relative to it the middle half's width and what a session tells it to within.

    `outliers` is their share.
    """

    median: float
    middle_half: float
    uncertainty: float
    outliers: float
    rounds: int


def examine(seconds: float) -> list[Finding]:
    """Times the kernels for some seconds and judges the noise; not while another run is timing."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone(cache_folder() / "timing", patience=0))
        except TimeoutError:
            return [Finding("noise", "not measured: another run is timing, which that would disturb", "note")]
        except UserError:
            pass  # An unusable cache folder is a finding of its own.
        return judge(measure(seconds))


def measure(seconds: float) -> Noise:
    """Times the kernels in turns for so many seconds, and watches what else the machine does."""
    import psutil

    runs = kernels()
    found: dict[str, list[float]] = {name: [] for name in runs}
    _round(runs, {name: [] for name in runs}, WARM_UP)
    before, stolen, busy = _times_of_processes(), _stolen(), machine.busy_seconds()
    own, began = time.process_time(), time.perf_counter()
    while len(found["product"]) < FEWEST or time.perf_counter() - began < seconds:
        _round(runs, found, 1)
    took = time.perf_counter() - began
    others = machine.busy_seconds() - busy - (time.process_time() - own)
    taken = _stolen() - stolen
    after = _times_of_processes()
    used = [
        (name, pid, (spent - before[pid, name]) / took) for (pid, name), spent in after.items() if (pid, name) in before
    ]
    busiest = sorted((one for one in used if one[1] != os.getpid()), key=lambda one: -one[2])[:SHOWN]
    cores = psutil.cpu_count() or 1
    return Noise(found, max(0.0, others - taken) / took, taken / took, cores, busiest)


def kernels() -> dict[str, Callable[[], object]]:
    """A matrix product, which computes, and a copy of memory, which waits for it. Both are numpy's."""
    import numpy as np

    left, right = np.random.default_rng(0).standard_normal((2, PRODUCT_SIDE, PRODUCT_SIDE), dtype=np.float32)
    product = np.empty_like(left)
    source = np.ones(COPIED_BYTES, dtype=np.uint8)
    target = np.empty_like(source)
    return {"product": lambda: np.matmul(left, right, out=product), "copy": lambda: np.copyto(target, source)}


def judge(noise: Noise) -> list[Finding]:
    """What the readings say, and what to do where they scatter."""
    even = [_kernel(name, scatter(readings)) for name, readings in noise.seconds.items()]
    causes = [_others(noise), _host(noise)]
    findings = [*even, *causes]
    if any(one.mark != "ok" for one in even) and all(one.mark == "ok" for one in causes):
        findings.append(Finding("what to do", _advice(noise.cores), "note"))
    return [*findings, Finding("limits", _limits())]


def scatter(readings: Sequence[float]) -> Scatter:
    """The scatter of readings, by quantiles, which a few outliers do not move."""
    import numpy as np

    low, median, high = (float(value) for value in np.quantile(readings, (0.25, 0.5, 0.75)))
    width = (high - low) / median
    # Of a normal distribution the middle half is 1.349 deviations wide; its median errs by sqrt(pi / 2) of the mean's.
    error = 1.96 * sqrt(np.pi / 2) * (width / 1.349) / sqrt(FEWEST)
    beyond = sum(reading > OUTLIER * median for reading in readings) / len(readings)
    return Scatter(median, width, error, beyond, len(readings))


def _kernel(name: str, found: Scatter) -> Finding:
    title = {"product": "matrix product", "copy": "memory copy"}[name]
    text = (
        f"{1e3 * found.median:.2f} ms at the median of {found.rounds}, the middle half within "
        f"{100 * found.middle_half:.1f} % of that, {100 * found.outliers:.1f} % outliers; "
        f"{FEWEST} rounds tell it to ± {100 * found.uncertainty:.1f} %"
    )
    mark = "ok"
    if found.uncertainty > QUIET:
        mark, needed = "note", ceil(FEWEST * (found.uncertainty / QUIET) ** 2)
        far = f"it would take {needed}" if needed <= MOST else f"more than {MOST} would be needed"
        text += f": for ± {100 * QUIET:.0f} % {far}"
    elif found.outliers > FEW_OUTLIERS:
        mark = "note"
        text += "; outliers that come regularly are a timer's or another process's"
    return Finding(title, text, mark, vars(found))


def _others(noise: Noise) -> Finding:
    facts = {"cores": noise.other_load, "busiest": [list(one) for one in noise.busiest]}
    text = f"other processes use {noise.other_load:.2f} of {noise.cores} cores"
    most = machine.most_load(noise.cores)
    if noise.other_load < most:
        return Finding("other load", text, facts=facts)
    names = [f"{name} ({pid}) {cores:.2f}" for name, pid, cores in noise.busiest if cores >= most / 4]
    who = ", ".join(names) or "none that is visible from here: those of another container or user"
    advice = "end them or wait before anything is timed"
    mark = "wrong" if noise.other_load >= noise.cores / 2 else "note"
    return Finding("other load", f"{text}: {who}; {advice}", mark, facts)


def _host(noise: Noise) -> Finding:
    facts = {"cores": noise.stolen}
    if noise.stolen < STOLEN:
        return Finding("stolen time", "the host of this machine takes no time away", facts=facts)
    text = (
        f"the host of this machine takes {noise.stolen:.2f} cores: choose another hour or machine, or more --sessions"
    )
    return Finding("stolen time", text, "note", facts)


def _advice(cores: int) -> str:
    return (
        "no other process is to blame: set the governor to performance where there is one, pin the threads "
        f"(taskset -c 0-{cores - 1} {' '.join(beginning())} ...), let the machine cool, wait and look again, or let "
        "more rounds make up for it (check --sessions 12)"
    )


def _limits() -> str:
    return (
        f"{FEWEST} rounds, a session's, should tell a median to ± {100 * QUIET:.0f} %, as the gate looks for "
        f"changes of 5 % between two; up to {100 * FEW_OUTLIERS:.0f} % outliers (over {OUTLIER} medians) do not "
        f"move a median; others may use {100 * machine.BUSY:.0f} % of the cores, as in the gate, and from half of all "
        f"on nothing can be timed; the host may take {STOLEN}"
    )


def _round(runs: Mapping[str, Callable[[], object]], into: Mapping[str, list[float]], times: int) -> None:
    for _ in range(times):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            into[name].append(time.perf_counter() - began)


def _stolen() -> float:
    """Seconds that the host of a virtual machine ran something else on its cores; 0 where the system does not tell."""
    import psutil

    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def _times_of_processes() -> dict[tuple[int, str], float]:
    """Seconds that each process has computed, by its number and name."""
    import psutil

    found: dict[tuple[int, str], float] = {}
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]
        if times is not None:
            found[process.pid, process.info["name"] or "?"] = times.user + times.system
    return found
