"""What a container or a job leaves this process of the machine, and what running out of it looks like. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SYSTEM = Path("/sys")
PROCESSES = Path("/proc")

OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What torch's CPU allocator, the CUDA runtime and its libraries say, each in a plain RuntimeError."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether Python, or torch on any device, ran out of memory."""
    told = isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY)
    return told or isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


class Memory(NamedTuple):
    """Bytes of memory: those there are, and those that can be had now without swapping."""

    total: int
    free: int


def memory() -> Memory:
    """That of this machine, or what a container or job may take of it and has left where that is less."""
    import psutil

    found = psutil.virtual_memory()
    total, free = found.total, found.available
    for folder in control_groups("memory"):
        for limit, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            for most in map(int, filter(str.isdigit, words(folder / limit))):
                used = sum(map(int, words(folder / usage))) - _reclaimable(folder)
                total, free = min(total, most), min(free, max(0, most - used))
    return Memory(total, free)


def _reclaimable(folder: Path) -> int:
    """Bytes of a control group's memory that hold files and go where they are in the way."""
    found = dict(line.split(maxsplit=1) for line in _lines(folder / "memory.stat") if " " in line)
    return int(found.get("total_inactive_file", found.get("inactive_file", 0)))


def cpu_quota() -> float | None:
    """The cores that this process's control groups leave it, the least of all levels; None where nothing limits it."""
    found = []
    for folder in control_groups("cpu"):
        unified, period = words(folder / "cpu.max"), words(folder / "cpu.cfs_period_us")
        quota = words(folder / "cpu.cfs_quota_us")
        if len(unified) == 2 and unified[0] != "max":
            found.append(int(unified[0]) / int(unified[1]))
        elif quota and period and int(quota[0]) > 0:
            found.append(int(quota[0]) / int(period[0]))
    return min(found, default=None)


def control_groups(controller: str) -> Iterator[Path]:
    """The folders of the control groups that this process is in, from its own up to the root, of both versions."""
    root = SYSTEM / "fs/cgroup"
    for line in _lines(PROCESSES / "self/cgroup"):
        _, _, rest = line.partition(":")
        names, _, place = rest.partition(":")
        if names and controller not in names.split(","):
            continue
        top = root / controller if names else root
        own = top / place.strip().lstrip("/")
        # In a container the path is often the host's; then the folder at the top is the container's own.
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top) and folder.is_dir())


def words(file: Path) -> list[str]:
    """The words of a file of the system; none where it cannot be read."""
    return " ".join(_lines(file)).split()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def allowed_cores() -> int:
    """Cores that this process may run on, two of one physical core as two."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
