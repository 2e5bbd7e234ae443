"""Counting a tree, and saying what is missing in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.data.census import TreeError, accept, count, jumps, matches, origin
from reidbench.data.mars import MARS, read_layout
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Release, Tracklet
from reidbench.retrieval.features import gallery_of
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import UserError

people = st.lists(st.tuples(st.sampled_from([JUNK, DISTRACTOR, 1, 2, 3]), st.integers(1, 3)), max_size=8)
sought = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=5)


def made(
    train: int = 1, query: list[tuple[int, int]] | None = None, gallery: list[tuple[int, int]] | None = None
) -> Dataset:
    def tracklets(shots: list[tuple[int, int]], part: str) -> tuple[Tracklet, ...]:
        return tuple(Tracklet((f"{part}/{n}.jpg",), *shot) for n, shot in enumerate(shots))

    return Dataset(
        "x",
        Path("x"),
        (Tracklet(("t/1.jpg",), 9, 1),),
        tracklets(query or [], "q"),
        tracklets(gallery or [], "g"),
        "f",
        True,
    )


@given(sought, people)
def test_matches_are_those_that_scoring_looks_for(query: list[tuple[int, int]], gallery: list[tuple[int, int]]) -> None:
    found = made(query=query, gallery=gallery)
    for name, gallery_name in (("mars_matlab", "queries in the gallery"), ("release_no_queries", "queries left out")):
        searched = gallery_of(found, PROTOCOLS[name])
        assert matches(found)[gallery_name] == tuple(
            sum(t.identity == q.identity and t.camera != q.camera for t in searched) for q in found.query
        )


@given(st.lists(st.integers(1, 60), min_size=1, unique=True).map(sorted))
def test_a_jump_is_a_number_between_the_first_and_the_last_that_is_not_there(numbers: list[int]) -> None:
    complete = len(numbers) == numbers[-1] - numbers[0] + 1
    assert bool(jumps("t", numbers)) != complete


def test_jumps_are_told_shortly() -> None:
    assert jumps("t", [1, 3, 6, 8, 10, 12]) == [
        "t: no frame has number 2, 4 to 5, 7 and 2 more gaps; perhaps it is missing"
    ]


def test_a_dataset_without_a_release_has_nothing_to_differ_from() -> None:
    assert not accept(made(), subset=False).subset and not accept(made(), subset=True).subset


def test_every_difference_is_named_and_a_subset_says_so() -> None:
    found = made(query=[(1, 1)], gallery=[(1, 2), (JUNK, 1)])
    release = Release("X", {"queries": 2, "junk tracklets": 1, "cameras": 3}, MARS.files)
    found = replace(found, release=release, remarks=("a: odd", "b: odd"))
    with pytest.raises(TreeError) as error:
        accept(found, subset=False)
    assert str(error.value) == (
        "x: differs from the published X: queries 1 (published 2), cameras 2 (published 3); "
        "a: odd (the first of 2 remarks); mend it, or accept it with --subset"
    )
    accepted = accept(found, subset=True)
    assert accepted.subset and accepted.about == "; a: odd (the first of 2 remarks)"


def test_every_count_says_where_its_things_lie() -> None:
    for name in count(made()):
        assert origin(MARS, name)
    assert origin(MARS, "training frames") == MARS.files["training"]
    assert origin(MARS, "query frames") == MARS.files["queries"]
    assert origin(MARS, "junk tracklets") == MARS.files["test"]


def test_missing_frames_are_told_folder_by_folder(mars_tree: Path) -> None:
    (mars_tree / "bbox_train/0003/0003C1T0001F002.jpg").unlink()
    (mars_tree / "bbox_test/0004/0004C1T0001F001.jpg").unlink()
    (mars_tree / "bbox_test/0004/0004C1T0001F003.jpg").unlink()
    with pytest.raises(UserError, match="the first of 3 listed") as error:
        read_layout(mars_tree, name="x")
    assert isinstance(error.value, TreeError) and error.value.found
    assert [problem.rpartition("bbox_")[2] for problem in error.value.problems] == [
        "train/0003: 1 of 24 frames missing, first 0003C1T0001F002.jpg",
        "test/0004: 2 of 29 frames missing, first 0004C1T0001F001.jpg",
    ]
