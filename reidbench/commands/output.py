"""What commands print: results, progress, failures, JSON. Imports no torch."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from reidbench.launch import launched
from reidbench.program import program
from reidbench.running.pace import LINE_EVERY, Pace
from reidbench.spec import Advance, Record

TO_LINE_END = "\x1b[K"
"""Clears what a longer line left there."""


def print_result(result: dict[str, Any], arguments: Namespace) -> int:
    """Prints names with values as lines or as JSON; returns the exit code."""
    if arguments.json:
        print_json(result)
    else:
        width = max(map(len, result))
        for name, value in result.items():
            print(f"{name:<{width}}  {value}")
    return 0


def print_json(content: Any) -> None:
    """Prints JSON, dataclasses as objects; null stands for a number that is not finite, which JSON has no word for."""
    finite = json.loads(json.dumps(content, default=asdict), parse_constant=lambda _: None)
    print(json.dumps(finite, indent=1, allow_nan=False))


@contextlib.contextmanager
def telling_progress() -> Iterator[Advance]:
    """Gives `progress(done, total, note)`, which tells on stderr where a long work is, from one of several processes.

    On a terminal one line is written over and over, elsewhere a line every `LINE_EVERY` seconds and a last one.
    """
    stream, pace, told, open_line = sys.stderr, Pace.started(time.monotonic()), time.monotonic(), False

    def progress(done: int, total: int, note: str) -> None:
        nonlocal pace, told, open_line
        now = time.monotonic()
        pace = pace.reached(now, done, total)
        text = f"{done}/{total} {note}{pace.text_left(now)}"
        if stream.isatty():
            stream.write(f"\r{text[: shutil.get_terminal_size().columns - 1]}{TO_LINE_END}")
            stream.flush()
            open_line = True
        elif done == total or now - told >= LINE_EVERY:
            told = now
            print(text, file=stream, flush=True)

    try:
        yield progress if launched().leads else lambda done, total, note: None
    finally:
        if open_line:
            print(file=stream, flush=True)


def tell_failures(failures: Iterable[Record]) -> None:
    """Names on stderr what could not be measured."""
    for failure in failures:
        print(f"{program()}: {failure.row} · {failure.cell['measurement']}: {failure.error}", file=sys.stderr)
