"""iLIDS-VID's layout and its ten splits."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat
from trees import ILIDS_PERSONS, ilids_splits, write_frame, write_ilids

from reidbench.data import ilids as module
from reidbench.data.census import count, matches
from reidbench.data.ilids import ilids
from reidbench.data.tracklets import Dataset
from reidbench.data.tree import in_order
from reidbench.spec import UserError

CAM2 = "i-LIDS-VID/sequences/cam2"


def read(root: Path, **options: int) -> Dataset:
    return ilids(str(root), subset=True, **options)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_ilids(tmp_path / "ilids")


@pytest.mark.parametrize("split", range(1, 11))
def test_the_first_half_of_a_split_is_tested(tree: Path, split: int) -> None:
    found = read(tree, split=split)
    order = [ILIDS_PERSONS[place - 1] for place in ilids_splits()[split - 1]]
    assert [(t.identity, t.camera) for t in found.query] == [(person, 1) for person in sorted(order[:2])]
    assert [(t.identity, t.camera) for t in found.gallery] == [(person, 2) for person in sorted(order[:2])]
    assert [(t.identity, t.camera) for t in found.train] == [(p, c) for p in sorted(order[2:]) for c in (1, 2)]
    assert not found.queries_in_gallery and 0 not in matches(found)["queries left out"]


def test_each_split_is_another_dataset_and_the_first_is_the_default(tree: Path) -> None:
    assert len({read(tree, split=split).fingerprint for split in range(1, 11)}) > 3
    assert read(tree) == read(tree, split=1)


def test_listing_order_decides_nothing(tree: Path, request: pytest.FixtureRequest) -> None:
    straight = [read(tree, split=split) for split in (1, 2, 3)]
    request.getfixturevalue("backwards")
    assert [read(tree, split=split) for split in (1, 2, 3)] == straight


@given(st.permutations(range(1, 400)))
def test_persons_and_frames_are_sorted_as_numbers(numbers: list[int]) -> None:
    assert in_order(f"person{n}" for n in numbers) == [f"person{n}" for n in range(1, 400)]
    assert in_order(f"cam1_person003_{n:05d}.png" for n in numbers)[9] == "cam1_person003_00010.png"


@pytest.mark.parametrize("split", [0, 11, "1", True, 1.0])
def test_a_split_that_there_is_not_is_refused(tree: Path, split: object) -> None:
    with pytest.raises(UserError, match=r"dataset ilids: split is .*; give a number from 1 to 10"):
        ilids(str(tree), subset=True, split=split)  # type: ignore[arg-type]


def test_counts_are_those_published_or_a_subset(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"training tracklets 4 \(published 300\).*queries 2 \(published 150\)"):
        ilids(str(tree))
    monkeypatch.setattr(module, "ILIDS", replace(module.ILIDS, counts=count(read(tree))))
    assert not ilids(str(tree)).subset


def test_a_frame_that_is_left_out_is_remarked(tree: Path) -> None:
    (tree / CAM2 / "person014/cam2_person014_00020.png").unlink()
    found = read(tree)
    assert found.remarks == (f"{CAM2}/person014: no frame has number 20; perhaps it is missing",)


def test_a_missing_person_is_refused_even_in_a_subset(tree: Path) -> None:
    for camera in ("cam1", "cam2"):
        shutil.rmtree(tree / f"i-LIDS-VID/sequences/{camera}/person002")
    with pytest.raises(UserError, match="does not put the 3 persons of this tree in an order"):
        read(tree)


def splits(value: object, key: str = "ls_set") -> Callable[[Path], None]:
    return lambda root: savemat(root / module.SPLIT_FILE, {key: value})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: shutil.rmtree(root / CAM2), "cam2: no such folder"),
        (lambda root: shutil.rmtree(root / CAM2 / "person010"), "person010 is not before both cameras"),
        (lambda root: [p.unlink() for p in (root / CAM2 / "person010").iterdir()], "person010: missing, or holds no"),
        (
            lambda root: [write_frame(root / f"i-LIDS-VID/sequences/cam{c}/someone/1.png", (c,)) for c in (1, 2)],
            "someone is not before both cameras, or no person",
        ),
        (lambda root: (root / module.SPLIT_FILE).unlink(), "ilidsvid.mat: no such file"),
        (lambda root: (root / module.SPLIT_FILE).write_bytes(b"x" * 200), "cannot be read as a MATLAB file"),
        (splits(np.ones((10, 4)), key="other"), "holds no variable named ls_set"),
        (splits(np.ones((10, 4))), r"ls_set, of shape \(10, 4\), does not put the 4 persons"),
        (splits(ilids_splits()[:9]), r"ls_set, of shape \(9, 4\), does not"),
        (splits(ilids_splits() - 1), "does not put the 4 persons"),
    ],
)
def test_what_is_wrong_is_named(tree: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(tree)
    with pytest.raises(UserError, match=message) as error:
        read(tree)
    assert "\n" not in str(error.value)
