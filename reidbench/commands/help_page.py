"""What `bench.py --help` shows: the commands by what they are for, the suites apart. Imports no torch."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping

from reidbench.program import program

GROUPS: Mapping[str, tuple[str, ...]] = {
    "see what there is": ("list", "data", "doctor"),
    "measure and record": ("SUITE", "profile", "audit", "evaluate"),
    "one model, piece by piece": ("train", "protocols", "embed", "score", "trace", "export", "convert"),
    "report and compare": ("report", "machines", "check", "compare", "calibrate", "history"),
}
"""The commands by what they are for; SUITE stands for any suite."""

COMMANDS = tuple(name for names in GROUPS.values() for name in names if name != "SUITE")
"""What no suite may be named."""

SUITE = "measure what a suite lacks, and write its report"

TO_BEGIN = ("doctor", "table2 --preset tiny", "profile bicnet_tks")


def usage() -> str:
    """How the command is called."""
    return f"{program()} COMMAND [options]\n       {program()} COMMAND --help"


def help_page(abouts: Mapping[str, str]) -> str:
    """Every command and suite with the line about it, wrapped to the terminal."""
    suites = {name: about for name, about in abouts.items() if name not in COMMANDS}
    width = min(max(shutil.get_terminal_size().columns, 60), 120)
    column = max(map(len, abouts))
    to_begin = f"To begin: {', '.join(f'{program()} {command}' for command in TO_BEGIN)}"
    parts = [
        _group(title, {name: abouts.get(name, SUITE) for name in names}, column, width)
        for title, names in GROUPS.items()
    ]
    return "\n\n".join([*parts, _group("suites", suites, column, width), to_begin])


def _group(title: str, entries: Mapping[str, str], column: int, width: int) -> str:
    indent = " " * (column + 4)
    lines = [
        textwrap.fill(f"  {name:<{column}}  {about}", width, subsequent_indent=indent, break_on_hyphens=False)
        for name, about in entries.items()
    ]
    return "\n".join([f"{title}:", *lines])
