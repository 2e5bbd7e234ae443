"""The mean over random splits: its value, what its interval covers, and how two rows are compared over splits."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from reidbench.clusters import difference_over_splits, mean_interval, mean_over_splits
from reidbench.estimates import estimate
from reidbench.reporting.tables.comparison import compare, exceeds_noise
from reidbench.spec import Quantity, Record
from reidbench.statistics import Estimate

TOP1 = Quantity("top-1", "%", "higher", 1, 100, "", "mean", "top1", by="identity", where="counts")
ALL = Quantity("top-1", "%", "higher", 1, 100, "", "mean", "top1", by="identity")
LONE = Quantity("top-1", "%", "higher", 1, 100, "", "mean", "top1")


def record(
    split: int, values: list[float], people: list[int], seed: int = 0, counts: list[float] | None = None
) -> Record:
    dataset = {"name": "ilids", "fingerprint": f"f{split}", "options": {"split": split}, "splits": 10}
    samples = {"top1": values, "identity": [float(p) for p in people], "counts": counts or [1.0] * len(values)}
    cell = {"settings": {"dataset": dataset, "seed": seed}}
    return Record(cell, f"{split}-{seed}", "A", "ok", {}, samples, {}, "here", {}, "2026", 1.0)


@pytest.mark.parametrize("quantity", [TOP1, ALL, LONE])
def test_every_split_weighs_alike_however_many_queries_it_has(quantity: Quantity) -> None:
    found = estimate(quantity, "top1", [record(2, [1, 0, 0, 0], [1, 2, 3, 4]), record(1, [1, 1], [5, 6])])
    assert found is not None
    assert (found.value, found.n, found.sd) == (pytest.approx(0.625), 2, pytest.approx(0.75 / math.sqrt(2)))
    assert found.low < found.value < found.high


def test_seeds_are_averaged_within_their_split() -> None:
    records = [record(1, [1, 1], [1, 2]), record(1, [0, 0], [1, 2], seed=1), record(2, [1, 1], [3, 4])]
    found = estimate(ALL, "top1", records)
    assert found is not None and (found.value, found.n) == (0.75, 2)
    assert found.sd == pytest.approx(0.5 / math.sqrt(2)), "over the splits 0.5 and 1, not over three trainings"


def test_one_split_is_as_a_dataset_without_splits() -> None:
    values, people = [1.0, 0.0, 1.0, 1.0], [1, 1, 2, 3]
    found = estimate(ALL, "top1", [record(3, values, people), record(3, values, people, seed=1)])
    plain = mean_interval(values * 2, people * 2, share=True)
    assert found is not None and (found.value, found.low, found.high, found.n) == (
        plain.value,
        plain.low,
        plain.high,
        2,
    )


def test_the_persons_of_the_records_count_over_all_splits() -> None:
    values, people = [[1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]], [[1, 1, 2, 2], [2, 2, 3, 4]]
    found = estimate(ALL, "top1", [record(1, values[0], people[0]), record(2, values[1], people[1])])
    assert found == mean_over_splits(values, people, share=True)
    assert found != mean_over_splits(values, [[1, 2, 3, 4], [1, 2, 3, 4]], share=True), "by name, not by place"


def test_persons_who_are_all_alike_in_all_splits_have_no_interval() -> None:
    half, whole = (
        estimate(ALL, "top1", [record(1, [share, share], [1, 2]), record(2, [share, share], [2, 3])])
        for share in (0.5, 1.0)
    )
    assert half is not None and (half.value, half.n, half.sd) == (0.5, 2, 0)
    assert math.isnan(half.low) and math.isnan(half.high)
    assert whole == replace(mean_interval([1, 1, 1], share=True), n=2), "but all of a share is as three persons' all"


def test_where_persons_do_not_differ_a_difference_over_splits_is_as_uncertain_as_their_trainings() -> None:
    gaps = difference_over_splits([[0.5, 0.5], [0.3, 0.3], [0.1, 0.1]], [[1, 2], [1, 2], [1, 2]])
    assert (gaps.low, gaps.high) == pytest.approx(stats.t.interval(0.95, 2, 0.3, 0.2 / math.sqrt(3)))


def test_only_of_a_share_does_the_mean_over_splits_keep_to_what_a_share_can_be() -> None:
    groups = [[1, 2, 3], [3, 4, 5]]
    shares, beyond = [[1.0, 1.0, 0.5], [1.0, 1.0, 0.9]], [[1.0, 1.0, 0.5], [1.0, 1.0, 1.9]]
    share, plain = mean_over_splits(shares, groups, share=True), mean_over_splits(shares, groups)
    assert share.high <= 1 < plain.high and plain.high - plain.value == pytest.approx(plain.value - plain.low)
    assert mean_over_splits(beyond, groups, share=True) == mean_over_splits(beyond, groups)


def test_only_queries_that_count_do_and_a_split_without_any_has_no_mean() -> None:
    first = record(1, [1, 0], [1, 2], counts=[1, 0])
    assert estimate(TOP1, "top1", [first, record(2, [1, 0], [3, 4], counts=[0, 1])]).value == 0.5  # type: ignore[union-attr]
    assert estimate(TOP1, "top1", [first, record(2, [1, 0], [3, 4], counts=[0, 0])]) is None


def split_persons(rng: np.random.Generator, persons: int) -> list[np.ndarray]:
    return [rng.permutation(persons)[: persons // 2] for _ in range(10)]


def test_the_interval_covers_the_choice_of_persons_which_counting_each_split_by_itself_does_not() -> None:
    """300 simulated experiments of 60 persons, who differ in how hard they are: 95 % is what the interval claims."""
    rng = np.random.default_rng(1)
    joint = apart = 0
    for _ in range(300):
        hard, tested = rng.normal(size=60), split_persons(rng, 60)
        values = [hard[people] + rng.normal(scale=0.3, size=30) for people in tested]
        found = mean_over_splits(values, tested)
        joint += found.low <= 0 <= found.high
        error = math.sqrt(sum(each.var(ddof=1) / 30 for each in values)) / 10
        apart += abs(found.value) <= 1.96 * error
    assert 0.90 <= joint / 300 <= 0.99
    assert apart / 300 < 0.75


def test_a_difference_over_splits_covers_the_chance_of_training_too() -> None:
    """300 simulated experiments without a difference: persons, and a training of each row on each split."""
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        hard, tested = rng.normal(size=(2, 60)), split_persons(rng, 60)
        gaps = [hard[0][p] - hard[1][p] + rng.normal(scale=0.5) - rng.normal(scale=0.5) for p in tested]
        found = difference_over_splits(gaps, tested)
        hits += found.low <= 0 <= found.high
    assert 0.93 <= hits / 300 <= 0.99


def rows(gap: float, seeds: int = 1, splits: tuple[int, ...] = (1, 2, 3)) -> tuple[list[Record], list[Record]]:
    """Two rows over the same queries; the first is better by `gap`, a little more in later splits."""
    rng = np.random.default_rng(3)
    made: tuple[list[Record], list[Record]] = ([], [])
    for split in splits:
        easy, people = rng.random(20), list(rng.permutation(40)[:20])
        for seed in range(seeds):
            made[0].append(record(split, list(easy + gap + 0.01 * split), people, seed))
            made[1].append(record(split, list(easy), people, seed))
    return made


def readings(records: list[Record]):
    found = estimate(ALL, "top1", records)
    assert found is not None
    return found, records


@pytest.mark.parametrize("seeds", [1, 2])
def test_rows_are_paired_split_by_split_whatever_the_order_of_records(seeds: int) -> None:
    first, second = rows(0.3, seeds)
    gap = compare(ALL, readings(first[::-1]), readings(second))
    assert gap is not None and gap.value == pytest.approx(0.32)
    assert (gap.n, gap.sd) == (3, pytest.approx(0.01))
    assert exceeds_noise(ALL, gap), "the splits stand for the chance of training, also with one seed"
    assert not exceeds_noise(ALL, compare(ALL, readings(rows(-0.02)[0]), readings(second[::seeds])))


def test_rows_of_other_splits_or_queries_are_not_compared() -> None:
    first, second = rows(0.3)
    assert compare(ALL, readings(first[:2]), readings(second)) is None
    other = [record(3, [0.5] * 20, list(range(20)))]
    assert compare(ALL, readings(first), readings([*second[:2], *other])) is None


def test_a_gain_that_every_query_of_every_split_and_seed_shares_has_no_width() -> None:
    """Though the queries differ, and a mean that all persons share would have no interval without the trainings."""
    first, second = (
        [record(k, [x + gap for x in (0.0, 0.5, 0.2)], [1, 2, 3], seed) for k in (1, 2) for seed in (0, 1)]
        for gap in (0.1, 0.0)
    )
    gap = compare(ALL, readings(first), readings(second))
    assert gap is not None and (gap.value, gap.low, gap.high) == pytest.approx((0.1, 0.1, 0.1))


def test_a_difference_over_splits_is_that_of_the_queries_that_count_in_each() -> None:
    def row(gap: float, *marks: list[float]) -> tuple[Estimate, list[Record]]:
        made = [record(k + 1, [gap, 0.5, 3 * gap], [1, 2, 3], counts=counts) for k, counts in enumerate(marks)]
        return Estimate(0.0), made

    marks = [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    gap = compare(TOP1, row(0.2, *marks), row(0.0, *marks))
    assert gap is not None and gap.value == pytest.approx(((0.2 + 0) / 2 + 0.6) / 2)
    none = [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]
    assert compare(TOP1, row(0.2, *none), row(0.0, *none)) is None
