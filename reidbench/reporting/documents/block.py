"""A printed table as cells of text, and the words that stand in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

CONTINUED = " (continued)"
"""Ends the title of every piece of a table but the first."""


WORDS = {
    "failed": "failed",
    "out-of-memory": "out of memory",
    "skipped": "skipped",
    "missing": "not run",
    "absent": "n/a",
    "published": "-",
}
"""What stands in a cell without a value."""


@dataclass(frozen=True)
class Block:
    """One printed table: every line is as long as the header. `notes` belong to the marks in the header.

    `columns` are the places of the columns that it shows (`Heading.index`). `groups` say what several columns after the
    first have in common, each with how many they are; `caption` are sentences for where the block stands alone.
    """

    title: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    bold: frozenset[tuple[int, int]]
    notes: tuple[str, ...]
    columns: tuple[int, ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    caption: tuple[str, ...] = field(default=(), compare=False)


def titled(title: str, unit: str) -> str:
    """A title with its unit in parentheses, where it has one."""
    return f"{title} ({unit})" if unit else title


def text_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells in columns as wide as they have to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(aligned(cells, widths)).rstrip() for cells in rows]


def aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Names to the left, numbers to the right."""
    return [text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(cells, widths, strict=True))]
