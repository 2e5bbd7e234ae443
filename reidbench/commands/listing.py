"""What there is: the command `list`. Imports no torch."""

from __future__ import annotations

import re
import shutil
import textwrap
from argparse import Namespace
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from reidbench import presets, registry
from reidbench.commands.listing_one import about_models, facts_of, lines_of
from reidbench.commands.output import print_json
from reidbench.deployment.backends import BACKENDS, Backend, missing
from reidbench.retrieval.protocols import PROTOCOLS, in_full
from reidbench.spec import printable

UNWRAPPED = 1000
"""Columns of what is no terminal."""


def list_everything(arguments: Namespace) -> int:
    """Prints every registered thing with one line; of those that are named, what they consist of."""
    if arguments.names:
        return _list_some(arguments)
    groups = {
        "models": about_models(),
        "datasets": {name: entry.about for name, entry in registry.datasets().items()},
        "suites": {name: registry.suite_about(name) for name in registry.suite_paths()},
        "measurements": {name: found.about for name, found in registry.measurements().items()},
        "presets": {name: preset.about for name, preset in presets.PRESETS.items()},
        "protocols": {name: in_full(protocol.about) for name, protocol in PROTOCOLS.items()},
        "backends": {name: _backend_text(backend) for name, backend in BACKENDS.items()},
    }
    if arguments.json:
        print_json(groups)
        return 0
    # Wrapped on a terminal only: what reads a pipe wants a line each.
    width = shutil.get_terminal_size((UNWRAPPED, 24)).columns
    column = max(len(name) for entries in groups.values() for name in entries)
    indent = " " * (column + 3)
    for title, entries in groups.items():
        print(title)
        for name, about in entries.items():
            text = f"  {name:<{column}} {printable(about)}"
            print(textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False))
    return 0


def _list_some(arguments: Namespace) -> int:
    found = [facts for name in arguments.names for facts in facts_of(name)]
    if arguments.json:
        print_json(found)
    else:
        width = shutil.get_terminal_size((UNWRAPPED, 24)).columns
        print("\n\n".join("\n".join(_wrapped([*map(printable, lines_of(facts))], width)) for facts in found))
    return 0


def _wrapped(lines: Sequence[str], width: int) -> Iterator[str]:
    """The lines for a terminal: those of a paragraph filled anew, those of a table over as many as they take.

    Commands, which are to be copied, stay as they are; so does all where `width` is that of no terminal.
    """
    style: Any = {"break_on_hyphens": False, "break_long_words": False}
    for kind, own in groupby(lines, key=_kind):
        if width == UNWRAPPED or kind in ("command", ""):
            yield from own
        elif kind == "prose":
            yield textwrap.fill(" ".join(own), width, **style)
        else:
            for line in own:
                beside = re.match(r" +\S.*?  +", line)
                yield textwrap.fill(line, width, subsequent_indent=" " * (beside.end() if beside else 4), **style)


def _kind(line: str) -> str:
    if not line or line.startswith("python "):
        return line and "command"
    return "table" if line.startswith(" ") else "prose"


def _backend_text(backend: Backend) -> str:
    where = "; ".join(f"{device}: {', '.join(precisions)}" for device, precisions in backend.precisions.items())
    lacking = missing(backend.packages, backend.extra)
    return f"{backend.about} ({where})" + (f"; {lacking}" if lacking else "")
