"""Cutting training tracklets."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reidbench.data.tracklets import Dataset, Tracklet, cut_training


@given(st.integers(1, 400), st.integers(0, 70))
def test_a_cut_loses_no_frame_and_makes_no_short_piece(frames: int, length: int) -> None:
    tracklet = Tracklet(tuple(f"t/{n}" for n in range(frames)), 9, 1, {"group": "g"})
    found = Dataset("x", Path("x"), (tracklet,), (), (), "f", True)
    cut = cut_training(found, length)
    assert [f for t in cut.train for f in t.frames] == list(found.train[0].frames)
    assert all((t.identity, t.camera, t.traits) == (9, 1, {"group": "g"}) for t in cut.train)
    if 0 < length <= frames:
        assert all(length <= len(t.frames) < 2 * length for t in cut.train)
        assert all(len(t.frames) == length for t in cut.train[:-1])
    else:
        assert len(cut.train) == 1
    assert (cut == found) == (length == 0)
