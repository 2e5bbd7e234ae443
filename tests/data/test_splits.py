"""Random splits of a dataset: what is asked for, what is written, which cells are of which split."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.data.splits import (
    Splits,
    by_split,
    parse_splits,
    split_of,
    splits_of,
    trained_on,
    trainings_text,
    without_split,
)
from reidbench.data.splits import written_splits as written
from reidbench.spec import Outcome, Record, UserError


def settings(split: int = 0, seed: int = 0) -> dict:
    dataset = {"name": "ilids", "fingerprint": f"f{split}", "options": {"split": split, "other": 1}, "splits": 10}
    return {"dataset": dataset if split else {"name": "mars", "options": {"split": 2}}, "seed": seed}


def record(split: int, seed: int = 0) -> Record:
    cell = {"settings": settings(split, seed)}
    return Record(cell, f"{split}-{seed}", "A", "ok", {}, {}, {}, "here", {}, "2026", 1.0)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("all", range(1, 11)), ("3", [3]), ("1-3,7", [1, 2, 3, 7]), ("7, 1-2,2", [1, 2, 7]), ("10", [10])],
)
def test_splits_are_all_or_numbers_and_ranges(text: str, numbers: list[int]) -> None:
    assert parse_splits(text, "ilids", 10) == Splits(tuple(numbers), 10)


@pytest.mark.parametrize("text", ["0", "11", "3-1", "1-11", "x", "", "1,,2", "-3", "1.5", "99999999999"])
def test_others_are_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(UserError, match=f"--splits {text}: dataset ilids has splits 1 to 10; give all, or"):
        parse_splits(text, "ilids", 10)


@given(st.sets(st.integers(1, 10), min_size=1))
def test_what_is_written_is_read_back(numbers: set[int]) -> None:
    assert parse_splits(written(numbers), "ilids", 10).numbers == tuple(sorted(numbers))
    assert written(sorted(numbers, reverse=True)) == written(numbers)


@pytest.mark.parametrize(
    ("splits", "text"),
    [
        (Splits(), ""),
        (Splits((3,), 10), "split 3 of 10"),
        (Splits((2, 3), 10), "splits 2-3 of 10"),
        (Splits((1, 2, 3, 5), 10), "splits 1-3,5 of 10"),
        (Splits(tuple(range(1, 11)), 10), "10 splits"),
    ],
)
def test_fewer_than_all_are_named(splits: Splits, text: str) -> None:
    assert splits.text == text
    assert splits.several == text.startswith(("splits", "10"))


def test_only_a_dataset_that_has_splits_is_of_one() -> None:
    assert split_of(settings(3)) == 3
    assert split_of(settings()) is split_of({}) is None, "another dataset's option may have that name"
    assert splits_of([settings(3), settings(1), settings(3, 1)]) == Splits((1, 3), 10)
    assert splits_of([settings()]) == Splits()


def test_weights_say_what_they_were_trained_on() -> None:
    of_a_split = {"dataset": "ilids", "dataset_options": settings(3)["dataset"]["options"], "seed": 1, "split": 3}
    assert trained_on(settings(3, 1)) == of_a_split
    assert trained_on({**settings(), "trunk": "synthetic"})["trunk"] == "synthetic"
    assert "split" not in trained_on(settings())


def test_records_of_a_split_come_together_in_the_order_of_splits() -> None:
    records = [record(10), record(2), record(10, 1)]
    found = by_split([*records, record(0)])
    assert found == {None: [record(0)], 2: [records[1]], 10: [records[0], records[2]]}
    assert list(found) == [None, 2, 10]
    single = [replace(record(1), cell={}), record(0)]
    assert by_split(single) == {None: single}
    assert by_split([Outcome()]) == {None: [Outcome()]}


def test_without_its_number_and_content_a_split_is_like_another() -> None:
    assert without_split(settings(1)) == without_split(settings(2))
    assert without_split(settings(1))["dataset"]["options"] == {"other": 1}
    assert without_split(settings()) == settings()


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        ([settings()], "1 seed"),
        ([settings(0, seed) for seed in range(3)], "3 seeds"),
        ([settings(4, seed) for seed in range(3)], "3 seeds"),
        ([settings(split) for split in (1, 2)], "2 splits"),
        ([settings(split, seed) for split in (1, 2) for seed in range(3)], "6 trainings"),
    ],
)
def test_trainings_are_counted_by_what_they_differ_in(cells: list[dict], text: str) -> None:
    assert trainings_text(cells) == text
