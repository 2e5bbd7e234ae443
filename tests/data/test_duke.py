"""DukeMTMC-VideoReID's layout, with the file names of both copies."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from trees import write_duke, write_frame

from reidbench.data import duke as module
from reidbench.data.census import TreeError, count, matches
from reidbench.data.duke import duke
from reidbench.data.tracklets import Dataset
from reidbench.spec import UserError


def read(root: Path, **options: int) -> Dataset:
    return duke(str(root), subset=True, **options)


def plain(found: Dataset) -> list[tuple[int, int, int]]:
    return [(t.identity, t.camera, len(t.frames)) for t in (*found.train, *found.query, *found.gallery)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_duke(tmp_path / "duke")


def test_the_three_folders_are_read_in_natural_order(tree: Path) -> None:
    found = read(tree, dense=0)
    assert plain(found)[:4] == [(1, 1, 70), (1, 2, 5), (3, 8, 31), (3, 2, 64)]
    assert [(t.identity, t.camera) for t in found.query] == [(2, 1), (4, 3)]
    assert [(t.identity, t.camera) for t in found.gallery] == [(2, 2), (2, 2), (4, 1), (0, 5), (0, 1)]
    assert found.train[0].frames[:2] == (
        "train/0001/0001/0001_C1_F0001_X1001.jpg",
        "train/0001/0001/0001_C1_F0002_X1002.jpg",
    )
    assert all((tree / frame).is_file() for t in (*found.train, *found.query, *found.gallery) for frame in t.frames)
    assert found.subset and not found.remarks


def test_a_querys_tracklet_is_in_the_gallery_folder_and_counts_once(tree: Path) -> None:
    found = read(tree)
    assert found.queries_in_gallery, "what is searched is the whole of gallery/"
    assert count(found)["test tracklets"] == len(list((tree / "gallery").glob("*/*")))
    assert count(found)["distractor tracklets"] == 2
    assert 0 not in matches(found)["queries in the gallery"]
    shutil.rmtree(tree / "gallery/0002/0001")
    assert count(read(tree))["test tracklets"] == len(list((tree / "gallery").glob("*/*"))) + 1


def test_both_name_formats_give_the_same_tracklets(tmp_path: Path, tree: Path) -> None:
    old = read(write_duke(tmp_path / "old", old_names=True))
    assert "0001C1F0001X1001.jpg" in old.train[0].frames[0]
    assert plain(old) == plain(read(tree))


def test_distractors_are_known_without_their_mark(tmp_path: Path, tree: Path) -> None:
    assert plain(read(write_duke(tmp_path / "unmarked", distractor="X"))) == plain(read(tree))


def test_tracklets_may_begin_with_frame_2_and_gaps_are_remarked(tmp_path: Path) -> None:
    tree = write_duke(tmp_path / "late", first=2)
    assert not read(tree).remarks
    (tree / "train/0003/0010/0003_C2_F0007_X10007.jpg").unlink()
    found = read(tree)
    assert found.remarks == ("train/0003/0010: no frame has number 7; perhaps it is missing",)
    assert found.remarks[0] in found.about, "every record of a subset tells of it"
    with pytest.raises(UserError, match="no frame has number 7"):
        duke(str(tree))


def test_listing_order_does_not_matter(tree: Path, request: pytest.FixtureRequest) -> None:
    straight = read(tree)
    request.getfixturevalue("backwards")
    assert read(tree) == straight


def test_training_tracklets_are_cut_as_in_the_release(tree: Path) -> None:
    whole, cut = read(tree, dense=0), read(tree)
    assert [len(t.frames) for t in cut.train] == [32, 38, 5, 31, 32, 32]
    assert [t.identity for t in cut.train] == [1, 1, 1, 3, 3, 3]
    assert sorted(f for t in cut.train for f in t.frames) == sorted(f for t in whole.train for f in t.frames)
    assert len({whole.fingerprint, cut.fingerprint, read(tree, dense=16).fingerprint}) == 3
    assert (cut.query, cut.gallery) == (whole.query, whole.gallery)
    assert "cut every 32 frames into 6" in cut.about
    for wrong in (-1, "x", True):
        with pytest.raises(UserError, match="dataset duke: dense is"):
            read(tree, dense=wrong)


def test_counts_are_those_published_or_a_subset(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TreeError, match=r"training tracklets 4 \(published 2196\).*cameras 5 \(pub.*--subset") as error:
        duke(str(tree))
    assert "\n" not in str(error.value)
    assert error.value.found and error.value.found.release is module.DUKE
    monkeypatch.setattr(module, "DUKE", replace(module.DUKE, counts=count(read(tree, dense=0))))
    assert not duke(str(tree)).subset and not read(tree).subset, "counts are of whole tracklets, before they are cut"


def rename(folder: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda root: [p.rename(p.with_name(p.name.replace(old, new))) for p in (root / folder).iterdir()][:0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: shutil.rmtree(root / "query"), "query: no such folder; the root must hold train, query, gallery"),
        (lambda root: [p.unlink() for p in (root / "train/0001/0002").iterdir()], "train/0001/0002: holds no frame"),
        (lambda root: write_frame(root / "train/0001/0002/face.jpg", (1,)), "face.jpg: not a frame name such as"),
        (rename("train/0001/0002", "0001", "0009"), "of identity 0009, but lies under 0001"),
        (
            lambda root: write_frame(root / "train/0001/0002/0001C2F0001X2001.jpg", (1,)),
            "two frames of number 1: 0001C2F0001X2001.jpg and 0001_C2_F0001_X2001.jpg",
        ),
        (
            lambda root: write_frame(root / "train/0001/0002/0001_C3_F0006_X2006.jpg", (1,)),
            "train/0001/0002: holds frames of several cameras",
        ),
        (rename("train/0001/0002", "X", "D"), "a distractor by its name, but its identity is trained on or a query"),
        (rename("query/0002/0001", "X", "D"), "a distractor by its name, but its identity is trained on or a query"),
        (
            lambda root: shutil.copytree(root / "train/0001", root / "gallery/0001"),
            "identity 0001 is in query or gallery as well",
        ),
        (lambda root: [shutil.rmtree(p) for p in (root / "query").iterdir()], "query: holds no tracklet"),
    ],
)
def test_what_is_wrong_is_named(tree: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(tree)
    with pytest.raises(UserError, match=message) as error:
        read(tree)
    assert "\n" not in str(error.value)


def test_several_problems_are_told_together(tree: Path) -> None:
    for folder in ("train/0001/0002", "gallery/0004/0002"):
        for path in (tree / folder).iterdir():
            path.unlink()
    with pytest.raises(TreeError, match="the first of 2 problems") as error:
        read(tree)
    assert [problem.rpartition("/")[2] for problem in error.value.problems] == ["0002: holds no frame"] * 2
    assert error.value.found and len(error.value.found.train) == 3


def test_what_a_file_manager_leaves_is_no_frame(tree: Path) -> None:
    straight = read(tree)
    for name in (".DS_Store", "._0001_C2_F0001_X2001.jpg", "Thumbs.db"):
        (tree / "train/0001/0002" / name).write_bytes(b"x")
    (tree / "train/.cache").mkdir()
    assert read(tree) == straight
