"""What a worker tells its runner: one JSON object a line; whatever else arrives is garbage. Imports no torch.

"progress" (key, done, total, note), "waits" (path: another process makes what is needed), "outcome" (key, started,
seconds, outcome), "error" (keys, started, seconds, status, error) and "tried" (keys: their model may be measured).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Container
from pathlib import Path
from typing import Any, TextIO

from reidbench.spec import STATUSES, Cell, Outcome
from reidbench.store import refuse_constant

PROGRESS_EVERY = 0.25
"""Seconds between two progress events."""

LONGEST = 2**26
"""Characters that a line may have, so that one without an end does not fill the runner's memory."""

FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "progress": {"key": str, "done": int, "total": int, "note": str},
    "waits": {"path": str},
    "outcome": {"key": str, "started": str, "seconds": (int, float), "outcome": dict},
    "tried": {"keys": list},
    "error": {"keys": list, "started": str, "seconds": (int, float), "status": str, "error": str},
}


class Events:
    """Writes events; a runner that is gone ends the process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = 0.0

    def emit(self, event: str, **content: Any) -> None:
        """Raises ValueError or TypeError, and writes nothing, where the content is not JSON's."""
        line = json.dumps({"event": event, **content}, allow_nan=False) + "\n"
        try:
            self._stream.write(line)
            self._stream.flush()
        except BrokenPipeError:
            os._exit(1)

    def progress(self, cell: Cell, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= PROGRESS_EVERY or done >= total:
            self._last = now
            self.emit("progress", key=cell.key, done=done, total=total, note=note)

    def waits(self, path: Path) -> None:
        self.emit("waits", path=str(path))


def read_event(line: str, waiting: Container[str]) -> dict[str, Any]:
    """The event of a line; outcomes, errors and trials must be of cells, by their keys, that are `waiting`.

    Raises ValueError, whose message shows how the line begins, for anything else.
    """
    try:
        event = json.loads(line, parse_constant=refuse_constant)
        fields = FIELDS[event["event"]]
        fits = set(event) == {"event", *fields} and all(isinstance(event[name], fields[name]) for name in fields)
        if fits and event["event"] == "outcome":
            Outcome(**event["outcome"])
            fits = event["key"] in waiting
        if fits and "keys" in fields:
            fits = all(key in waiting for key in event["keys"])
        if fits and event["event"] == "error":
            fits = event["status"] in STATUSES[1:]
    except (ValueError, TypeError, KeyError, RecursionError):
        fits = False
    if not fits:
        raise ValueError(f"{line.strip()[:60]!r}")
    return dict(event)
