"""MEVID's lists: rows of frames by their place, persons in outfits before cameras."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from trees import write_mevid

from reidbench.data.census import TreeError
from reidbench.data.mevid import mevid
from reidbench.spec import UserError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_mevid(tmp_path / "mevid")


def test_each_row_is_a_tracklet_with_what_is_worn(tree: Path) -> None:
    found = mevid(str(tree))
    parts = (found.train, found.query, found.gallery)
    told = [[(t.identity - 1, t.camera, t.traits["clothes"], len(t.frames)) for t in part] for part in parts]
    assert told[0] == [(103, 424, "20", 3), (103, 300, "21", 2), (0, 300, "1", 2)], "nobody is a distractor"
    assert told[1] == [(201, 330, "3", 3), (208, 330, "1", 2)]
    assert told[2] == [(201, 329, "3", 2), (201, 505, "4", 4), (208, 505, "1", 3)]
    assert found.query[0].frames == tuple(f"bbox_test/0201/0201O003C330T000F{n:05d}.jpg" for n in range(3))
    assert not found.queries_in_gallery and found.release is None and not found.subset


def test_listing_order_decides_nothing(tree: Path, request: pytest.FixtureRequest) -> None:
    straight = mevid(str(tree))
    request.getfixturevalue("backwards")
    assert mevid(str(tree)) == straight


def test_a_frame_that_is_missing_is_named(tree: Path) -> None:
    (tree / "bbox_test/0208/0208O001C505T004F00001.jpg").unlink()
    with pytest.raises(TreeError, match=r"0208O001C505T004F00001\.jpg: missing, the first of 1 listed frames"):
        mevid(str(tree))


@pytest.mark.parametrize(
    ("file", "line", "text", "told"),
    [
        ("track_train_info.txt", 1, "3 4 103 21", "holds a line of 4 numbers, not tracklets as lines of 5"),
        ("track_train_info.txt", 1, "3 4 104 21 300", "says person 104, camera 300, but lists '0103O021C300T001F00000"),
        ("track_train_info.txt", 1, "2 4 103 21 300", "says person 103, camera 300, but lists '0103O020C424T000F00002"),
        ("train_name.txt", 0, "../../secret", "row 1: says person 103, camera 424, but lists '../../secret'"),
        ("query_IDX.txt", 0, "5", "query 5 does not lie in the 5 test tracklets, counted from 0"),
        ("query_IDX.txt", 0, "3", "holds a query twice"),
        ("track_test_info.txt", 4, "11 13 103 1 505", "row 5: says person 103, camera 505, but lists '0208O001C505"),
    ],
)
def test_rows_that_cannot_be_true_are_named(tree: Path, file: str, line: int, text: str, told: str) -> None:
    lines = (tree / file).read_text().splitlines()
    lines[line] = text
    (tree / file).write_text("\n".join(lines))
    with pytest.raises(UserError, match=re.escape(told)) as error:
        mevid(str(tree))
    assert str(error.value).startswith(str(tree))


def test_rows_that_the_authors_code_leaves_out_or_cuts_are_remarked(tree: Path) -> None:
    known = mevid(str(tree))
    test = (tree / "track_test_info.txt").read_text().splitlines()
    test[2:2] = ["14 13 201 3 330", "0 2 -1 3 330"]
    test[-1] = test[-1].replace("1.300000e+01", "14")
    (tree / "track_test_info.txt").write_text("\n".join(test))
    (tree / "query_IDX.txt").write_text("0\n3\n5\n")
    found = mevid(str(tree))
    assert (found.query, found.gallery) == (known.query, known.gallery), "queries are rows of the list as it is"
    assert [told.partition("track_test_info.txt: ")[2] for told in found.remarks] == [
        "row 3: has no frames; left out",
        "row 4: is of nobody; left out",
        "row 7: goes on to frame 14 of 14 in test_name.txt, counted from 0",
    ]


def test_what_is_wrong_with_both_lists_and_the_queries_is_told_at_once(tree: Path) -> None:
    for part in ("train", "test"):
        file = tree / f"track_{part}_info.txt"
        file.write_text(file.read_text().replace(" 330\n", " 331\n").replace(" 424\n", " 425\n"))
    (tree / "query_IDX.txt").write_text("9\n")
    with pytest.raises(TreeError) as error:
        mevid(str(tree))
    assert [problem.partition(": ")[0].rpartition("/")[2] for problem in error.value.problems] == [
        "track_train_info.txt",
        *["track_test_info.txt"] * 2,
        "query_IDX.txt",
    ]


def test_persons_that_are_trained_on_and_tested_are_named(tree: Path) -> None:
    for part in ("name.txt", "info.txt"):
        train, test = (f"{'' if part == 'name.txt' else 'track_'}{kind}_{part}" for kind in ("train", "test"))
        (tree / train).write_text((tree / test).read_text())
    for frame in sorted((tree / "bbox_test").rglob("*.jpg")):
        copy = tree / "bbox_train" / frame.parent.name / frame.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(frame.read_bytes())
    with pytest.raises(UserError, match="person 0201 is in both the training and the test list"):
        mevid(str(tree))
