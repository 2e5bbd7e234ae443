"""Tracklets of any layout, as a CSV file lists them."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import LISTED, write_frame, write_listed

from reidbench.cli import main
from reidbench.data import index
from reidbench.data.listed import listed
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset
from reidbench.spec import UserError

HEAD = LISTED.partition("\n")[0]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_listed(tmp_path / "mine")


def test_each_line_is_a_tracklet(tree: Path) -> None:
    found = listed(str(tree))
    anna, bert, carl, north, south = 1, 2, 3, 1, 2
    assert [(t.identity, t.camera) for t in found.train] == [(anna, north), (anna, south), (bert, north)]
    assert [(t.identity, t.camera) for t in found.query] == [(carl, north)]
    assert [(t.identity, t.camera) for t in found.gallery] == [(carl, south), (DISTRACTOR, south), (JUNK, south)]
    assert found.train[0].frames == tuple(f"people/anna/north/{n}.jpg" for n in (1, 2, 10)), "in natural order"
    assert found.train[2].frames == ("people/bert/bn_1.png", "people/bert/bn_2.png"), "those that fit"
    assert found.query[0].frames == ("people/carl/n/1.jpg", "people/carl/n/2.jpg"), "images alone"
    assert not found.queries_in_gallery and not found.subset and found.release is None


def test_numbers_stay_what_they_are_where_all_are_numbers(tmp_path: Path) -> None:
    lines = ("train,0007,4,people/anna/north", "train,7,2,people/anna/south", "train,100,4,people/bert")
    tested = ("query,3,4,people/carl/n", "gallery,3,2,people/carl/s", "gallery,distractor,2,strangers")
    found = listed(str(write_listed(tmp_path / "mine", "\n".join(["part,person,camera,frames", *lines, *tested]))))
    assert [(t.identity, t.camera) for t in found.train] == [(7, 4), (7, 2), (100, 4)]
    assert [(t.identity, t.camera) for t in found.gallery] == [(3, 2), (DISTRACTOR, 2)]


def test_what_is_worn_may_be_told_and_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    lines = ("query,3,4,people/carl/n", "gallery,3,2,people/carl/s", "gallery,distractor,2,strangers")

    def found(name: str, *column: str) -> Dataset:
        rows = ("part,person,camera,frames", *lines)
        text = "\n".join(",".join(row) for row in zip(rows, column, strict=True)) if column else "\n".join(rows)
        return listed(str(write_listed(tmp_path / name, text)))

    plain, dressed = found("plain"), found("dressed", "clothes", "07", "7", " ")
    other = found("other", "clothes", "7", "8", " ")
    assert [t.traits for t in (*plain.query, *plain.gallery)] == [{}] * 3
    assert [t.traits for t in (*dressed.query, *dressed.gallery)] == [{"clothes": "7"}, {"clothes": "7"}, {}]
    assert len({each.fingerprint for each in (plain, dressed, other)}) == 3


def test_one_number_written_in_two_ways_is_one_person(tmp_path: Path) -> None:
    lines = ("train,7,1,people/anna/north", "query,007,1,people/carl/n", "gallery,8,2,people/carl/s")
    with pytest.raises(UserError, match=r"tracklets.csv: person 7 is trained on and tested"):
        listed(str(write_listed(tmp_path / "mine", "\n".join(["part,person,camera,frames", *lines]))))


def test_words_and_numbers_together_are_numbered_and_blanks_are_none_of_them(tmp_path: Path) -> None:
    lines = ("part , person,camera , frames", " query , 07 , 1 , people/carl/n ", "gallery,7,b,people/carl/s", "  ,,, ")
    found = listed(str(write_listed(tmp_path / "mine", "\n".join([*lines, "gallery,eve,1,bits"]))))
    assert [(t.identity, t.camera) for t in (*found.query, *found.gallery)] == [(1, 1), (1, 2), (2, 1)]


def test_tracklets_of_one_person_may_share_frames(tree: Path) -> None:
    (tree / "tracklets.csv").write_text(f"{LISTED}train,anna,north,people/anna/north/1*,\n")
    assert listed(str(tree)).train[-1].frames == ("people/anna/north/1.jpg", "people/anna/north/10.jpg")


def test_brackets_are_part_of_a_folders_name(tree: Path) -> None:
    (tree / "people" / "carl" / "s").rename(tree / "people" / "carl [2]")
    (tree / "tracklets.csv").write_text(LISTED.replace("people/carl/s", "people/carl [2]"))
    assert listed(str(tree)).gallery[0].frames == ("people/carl [2]/1.jpg",)


def test_a_list_of_another_name_whose_frames_lie_in_the_root(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SETTLED", -1e9)  # it is kept, however new
    for number in (1, 2):
        write_frame(tree / f"a{number}.jpg", (number,))
        write_frame(tree / f"b{number}.jpg", (9, number))
    (tree / "split2.csv").write_text("frames,part,person,camera\na*.jpg,query,1,1\n./b*.jpg,query,1,2\n")
    with pytest.raises(UserError, match=r"split2.csv: lists no gallery tracklet"):
        listed(str(tree), file="split2.csv")
    for _ in ("read", "kept"):
        found = listed(str(tree), file="split2.csv", queries_in_gallery=True)
        assert [t.frames for t in found.query] == [("a1.jpg", "a2.jpg"), ("b1.jpg", "b2.jpg")]
        assert not found.train and not found.gallery and found.queries_in_gallery


def test_the_fingerprint_is_of_what_the_list_says_and_of_no_place(tree: Path, tmp_path: Path) -> None:
    prints = [listed(str(tree)).fingerprint, listed(str(write_listed(tmp_path / "there"))).fingerprint]
    assert prints[0] == prints[1]
    moved = ("query,carl,north", "query,carl,east"), ("bert,north", "carla,north"), ("gallery,junk", "gallery,carl")
    for number, (before, after) in enumerate(moved):
        prints.append(listed(str(write_listed(tmp_path / f"{number}", LISTED.replace(before, after)))).fingerprint)
    write_frame(tree / "people/carl/s/1.jpg", (1, 2, 3))
    prints.append(listed(str(tree)).fingerprint)
    assert len(set(prints)) == len(prints) - 1


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            HEAD,
            "part,person,frames,note",
            "tracklets.csv: has no column camera; its first line must name part, person,",
        ),
        (LISTED, "", "has no column part, person, camera, frames;"),
        ("query,carl", "probe,carl", "line 6: part is 'probe'; give train, query or gallery"),
        ("query,carl,north", "query,,north", "line 6: has no person"),
        ("gallery,junk,south,bits,", "gallery,junk,south", "line 9: has fewer fields than the first line"),
        ("gallery,junk,south,bits,", "gallery,junk,south,bits,,", "line 9: has more fields than the first line"),
        ('"to the left, slowly"', '"to the left', "line 3: is no CSV (unexpected end of data)"),
        ("people/carl/n,", "people/carl/m,", "line 6: {root}/people/carl/m is missing, or holds no image that fits"),
        ("bert/*n_*", "bert/*x_*", "line 4: {root}/people/bert/*x_*.png is missing, or holds no image that fits"),
        ("strangers/*", "../mine/bits", "line 8: '../mine/bits' is no path below the root"),
        ("strangers/*", "/etc", "line 8: '/etc' is no path below the root"),
        ("strangers/*", "people//carl/[0-9]*", "line 8: {root}/people/carl/[0-9]* is missing, or holds no image"),
        ("strangers/*", "people//carl/s", "line 8: lists the frames of line 7 again"),
        ("strangers/*", "people/bert/b*", "line 8: has frames of line 4, which is of another person or part"),
        (
            "strangers/*",
            "*/carl",
            "is missing, or holds no image that fits; a pattern is for the names of images alone",
        ),
        ("gallery,junk", "gallery,Junk", "line 9: person is Junk; write junk"),
        ("gallery,distractor", "gallery,0", "line 8: person is 0; write distractor"),
        (LISTED, LISTED.replace(",", ";"), "must name part, person, camera, frames, with commas between them"),
        ("query,carl", "query,junk", "line 6: junk is nobody to be trained on or searched for"),
        ("train,bert", "train,distractor", "line 4: distractor is nobody to be trained on or searched for"),
        ("train,bert", "train,carl", "tracklets.csv: person carl is trained on and tested"),
        ("query,carl", "gallery,carl", "tracklets.csv: lists no query tracklet"),
    ],
)
def test_what_is_wrong_with_a_list_is_one_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    root = tmp_path / "mine"
    assert before in LISTED
    with pytest.raises(UserError) as caught:
        listed(str(write_listed(root, LISTED.replace(before, after))))
    assert said.format(root=root) in str(caught.value) and "\n" not in str(caught.value)


def test_all_that_is_wrong_is_told_by_data_check(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["data", "check", "listed", "--root", str(tree)]
    assert main(asked) == 0
    assert "training tracklets 3" in " ".join(capsys.readouterr().out.split())
    write_listed(tree, LISTED.replace("carl/s", "carl/t").replace("bits", "bytes"))
    assert main(asked) == 2
    said = capsys.readouterr()
    assert "people/carl/t is missing" in said.out + said.err and "bytes is missing" in said.out + said.err


@pytest.mark.parametrize(("content", "said"), [(b"part,\xff", "utf-8"), (None, "No such file")])
def test_a_list_that_cannot_be_read(tree: Path, content: bytes | None, said: str) -> None:
    path = tree / "tracklets.csv"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=f"tracklets.csv: cannot be read .*{said}.*; it lists tracklets, one a line"):
        listed(str(tree))


def test_the_mark_that_spreadsheets_put_before_a_list_is_none_of_it(tree: Path) -> None:
    before = listed(str(tree))
    (tree / "tracklets.csv").write_text(LISTED, encoding="utf-8-sig", newline="\r\n")
    assert listed(str(tree)) == before
