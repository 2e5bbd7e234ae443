"""A fresh process that measures the cells of one job: `python -m reidbench.running.worker`.

It takes the job on stdin and tells events on stdout. A job is one line of JSON, {"cells": [...], "plugins": [...],
"trial": whether their models are only to be tried}.
Stdin stays open while the runner lives; where it ends, so does the worker. Events are those of
`reidbench.running.events`. Whatever the measured code prints goes to stderr, which the runner keeps as the job's log.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from reidbench import files, machine, registry
from reidbench.registry import Measurement
from reidbench.resources import is_out_of_memory
from reidbench.running.events import Events
from reidbench.running.trials import try_models
from reidbench.spec import Cell, Outcome, UserError

RUNNER_GONE = 3
"""The exit code of a worker whose runner died."""


def main() -> int:
    """Reads the job, measures, reports. Returns 0 even when cells failed: their events say so."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _prefer_as_victim()
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_runner, args=(sys.stdin.fileno(),), daemon=True).start()
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    events = Events(stream)
    files.while_waiting(events.waits)
    for plugin in job["plugins"]:
        registry.add_plugin(plugin)
    cells = [Cell(**cell) for cell in job["cells"]]
    if job["trial"]:
        try_models(cells, events)
        return 0
    measurement = registry.measurements()[cells[0].measurement]
    jointly = [cells] if measurement.mode == "interleaved" else [[cell] for cell in cells]
    for some in jointly:
        measure(measurement, some, events)
    return 0


def measure(measurement: Measurement, cells: Sequence[Cell], events: Events) -> None:
    """Measures cells that share their fate: an error that is raised is that of all of them that have no outcome yet."""
    waiting = {cell.key for cell in cells}
    started, clock = machine.now(), time.monotonic()

    def tell(error: Exception, keys: Iterable[str]) -> None:
        traceback.print_exception(error)
        status = "out-of-memory" if is_out_of_memory(error) else "failed"
        seconds = time.monotonic() - clock
        events.emit("error", keys=sorted(keys), started=started, seconds=seconds, status=status, error=_one_line(error))

    try:
        outcomes = measurement.function(cells, events.progress)
        if not isinstance(outcomes, Iterable):
            given = type(outcomes).__name__
            raise TypeError(
                f"measurement {measurement.name} returns a {given}; let it yield cells with an Outcome each"
            )
        for cell, found in outcomes:
            if isinstance(found, Exception):
                tell(found, [cell.key])
            elif not isinstance(found, Outcome):
                given = type(found).__name__
                raise TypeError(f"measurement {measurement.name} yields a {given} with a cell; let it yield an Outcome")
            else:
                seconds = time.monotonic() - clock
                events.emit("outcome", key=cell.key, started=started, seconds=seconds, outcome=asdict(found))
            waiting.discard(cell.key)
    except Exception as error:
        tell(error, waiting)


def _end_with_the_runner(stdin: int) -> None:
    """Waits for the end of stdin, which the runner holds open; without Python's buffer, whose lock an exit needs."""
    while os.read(stdin, 4096):
        pass
    os._exit(RUNNER_GONE)


def _prefer_as_victim() -> None:
    """Tells Linux to end this process before others, the runner among them, where memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"[:500]


if __name__ == "__main__":
    raise SystemExit(main())
