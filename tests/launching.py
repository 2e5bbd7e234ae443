"""Starts a script in several processes that find each other, as torchrun would, and waits for them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import reidbench

ROOT = Path(reidbench.__file__).parents[1]

TAKEN = "EADDRINUSE"
"""What the first process says where another program took the port after it had been found free."""


def start(script: Path, *arguments: object, processes: int = 2) -> list[subprocess.Popen[str]]:
    """The processes in order of rank, each with one thread and its output in pipes."""
    port = free_port()
    common = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
    command = [sys.executable, str(script), *map(str, arguments)]
    return [
        subprocess.Popen(
            command,
            env={**common, "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": str(processes)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def none_left(running: Iterable[subprocess.Popen[Any]]) -> Iterator[None]:
    """None of these processes, nor a pipe to them, is left, however the block ends."""
    try:
        yield
    finally:
        started = list(running)
        for process in started:
            process.kill()
        for process in started:
            with process:
                pass  # waits for it and closes the pipes


def finish(running: list[subprocess.Popen[str]], seconds: float = 240) -> list[tuple[int, str]]:
    """The exit code and what each wrote to stderr. None is left running, however this ends."""

    def end(process: subprocess.Popen[str]) -> tuple[int, str]:
        errors = process.communicate(timeout=seconds)[1]
        if TAKEN in errors:
            for other in running:
                other.kill()  # it would look for the first one at a stranger's
        return process.returncode, errors

    # All are read at once: one that another waits for must not wait for room in its pipe.
    with none_left(running), ThreadPoolExecutor(len(running)) as pool:
        return list(pool.map(end, running))


def together(script: Path, *arguments: object, processes: int = 2) -> None:
    """Runs a script in all processes, none of which may fail."""
    ends = finish(start(script, *arguments, processes=processes))
    if TAKEN in ends[0][1]:
        ends = finish(start(script, *arguments, processes=processes))
    assert [code for code, _ in ends] == [0] * processes, "\n".join(errors for _, errors in ends)
