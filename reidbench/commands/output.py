"""What commands print: results, progress, failures, JSON. Imports no torch."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from reidbench.launch import launched
from reidbench.spec import Record


def print_result(result: dict[str, Any], arguments: Namespace) -> int:
    """Prints names with values, or with values and their bounds, as lines or as JSON; returns the exit code."""
    if arguments.json:
        print_json(result)
    else:
        width = max(map(len, result))
        for name, value in result.items():
            shown = "{value} ({low} to {high})".format(**value) if isinstance(value, dict) else value
            print(f"{name:<{width}}  {shown}")
    return 0


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=1, default=asdict))


def print_progress(done: int, total: int, note: str) -> None:
    """One line on stderr, from one of several processes."""
    if launched().leads:
        print(f"{done}/{total} {note}", file=sys.stderr, flush=True)


def tell_failures(failures: Iterable[Record]) -> None:
    """Names on stderr what could not be measured."""
    for failure in failures:
        print(f"bench.py: {failure.row} · {failure.cell['measurement']}: {failure.error}", file=sys.stderr)
