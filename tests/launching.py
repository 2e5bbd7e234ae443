"""Starts a script in several processes that find each other, as torchrun would, and waits for them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import reidbench

ROOT = Path(reidbench.__file__).parents[1]


def start(script: Path, *arguments: object, processes: int = 2) -> list[subprocess.Popen[str]]:
    """The processes in order of rank, each with one thread and its output in pipes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


def finish(running: list[subprocess.Popen[str]], seconds: float = 240) -> list[tuple[int, str]]:
    """The exit code and what each wrote to stderr. None is left running, however this ends."""
    try:
        return [(process.wait(seconds), process.communicate()[1]) for process in running]
    finally:
        for process in running:
            process.kill()


def together(script: Path, *arguments: object, processes: int = 2) -> None:
    """Runs a script in all processes, none of which may fail."""
    ends = finish(start(script, *arguments, processes=processes))
    assert [code for code, _ in ends] == [0] * processes, "\n".join(errors for _, errors in ends)
