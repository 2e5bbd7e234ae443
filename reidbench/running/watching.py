"""Ends workers that hang, take the machine's memory or flood their log, and says why. Imports no torch."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from reidbench.resources import memory
from reidbench.spec import UserError

LOOK_EVERY = 0.5
"""Seconds between two looks at memory and logs: some ten microseconds each, for timings go on meanwhile."""

IDLE = 0.001
"""The share of one core below which a process does nothing: threads that look at a clock now and then take less."""

MEMORY_SHARE = 0.9
"""Of the machine's memory, or of what its container may take: the workers' together by default."""


@dataclass(frozen=True)
class Limits:
    """When a worker is ended.

    After `idle` seconds in which it neither reports nor computes; after `silent` seconds without a report, however
    busy; the largest when all together hold `memory` bytes that the system cannot take back (neither mapped files nor
    what a worker's own children hold count); and when its log has `log` bytes.
    """

    idle: float = 600.0
    silent: float = 7200.0
    memory: float = math.inf
    log: float = 2.0**30

    @classmethod
    def here(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """The limits of this machine, or those in the environment: seconds and GB. Raises UserError."""
        return cls(
            idle=_limit(environment, "REIDBENCH_IDLE_LIMIT", cls.idle),
            silent=_limit(environment, "REIDBENCH_SILENT_LIMIT", cls.silent),
            memory=_limit(environment, "REIDBENCH_MEMORY_LIMIT", MEMORY_SHARE * memory().total / 1e9) * 1e9,
        )


@dataclass(frozen=True)
class Ending:
    """Why a worker was ended: the status of what it was at, and what to say of it ("the worker ...")."""

    status: str
    reason: str


@dataclass
class Watched:
    """A worker, for how many seconds it has been silent and idle, and its processor seconds at the last look."""

    process: subprocess.Popen[str]
    log: Path
    events: int = 0
    seen: int = 0
    silent: float = 0.0
    idle: float = 0.0
    since_look: float = 0.0
    computed: float = 0.0
    ended_as: Ending | None = None

    def hear(self) -> None:
        """Notes that it reported."""
        self.events += 1

    def end(self, status: str, reason: str) -> None:
        """Kills it and its children, unless it was ended before."""
        self.ended_as = self.ended_as or Ending(status, reason)
        kill_group(self.process)


class Watch:
    """Looks at workers, from a thread of its own, for as long as it is entered."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._watched: list[Watched] = []
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @contextlib.contextmanager
    def over(self, process: subprocess.Popen[str], log: Path) -> Iterator[Watched]:
        """Watches a worker that leads a process group; what is left of the group at the end is killed."""
        watched = Watched(process, log)
        with self._lock:
            self._watched.append(watched)
        try:
            yield watched
        finally:
            with self._lock:
                self._watched.remove(watched)
            kill_group(process)

    def _look(self) -> None:
        pause = min(LOOK_EVERY, self.limits.idle / 4)
        before = time.monotonic()
        while not self._done.wait(pause):
            now = time.monotonic()
            # While this process was itself stopped, it could hear nothing.
            passed, before = min(now - before, 4 * pause), now
            with self._lock:
                for watched in self._watched:
                    self._judge(watched, passed)
                self._judge_memory()

    def _judge(self, watched: Watched, passed: float) -> None:
        limits = self.limits
        if watched.process.poll() is not None:
            # It is gone, and a child of it keeps the pipe open from which the runner reads.
            kill_group(watched.process)
            return
        watched.silent += passed
        watched.idle += passed
        watched.since_look += passed
        if watched.events != watched.seen:
            watched.seen, watched.silent, watched.idle = watched.events, 0.0, 0.0
        if watched.since_look >= min(60.0, limits.idle / 10):
            computed = _processor_seconds(watched.process.pid)
            # Less than before: a child of it ended.
            if abs(computed - watched.computed) > IDLE * watched.since_look:
                watched.idle = 0.0
            watched.since_look, watched.computed = 0.0, computed
        if watched.idle > limits.idle:
            watched.end("failed", f"neither reported nor computed for {limits.idle:g} s{_because('IDLE')}")
        elif watched.silent > limits.silent:
            watched.end("failed", f"reported nothing for {limits.silent:g} s{_because('SILENT')}")
        elif _size(watched.log) > limits.log:
            watched.end("failed", f"wrote more than {limits.log / 1e9:.2g} GB to its log and was ended")

    def _judge_memory(self) -> None:
        held = [(_private_memory(watched.process.pid), watched) for watched in self._watched]
        if sum(size for size, _ in held) > self.limits.memory:
            size, largest = max(held, key=lambda pair: pair[0])
            limit = f"the {self.limits.memory / 1e9:.3g} GB that workers may hold together"
            largest.end("out-of-memory", f"held {size / 1e9:.3g} GB of {limit}{_because('MEMORY')}")


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kills a process that leads a group, and what it started, also where it is itself gone already."""
    process.kill()
    if not hasattr(os, "killpg"):  # Windows has no groups of processes
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _because(name: str) -> str:
    return f" and was ended (REIDBENCH_{name}_LIMIT)"


def _limit(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not value > 0:
        raise UserError(f"environment: {name} is {text!r}; give a number above 0, or inf for no limit")
    return value


def _processor_seconds(pid: int) -> float:
    """Processor time of a process and of all below it."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                total += times.user + times.system
    return total


def _private_memory(pid: int) -> int:
    """Resident bytes of a process that no file and no other process shares; 0 where it is gone."""
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(pid).memory_info()
        return int(found.rss - getattr(found, "shared", 0))
    return 0


def _size(log: Path) -> int:
    with contextlib.suppress(OSError):
        return log.stat().st_size
    return 0
