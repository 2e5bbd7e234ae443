"""A fresh process that measures the cells of one job: `python -m reidbench.worker`, a job on stdin, events on stdout.

A job is one JSON object: {"cells": [...], "plugins": [...]}. Events are JSON lines: "progress" (key, done, total,
note), "outcome" (key, started, seconds, outcome) and "error" (keys, started, seconds, status, error). Whatever the
measured code prints goes to stderr, which the runner keeps as the job's log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

from reidbench import machine, registry
from reidbench.registry import Measurement
from reidbench.spec import Cell, UserError

PROGRESS_EVERY = 0.25
"""Seconds between two progress events."""


class Events:
    """Writes events; a runner that is gone ends the process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = 0.0

    def emit(self, event: str, **content: Any) -> None:
        try:
            self._stream.write(json.dumps({"event": event, **content}, allow_nan=False) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            os._exit(1)

    def progress(self, cell: Cell, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= PROGRESS_EVERY or done >= total:
            self._last = now
            self.emit("progress", key=cell.key, done=done, total=total, note=note)


def main() -> int:
    """Reads the job, measures, reports. Returns 0 even when cells failed: their events say so."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    job = json.load(sys.stdin)
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    events = Events(stream)
    for plugin in job["plugins"]:
        registry.add_plugin(plugin)
    cells = [Cell(**cell) for cell in job["cells"]]
    measurement = registry.measurements()[cells[0].measurement]
    jointly = [cells] if measurement.mode == "interleaved" else [[cell] for cell in cells]
    for some in jointly:
        measure(measurement, some, events)
    return 0


def measure(measurement: Measurement, cells: Sequence[Cell], events: Events) -> None:
    """Measures cells that share their fate: an error is that of all of them that have no outcome yet."""
    waiting = {cell.key for cell in cells}
    started, clock = machine.now(), time.monotonic()
    try:
        for cell, outcome in measurement.function(cells, events.progress):
            waiting.discard(cell.key)
            seconds = time.monotonic() - clock
            events.emit("outcome", key=cell.key, started=started, seconds=seconds, outcome=asdict(outcome))
    except Exception as error:
        traceback.print_exc()
        events.emit(
            "error",
            keys=sorted(waiting),
            started=started,
            seconds=time.monotonic() - clock,
            status="out-of-memory" if _is_out_of_memory(error) else "failed",
            error=_one_line(error),
        )


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"[:500]


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    from reidbench.profiling.latency import is_out_of_memory

    return is_out_of_memory(error)


if __name__ == "__main__":
    raise SystemExit(main())
