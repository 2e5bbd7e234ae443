"""A dataset in numbers, against what was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import DUKE_DISTRACTORS, DUKE_TRAIN, write_duke, write_frame

from reidbench.data.description import describe
from reidbench.data.duke import duke
from reidbench.data.mars import read_layout
from reidbench.spec import UserError


def test_parts_lengths_and_cameras_are_those_written(tmp_path: Path) -> None:
    found = describe(duke(str(write_duke(tmp_path / "duke")), subset=True, dense=0))
    assert list(found.parts) == ["training", "queries", "gallery", "distractors"]
    assert found.parts["training"].lengths == tuple(frames for *_, frames in DUKE_TRAIN)
    assert found.parts["training"].per_camera == {1: 1, 2: 2, 8: 1}
    assert found.parts["training"].identities == 2 and found.parts["distractors"].identities == 0
    assert len(found.parts["distractors"].lengths) == len(DUKE_DISTRACTORS)
    assert found.cameras == [1, 2, 3, 5, 8]
    assert found.matches == {"queries in the gallery": (2, 1), "queries left out": (2, 1)}


def test_junk_is_a_part_of_its_own(mars_tree: Path) -> None:
    assert describe(read_layout(mars_tree, name="tiny")).parts["junk"].lengths == (2,)


def test_sizes_are_looked_at_in_a_sample(tmp_path: Path) -> None:
    root = write_duke(tmp_path / "duke")
    write_frame(root / "gallery/0007/0001/0007_C1_F0001_D1001.jpg", (1,), (40, 20))
    found = describe(duke(str(root), subset=True))
    assert found.sizes[8, 4] > found.sizes[40, 20] == 1
    (root / "gallery/0007/0001/0007_C1_F0001_D1001.jpg").write_bytes(b"x")
    with pytest.raises(UserError, match=r"0007_C1_F0001_D1001\.jpg: damaged frame"):
        describe(duke(str(root), subset=True))
