"""Peak memory of starting a network and sending clips through it, in this process: give it a fresh one."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from reidbench.profiling.latency import Run, check_device

PASSES = 2
"""The first pass also allocates what the kernels keep (packed weights, workspaces), which a second one uses."""

WATCHED_EVERY = 0.003
"""Seconds between two readings of memory while something runs."""


@dataclass(frozen=True)
class Memory:
    """Bytes. On a CPU the peak of the process's resident memory, on CUDA the peak of what torch's allocator gave out.

    `peak` holds all that the process has, whoever's it is: of networks in one process compare `added`. `before` is the
    same memory just before the network was started; `reserved` is the peak of what the CUDA allocator took from the
    device (0 on a CPU).
    """

    peak: int
    before: int
    reserved: int = 0

    @property
    def added(self) -> int:
        """What the model, its clips and its activations need on top of the process.

        Less what the process had freed and kept: too little in one that has computed before, unless that was given back
        (`give_back`).
        """
        return self.peak - self.before


def peak_memory(start: Callable[[], Run], *, device: str = "cpu") -> Memory:
    """Starts a network, computes with it and reads the peak.

    On a CPU the peak is that of the whole life of the process where the platform cannot forget an earlier one (Linux
    can). Raises UserError for a device that is not there.
    """
    check_device(device)
    if torch.device(device).type == "cuda":
        # The library of matrix products keeps a workspace in torch's memory, tens of megabytes, from the first one on:
        # with it before, a network that has one matrix product is not charged for it beside those that have none.
        torch.mm(torch.ones(1, 1, device=device), torch.ones(1, 1, device=device))
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    else:
        _forget_peak()
        before = resident()
    run = start()
    for _ in range(PASSES):
        run()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
        return Memory(torch.cuda.max_memory_allocated(device), before, torch.cuda.max_memory_reserved(device))
    # The system counts the two by themselves, and what it says of the peak can be some pages behind.
    return Memory(max(peak_resident(), before), before)


def added_privately(run: Callable[[], object]) -> int | None:
    """Bytes that a call takes at its peak beyond what the process held, pages of mapped files apart.

    Read every few milliseconds from another thread. Memory that the process has freed and kept is given back before,
    or what the call takes of it would not show. None where the system does not tell (it is not Linux).
    """
    give_back()
    before = _linux_status().get("RssAnon")
    if before is None:
        return None
    peak, ended = before, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(WATCHED_EVERY):
            peak = max(peak, _linux_status()["RssAnon"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run()
    finally:
        ended.set()
        watcher.join()
    return 1024 * (peak - before)


def give_back() -> None:
    """Gives the system what was freed and kept, where the C library can."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resident() -> int:
    """Bytes of this process that are in memory now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_resident() -> int:
    """The most bytes of this process that were in memory at once.

    Linux's VmHWM comes first: its `ru_maxrss` starts at the parent's resident size and so hides a small child.
    """
    status = _linux_status()
    if "VmHWM" in status:
        return status["VmHWM"] * 1024
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _linux_status() -> dict[str, int]:
    """The sizes in /proc/self/status in kB by name; empty elsewhere."""
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    lines = (line.split() for line in text.splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) == 3 and words[2] == "kB"}


def _forget_peak() -> None:
    """Sets VmHWM back to the present size where the kernel allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return
