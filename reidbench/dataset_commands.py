"""`data check` and `data describe`. Imports no torch, except to decode every frame."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reidbench import registry
from reidbench.options import parse_options
from reidbench.plan import Request, choose_preset, dataset_arguments
from reidbench.registry import Entry
from reidbench.reports import print_json

PROGRESS_EVERY = 5.0
"""Seconds between two lines on the progress."""


def data_check(arguments: Namespace) -> int:
    """Compares a dataset's folder with what was published of it. Returns 0 where they agree, else 2."""
    from reidbench.data.checkup import check_tree
    from reidbench.reporting.dataset_text import check_lines

    entry, given = _dataset(arguments)
    if "dense" in entry.options:
        given["dense"] = 0  # What was published are counts of whole tracklets.
    found = check_tree(entry, given, decode=arguments.decode, progress=_now_and_then())
    if arguments.json:
        print_json({**asdict(found), "passed": found.passed})
    else:
        print("\n".join(check_lines(found)))
    return 0 if found.passed else 2


def data_describe(arguments: Namespace) -> int:
    """Shows what a dataset holds, in text and, with `--out`, as a picture."""
    from reidbench.data.description import describe
    from reidbench.reporting.dataset_picture import draw_dataset
    from reidbench.reporting.dataset_text import describe_lines, plain

    entry, given = _dataset(arguments)
    if "subset" in entry.options:
        given["subset"] = True
    found = describe(entry.load()(**given))
    if arguments.out:
        draw_dataset(found, Path(arguments.out))
    if arguments.json:
        print_json(plain(found))
        return 0
    print("\n".join(describe_lines(found)))
    if arguments.out:
        print(f"written: {arguments.out}")
    return 0


def _dataset(arguments: Namespace) -> tuple[Entry, dict[str, Any]]:
    """The dataset asked for and the arguments of its function; its training tracklets are whole unless it is said."""
    options = parse_options("--data", arguments.dataset_options)
    request = Request(dataset=arguments.name, root=arguments.root, dataset_options=options)
    entry = registry.lookup("dataset", arguments.name, registry.datasets())
    given = dataset_arguments(request, choose_preset(request))
    return entry, {**({"dense": 0} if "dense" in entry.options else {}), **given}


def _now_and_then() -> Callable[[int, int, str], None]:
    last = time.monotonic()

    def tell(done: int, total: int, note: str) -> None:
        nonlocal last
        if done == total or time.monotonic() - last >= PROGRESS_EVERY:
            last = time.monotonic()
            print(f"{done}/{total} {note}", file=sys.stderr, flush=True)

    return tell
