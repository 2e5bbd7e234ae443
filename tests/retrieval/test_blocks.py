from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.retrieval import blocks
from reidbench.retrieval.blocks import ALIGNED, FEW, row_blocks, tiles

COUNTS = st.integers(1, 3000)


@given(COUNTS, COUNTS, st.integers(1, 4000), st.integers(1, 1 << 16))
def test_tiles_cover_everything_once_within_a_block(rows: int, columns: int, at_most: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        covered = np.zeros((rows, columns), dtype=np.int8)
        for some, parts in tiles(rows, columns, at_most):
            for part in parts:
                tile = covered[some, part]
                assert tile.size <= max(block, columns if len(parts) == 1 else 0) and tile.shape[1] <= max(at_most, 1)
                tile += 1
    assert (covered == 1).all()


@given(COUNTS, st.integers(0, 3000), st.integers(1, 1 << 16))
def test_blocks_of_whole_rows_follow_each_other_and_are_as_high_as_fits(rows: int, columns: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        found = list(row_blocks(rows, columns))
    height = found[0].stop
    assert [(some.start, some.stop) for some in found] == [(n, n + height) for n in range(0, rows, height)]
    assert height == 1 or height * columns <= block
    assert (height + 1) * max(1, columns) > block


def test_a_gallery_of_the_benchmarks_stays_whole() -> None:
    """So that its distance matrix is the one product that it was before there were parts."""
    for queries, gallery in ((1_980, 11_310), (702, 2_636), (3_000, 60_000), (1, 10_000_000)):
        found = list(tiles(queries, gallery, gallery))
        assert all(parts == (slice(0, gallery),) for _, parts in found)
        assert [rows for rows, _ in found] == list(row_blocks(queries, gallery))


def test_parts_of_a_large_gallery_end_where_the_product_does_not() -> None:
    ((_, parts),) = tiles(FEW + 100, 1_000_000, 1_000_000)
    assert len(parts) > 1 and all(part.stop % ALIGNED == 0 for part in parts[:-1]) and parts[-1].stop == 1_000_000
