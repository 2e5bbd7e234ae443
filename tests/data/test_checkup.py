"""Checking a folder against what was published: everything that is wrong at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trees import write_ccvid, write_duke, write_ilids, write_listed, write_lsvid, write_prid

from reidbench import registry
from reidbench.data import duke, index, mars, tree
from reidbench.data.census import count
from reidbench.data.checkup import Checkup, check_tree
from reidbench.data.synthetic import write_synthetic


def check(name: str, root: Path | str, *, decode: bool = False, **options: Any) -> Checkup:
    told: list[tuple[int, int, str]] = []
    arguments = {"root": str(root), **options} if root else options
    found = check_tree(registry.datasets()[name], arguments, decode=decode, progress=lambda *a: told.append(a))
    assert told[0] == (0, 1, "reads the lists and folders"), "before it is silent for as long as that takes"
    assert bool(told[1:]) == bool(found.decoded)
    return found


@pytest.mark.parametrize("write", [write_duke, write_lsvid, write_ilids, write_prid, write_ccvid])
def test_each_layout_is_counted_and_each_difference_says_where(write: Callable[..., Path], tmp_path: Path) -> None:
    name = write.__name__.removeprefix("write_")
    found = check(name, write(tmp_path / name))
    release = registry.import_file(registry.datasets()[name].path).__dict__[name.upper()]
    assert not found.passed and not found.problems
    assert found.title == release.title
    assert {c.name for c in found.counts if c.differs} >= {"training tracklets", "test tracklets", "queries"}
    assert all(c.file for c in found.counts if c.differs)
    assert {c.name: c.expected for c in found.counts if c.expected is not None} == release.counts


def test_a_tree_as_published_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_duke(tmp_path / "duke")
    counts = count(duke.duke(str(root), subset=True, dense=0))
    monkeypatch.setattr(duke, "DUKE", replace(duke.DUKE, counts=counts))
    found = check("duke", root, decode=True, dense=0)
    assert found.passed and found.decoded == sum(counts[f"{part} frames"] for part in ("training", "test"))
    assert not any(c.differs for c in found.counts)


def test_the_mars_trap_is_counted(write_mars: Callable[..., Path]) -> None:
    # Identity 2 is seen by each of its cameras once, and both tracklets are queries.
    found = check("mars", write_mars(queries=(3, 4, 5)))
    assert found.unmatched == {"queries in the gallery": 0, "queries left out": 2}


def test_matches_in_other_clothes_are_counted_where_it_is_known_what_is_worn(tmp_path: Path) -> None:
    found = check("ccvid", write_ccvid(tmp_path / "ccvid"))
    counts = {"queries in the gallery": 0, "queries left out": 0, "other clothes": 0, "the same clothes": 0}
    assert found.unmatched == counts
    root = write_ccvid(tmp_path / "undone")
    (root / "gallery.txt").write_text("session1/002_12 002 u0_l0_s0_c0_a0\nsession1/003_10 003 u0_l0\n")
    assert check("ccvid", root).unmatched == {**counts, "other clothes": 2, "the same clothes": 1}


def test_tested_tracklets_that_do_not_say_what_is_worn_while_others_do_are_remarked(tmp_path: Path) -> None:
    rows = ("query,3,4,people/carl/n", "gallery,3,2,people/carl/s", "gallery,distractor,2,strangers")
    for number, (worn, remarks) in enumerate(((("a", "", ""), 1), (("a", "b", ""), 0), (("", "", ""), 0))):
        lines = [f"{row},{name}" for row, name in zip(rows, worn, strict=True)]
        text = "\n".join(["part,person,camera,frames,clothes", *lines])
        found = check("listed", write_listed(tmp_path / str(number), text))
        assert len(found.remarks) == remarks and not found.problems
        assert ("other clothes" in found.unmatched) == all(worn[:2])
        assert all("carl/s/1.jpg: does not say what is worn, the first of 1 tested" in told for told in found.remarks)


def test_counts_missing_and_damaged_frames_are_told_together(mars_tree: Path) -> None:
    (mars_tree / "bbox_train/0003/0003C1T0001F002.jpg").unlink()
    (mars_tree / "bbox_test/0004/0004C1T0001F003.jpg").unlink()
    cut = mars_tree / "bbox_test/0002/0002C1T0001F004.jpg"
    cut.write_bytes(cut.read_bytes()[:100])
    (mars_tree / "bbox_train/0001/0001C1T0001F001.jpg").write_bytes(b"no picture")
    quick, thorough = check("mars", mars_tree), check("mars", mars_tree, decode=True)
    assert len(quick.problems) == 2 and quick.decoded == 0
    assert [problem.partition(":")[0].rpartition("bbox_")[2] for problem in thorough.problems] == [
        "train/0003",
        "test/0004",
        "train/0001/0001C1T0001F001.jpg",
        "test/0002/0002C1T0001F004.jpg",
    ]
    assert "damaged frame" in thorough.problems[-1]
    assert {c.name: c.found for c in thorough.counts}["training frames"] == 81
    assert not thorough.passed and any(c.differs for c in thorough.counts)


def test_all_rows_that_contradict_their_frames_are_told(mars_tree: Path) -> None:
    file = mars_tree / "info/train_name.txt"
    names = file.read_text().replace("0003C1T0001F002", "0005C1T0001F002").replace("0005C3T0001F001", "0001C3T0001F001")
    file.write_text(names)
    found = check("mars", mars_tree)
    assert [problem.partition(": says")[0][-5:] for problem in found.problems] == ["row 3", "row 6"]
    assert not found.counts and not found.passed and found.unmatched is None


def test_a_file_that_cannot_be_read_is_a_problem(mars_tree: Path) -> None:
    (mars_tree / "info/query_IDX.mat").write_bytes(b"x")
    (problem,) = check("mars", mars_tree).problems
    assert "query_IDX.mat: cannot be read as a MATLAB file" in problem


def test_the_tree_is_read_whatever_the_index_keeps(mars_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SETTLED", -60.0)
    monkeypatch.setattr(index, "state", lambda path: None)
    monkeypatch.setattr(tree, "state", lambda path: None)
    mars.mars(str(mars_tree), subset=True)
    (mars_tree / "bbox_train/0003/0003C1T0001F002.jpg").unlink()
    assert mars.mars(str(mars_tree), subset=True).train, "this index would never notice"
    assert check("mars", mars_tree).problems


def test_synthetic_data_are_checked_without_a_root_and_with_one(tmp_path: Path) -> None:
    few = {"train_ids": 4, "test_ids": 4, "cameras": 2, "frames": 4}
    assert check("synthetic", "", **few).passed
    root = tmp_path / "walkers"
    write_synthetic(root, **few)
    found = check("synthetic", root, decode=True)
    assert found.passed and found.decoded == 64
    assert {c.name: (c.found, c.expected) for c in found.counts}["training tracklets"] == (8, 8)
    frame = next(root.glob("bbox_test/*/*.jpg"))
    frame.write_bytes(frame.read_bytes()[:50])
    assert not check("synthetic", root).passed
