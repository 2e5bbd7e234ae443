"""Tables as plain text, no line wider than the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from reidbench.reporting.documents.block import text_lines
from reidbench.reporting.tables.layout import blocks
from reidbench.reporting.tables.table import Table

MARKS = {
    "±": "±: half the width of a 95 % interval",
    r"\[-?[\d.]+, ": "[l, u]: a 95 % interval",
    r"\(\d[\d.]*\)": "(s): the standard deviation over trainings, which intervals leave out",
    r"\*$": "*: best of its column by more than the noise",
}
"""What stands in cells, as a regular expression, and what it means."""


def terminal_text(table: Table, width: int) -> str:
    """The table for a terminal: no markup; the best of a column is marked with an asterisk. A last line says what the
    marks in its cells mean."""
    parts = []
    cells: list[str] = []
    for block in blocks(table, width):
        lines = [
            [text + "*" if (y, x) in block.bold else text for x, text in enumerate(line)]
            for y, line in enumerate(block.lines)
        ]
        cells += (text for _, *own in lines for text in own)
        parts.append("\n".join([block.title, *text_lines([block.header, *lines]), *block.notes]))
    told = [meaning for mark, meaning in MARKS.items() if any(re.search(mark, text) for text in cells)]
    if told:
        parts.append(textwrap.fill("; ".join(told) + ".", width, break_on_hyphens=False))
    return "\n\n".join(parts)


def text_tables(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """The lines of rows of cells as one table, or as several that fit into `width`, each with the first column."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    shelves: list[list[int]] = []
    used = 0
    for place, own in enumerate(others, 1):
        if not shelves or used + 2 + own > width:
            shelves.append([0])
            used = first
        shelves[-1].append(place)
        used += 2 + own
    return [text_lines([[row[place] for place in shelf] for row in rows]) for shelf in shelves]
