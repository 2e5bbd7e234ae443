"""Blocks of rows, so that a matrix of all rows by all columns is never held."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK = 1 << 25
"""Numbers in a block (128 MiB in single precision)."""


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices that together cover `rows` rows, each of as many as fit into a block of so many columns."""
    at_once = max(1, BLOCK // max(1, columns))
    yield from (slice(start, start + at_once) for start in range(0, rows, at_once))
