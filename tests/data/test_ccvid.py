"""CCVID's lists, its cameras and outfits."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from trees import CCVID_LISTS, write_ccvid

from reidbench.data import ccvid as module
from reidbench.data.ccvid import ccvid
from reidbench.data.census import TreeError, count, fingerprint, undressed
from reidbench.data.tracklets import Dataset
from reidbench.data.tree import Tree
from reidbench.spec import UserError


def read(root: Path, *, dense: int = 0) -> Dataset:
    return ccvid(str(root), subset=True, dense=dense)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_ccvid(tmp_path / "CCVID")


def test_each_line_is_a_tracklet_with_what_is_worn(tree: Path) -> None:
    found = read(tree)
    assert [(t.identity, t.camera) for t in found.train] == [(1, 1), (1, 9), (4, 14)], "session 3 has other cameras"
    assert [(t.identity, t.camera, t.traits["clothes"]) for t in found.query] == [
        (2, 1, "u0_l0_s0_c0_a0"),
        (2, 3, "u0_l0_s0_c0_a0"),
        (3, 22, "u0_l1"),
    ]
    assert [(t.identity, t.camera) for t in found.gallery] == [(2, 12), (2, 13), (3, 10), (3, 10)]
    assert found.query[0].frames == tuple(f"session2/002_01/{n:05d}.jpg" for n in (1, 2, 3))
    assert not found.queries_in_gallery and found.subset
    assert found.about == "ccvid: 2 training identities in 3 tracklets, 3 queries among 7 test tracklets"


def test_training_tracklets_are_cut_and_tested_ones_are_not(tree: Path) -> None:
    assert [len(t.frames) for t in read(tree, dense=2).train] == [3, 2, 2, 2, 3]
    assert all(t.traits["clothes"] for t in read(tree, dense=2).train)
    assert read(tree, dense=2).query == read(tree).query
    assert [len(t.frames) for t in ccvid(str(tree), subset=True).train] == [3, 4, 5], "64 unless told otherwise"


def test_counts_are_those_published_or_a_subset(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"training identities 2 \(published 75\)"):
        ccvid(str(tree))
    monkeypatch.setattr(module, "CCVID", replace(module.CCVID, counts=count(read(tree))))
    assert not ccvid(str(tree)).subset


def test_listing_order_decides_nothing(tree: Path, request: pytest.FixtureRequest) -> None:
    straight = read(tree)
    request.getfixturevalue("backwards")
    assert read(tree) == straight


def test_what_is_worn_is_part_of_the_fingerprint(tree: Path) -> None:
    known = read(tree).fingerprint
    text = (tree / "query.txt").read_text()
    (tree / "query.txt").write_text(text.replace("u0_l1", "u0_l2"))
    assert read(tree).fingerprint != known


def test_an_outfit_may_be_a_number(tree: Path) -> None:
    """That of a reader of one's own, such as 0."""
    found = read(tree)
    zero = replace(found, query=tuple(replace(t, traits={"clothes": 0}) for t in found.query))
    assert [t.worn for t in zero.query] == ["0", "0", "0"] and not undressed(zero.query)
    for missing in ({}, {"clothes": ""}, {"clothes": None}, {"clothes": float("nan")}):
        assert replace(found.query[0], traits=missing).worn == ""  # type: ignore[arg-type]
    prints = {fingerprint(Tree(tree), each) for each in (found, zero, replace(found, query=()))}
    assert len(prints) == 3


def test_the_archives_own_folder_is_the_root(tree: Path) -> None:
    with pytest.raises(UserError, match=rf"{tree} holds them, so give that as the root"):
        read(tree.parent)


def test_folders_that_are_missing_are_all_named(tree: Path) -> None:
    for folder in ("session1/001_09", "session3/002_01"):
        shutil.rmtree(tree / folder)
    with pytest.raises(TreeError, match=r"missing, or holds no frame.*first of 2 problems") as error:
        read(tree)
    assert [problem.partition(":")[0] for problem in error.value.problems] == [
        f"{tree}/session1/001_09",
        f"{tree}/session3/002_01",
    ]


@pytest.mark.parametrize(
    ("part", "line", "message"),
    [
        ("query", "session2/002_01 002", r"query\.txt: line 4 is 'session2/002_01 002', not as session1/001_01"),
        ("query", "session4/002_01 002 u0", r"line 4 is 'session4/002_01 002 u0', not as"),
        ("query", "../002_01 002 u0", r"line 4 is '\.\./002_01 002 u0', not as"),
        ("query", "session1/../../x_01 002 u0", "line 4 is"),
        ("query", "session2/002_01 000 u0", "line 4 is"),
        ("gallery", "session1/001_01 001 u0", r"person 001 is trained on and tested"),
        ("gallery", "session2/002_03 002 u0", r"session2/002_03 is listed in query\.txt already"),
        ("train", "session1/001_01 001 u9", r"session1/001_01 is listed in train\.txt already"),
    ],
)
def test_lines_that_cannot_be_true_are_named(tree: Path, part: str, line: str, message: str) -> None:
    with (tree / f"{part}.txt").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(TreeError) as error:
        read(tree)
    assert any(re.search(message, problem) for problem in error.value.problems)


def test_lists_that_are_missing_or_empty_are_named(tree: Path) -> None:
    (tree / "gallery.txt").write_text("\n\n")
    with pytest.raises(TreeError, match=r"gallery\.txt: lists no tracklet"):
        read(tree)
    (tree / "gallery.txt").unlink()
    with pytest.raises(UserError, match=r"gallery\.txt: cannot be read \(No such file or directory\)"):
        read(tree)


def test_blank_lines_and_other_line_ends_are_no_matter(tree: Path) -> None:
    known = read(tree)
    for part, lines in CCVID_LISTS.items():
        (tree / f"{part}.txt").write_bytes("\r\n\r\n".join(lines).encode())
    assert read(tree) == known
