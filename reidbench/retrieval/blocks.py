"""Blocks of rows and columns, so that a matrix of all rows by all columns is never held."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK = 1 << 25
"""Numbers in a block (128 MiB in single precision)."""

FEW, MANY = 512, 2048
"""Rows below which a block of whole rows wastes the work of reading all columns for them, and rows that share the
reading well."""

ALIGNED = 64
"""Columns of a part are a multiple of this where it has so many: at a matrix's edge, where the product's kernel is not
filled, equal vectors may round differently."""


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices that together cover `rows` rows, each of as many as fit into a block of so many columns."""
    at_once = max(1, BLOCK // max(1, columns))
    yield from (slice(start, start + at_once) for start in range(0, rows, at_once))


def tiles(rows: int, columns: int, at_most: int) -> Iterator[tuple[slice, tuple[slice, ...]]]:
    """Blocks that together cover a matrix: some of its rows, each time with the parts that all columns are cut into.

    The columns stay whole where a block of them has room for `FEW` rows, or for all there are, and where they are not
    more than `at_most` for a part.
    """
    if columns <= at_most and BLOCK // max(1, columns) >= min(rows, FEW):
        yield from ((some, (slice(0, columns),)) for some in row_blocks(rows, columns))
        return
    height = max(1, min(rows, MANY, BLOCK))
    width = max(1, min(at_most, BLOCK // height))
    width -= width % min(width, ALIGNED)
    parts = tuple(slice(start, min(columns, start + width)) for start in range(0, columns, width))
    yield from ((slice(start, start + height), parts) for start in range(0, rows, height))
