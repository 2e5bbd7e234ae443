"""Means over groups of readings, and their differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reidbench.clusters import gap_interval, mean_interval, means_difference, paired_difference

numbers = st.floats(-1e3, 1e3, allow_nan=False)


@given(st.lists(st.tuples(numbers, st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_mean_interval_is_the_masked_mean(rows):
    values, groups, where = (list(column) for column in zip(*rows, strict=True))
    chosen = [value for value, mark in zip(values, where, strict=True) if mark]
    if not chosen:
        with pytest.raises(ValueError, match="non-empty"):
            mean_interval(values, groups, where)
        return
    found = mean_interval(values, groups, where)
    assert found.value == pytest.approx(np.mean(chosen), abs=1e-9)
    if not math.isnan(found.low):
        assert found.value - found.low == pytest.approx(found.high - found.value, abs=1e-9)


FIVE = [1, 1, 1, 2, 2, 3, 4, 5, 5, 5, 5, 5]


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("value", [0.0, 1 / 3, 1.0, -1 / 3])
def test_persons_who_are_all_alike_have_a_mean_without_an_interval(value, share):
    values = np.full(12, value)
    found = mean_interval(values, FIVE, share=share)
    assert found.value == pytest.approx(value) and found.n == 12 and found.sd == pytest.approx(0)
    assert math.isnan(found.low) == math.isnan(found.high) == (not share or value not in (0, 1))
    other = mean_interval([*values[:-1], value / 2 + 0.1], FIVE, share=share)
    assert other.low < other.high, "one query of one person differs"


def test_of_a_share_that_all_have_each_person_counts_as_one_query():
    """Wilson's interval of 5 of 5, and of 0 of 5, with Student's t of 4 degrees of freedom."""
    squared = stats.t.ppf(0.975, 4) ** 2
    every, none = mean_interval(np.ones(12), FIVE, share=True), mean_interval(np.zeros(12), FIVE, share=True)
    assert (every.low, every.high) == (pytest.approx(5 / (5 + squared)), 1.0)
    assert (none.low, none.high) == (0.0, pytest.approx(squared / (5 + squared)))
    assert math.isnan(mean_interval([1.0, 1.0], [1, 1], share=True).low), "of one person"


@pytest.mark.parametrize("over", [2e-16, -2e-16])
def test_a_share_may_go_beyond_0_and_1_by_rounding(over):
    values = np.array([1.0, 1.0, 0.5, 0.0])
    exact, rounded = mean_interval(values, share=True), mean_interval(values + over, share=True)
    assert (rounded.low, rounded.high) == pytest.approx((exact.low, exact.high))
    every = mean_interval(np.ones(5) + over, share=True)
    assert every.high == 1 >= every.value and every.low == pytest.approx(mean_interval(np.ones(5), share=True).low)


@pytest.mark.parametrize("values", [[1.5, 0.5, 0.6], [-0.2, 0.5, 0.6]])
def test_what_goes_beyond_0_and_1_is_no_share(values):
    assert mean_interval(values, share=True) == mean_interval(values)


def test_the_interval_of_a_share_is_wilsons_where_queries_are_persons():
    found = mean_interval(np.arange(200) < 190, share=True)
    known = stats.binomtest(190, 200).proportion_ci(0.95, "wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-3)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_the_interval_of_a_share_lies_within_0_and_1_and_turns_with_it(rows):
    values, groups = (np.array(column) for column in zip(*rows, strict=True))
    found, turned = mean_interval(values, groups, share=True), mean_interval(1 - values, groups, share=True)
    if not math.isnan(found.low) and not math.isnan(turned.low):
        assert 0 <= found.low <= found.value + 1e-9 and found.value - 1e-9 <= found.high <= 1
        assert (turned.low, turned.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-6)


@pytest.mark.parametrize("persons", [2, 7])
def test_the_interval_of_a_mean_is_students_where_values_are_persons(persons):
    values = np.random.default_rng(2).normal(size=persons)
    found, known = mean_interval(values), stats.t.interval(0.95, persons - 1, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(known)


def test_the_error_of_a_mean_over_persons_is_that_of_a_ratio():
    """The linearised error of sampled clusters: that of leaving out one person after the other, to first order."""
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(60), rng.integers(1, 6, 60))
    values = rng.normal(size=60)[people] + rng.normal(scale=0.5, size=len(people))
    left_out = np.array([values[people != person].mean() for person in range(60)])
    jackknife = math.sqrt(59 / 60 * ((left_out - left_out.mean()) ** 2).sum())
    found = mean_interval(values, people)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 59) * jackknife, rel=0.05)


def test_of_groups_of_several_kinds_only_what_those_of_one_kind_differ_by_counts():
    """Three groups of kind 1 and two of kind 2, a value each, whose kinds lie far apart."""
    values, groups = np.array([1.0, 2.0, 3.0, 11.0, 13.0]), [[1, 5], [1, 6], [1, 7], [2, 8], [2, 9]]
    pulls = (values - values.mean()) / 5
    first, second = 3 * pulls[:3].var(ddof=1), 2 * pulls[3:].var(ddof=1)
    freedom = (first + second) ** 2 / (first**2 / 2 + second**2)
    reach = stats.t.ppf(0.975, freedom) * math.sqrt(first + second)
    found, together = mean_interval(values, groups), mean_interval(values)
    assert (found.low, found.high) == pytest.approx((6 - reach, 6 + reach))
    assert together.high - together.low > 2 * (found.high - found.low)
    alone = mean_interval(values[:4], groups[:4])
    assert alone == mean_interval(values[:4]), "a kind of one group tells nothing of others: one kind"
    alike = mean_interval([1.0, 1.0, 2.0, 2.0], [[1, 1], [1, 2], [2, 3], [2, 4]])
    assert math.isnan(alike.low), "within each kind all are alike"


@pytest.mark.parametrize("kind", ["all", "fours", "difference"])
def test_look_alikes_cover_the_truth_about_as_often_as_they_claim(kind):
    """10 groups of four and 20 of two with levels of their own. Persons taken for themselves hold 91, 78 and 83 %."""
    rng = np.random.default_rng(8)
    groups = np.array([[4, g] for g in range(10) for _ in range(4)] + [[2, g] for g in range(10, 30) for _ in range(2)])
    fours = groups[:, 0] == 4
    hits = 0
    for _ in range(1000):
        a, b = (np.where(fours, 2, 0) + rng.normal(size=30)[groups[:, 1]] + rng.normal(size=80) for _ in "ab")
        if kind == "difference":
            found, truth = paired_difference(a, b, groups), 0.0
        else:
            found, truth = mean_interval(a, groups, fours if kind == "fours" else None), 2.0 if kind == "fours" else 1.0
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_persons_are_alike_or_not_whatever_the_unit():
    values = np.array([1.0, 2.0, 4.0, 3.0, 2.0])
    plain, small = mean_interval(values), mean_interval(1e-9 * values)
    assert (small.low, small.high) == pytest.approx((1e-9 * plain.low, 1e-9 * plain.high))


def test_queries_of_one_identity_count_as_one_draw():
    values = np.repeat(np.random.default_rng(3).normal(size=20), 10)
    alone, clustered = mean_interval(values), mean_interval(values, np.repeat(np.arange(20), 10))
    assert (clustered.high - clustered.low) > 2.5 * (alone.high - alone.low)


def test_mean_interval_refuses_lists_of_different_lengths():
    with pytest.raises(ValueError, match="equally many"):
        mean_interval([1.0, 2.0], [1])


@pytest.mark.parametrize("kind", ["mean", "clusters", "difference"])
def test_intervals_cover_the_truth_about_as_often_as_they_claim(kind):
    """300 simulated experiments; the binomial spread of the hit rate at 95 % is 1.3 points."""
    rng = np.random.default_rng(4)
    people = np.repeat(np.arange(60), 4)
    hits = 0
    for _ in range(300):
        if kind == "mean":
            found, truth = mean_interval(rng.exponential(size=60)), 1.0
        else:
            identity, noise = rng.normal(size=60)[people], rng.normal(size=(2, 240))
            if kind == "clusters":
                found, truth = mean_interval(identity + noise[0], people), 0.0
            else:
                trained = rng.normal(scale=0.3, size=(2, 3, 1))
                a, b = identity + trained[0] + noise[0], identity + trained[1] + noise[1]
                found, truth = paired_difference(a, b, people), 0.0
        hits += found.low <= truth <= found.high
    assert 0.90 <= hits / 300 <= 0.99


def test_paired_difference_is_narrower_than_the_rows_apart():
    rng = np.random.default_rng(5)
    people = np.arange(80)
    easy = rng.normal(size=80)
    found = paired_difference(easy + 0.1, easy + rng.normal(scale=0.05, size=80), people)
    apart = mean_interval(easy, people)
    assert found.low > 0
    assert found.high - found.low < 0.2 * (apart.high - apart.low)


def test_paired_difference_of_a_row_with_itself_is_zero():
    values = np.random.default_rng(6).random(30)
    found = paired_difference(values, values, np.arange(30))
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_paired_difference_widens_by_the_spread_over_seeds_and_says_when_it_cannot():
    rng = np.random.default_rng(7)
    people, base = np.arange(50), rng.random(50)
    one = paired_difference(base + 0.1, base, people)
    assert math.isnan(one.sd)
    steady = paired_difference([base + 0.1] * 3, [base] * 3, people)
    shaky = paired_difference([base + 0.0, base + 0.1, base + 0.2], [base] * 3, people)
    assert steady.low > 0 > shaky.low
    assert shaky.sd == pytest.approx(0.1 / math.sqrt(2))
    assert (shaky.n, shaky.value) == (3, pytest.approx(0.1))


@pytest.mark.parametrize("count", [2, 3])
def test_rows_that_scatter_unlike_are_compared_as_welch_does(count):
    seeds = np.array([[3.0, 3.2, 3.1], [0.0, 8.0, 1.0]])[:, :count]
    wide, narrow = (np.repeat(each[:, None], 40, axis=1) for each in (seeds[1], seeds[0]))
    found = paired_difference(wide, narrow, np.arange(40))
    welch = stats.ttest_ind(seeds[1], seeds[0], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))
    pooled = stats.ttest_ind(seeds[1], seeds[0]).confidence_interval(0.95)
    assert found.low < 1.2 * pooled.low and found.high > 1.2 * pooled.high


def alike(*seeds: float) -> np.ndarray:
    """Values [seeds, 4] of a row that differ from seed to seed alone, so that only these widen an interval."""
    return np.repeat(np.array(seeds)[:, None], 4, axis=1)


PEOPLE = [1, 1, 2, 2]


def test_a_row_of_one_seed_is_taken_to_scatter_as_the_other():
    found = paired_difference(alike(0.5, 0.6, 0.7), alike(0.2), PEOPLE)
    reach = stats.t.ppf(0.975, 2) * 0.1 * math.sqrt(1 / 3 + 1)
    assert (found.value, found.sd, found.n) == (pytest.approx(0.4), pytest.approx(0.1), 1)
    assert (found.low, found.high) == pytest.approx((0.4 - reach, 0.4 + reach))
    turned = paired_difference(alike(0.2), alike(0.5, 0.6, 0.7), PEOPLE)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_known_spread_widens_by_a_t_variate_of_its_own_degrees_of_freedom(level):
    found = paired_difference(alike(0.5, 0.5), alike(*[0.3] * 3), PEOPLE, noise=(0.1, 4), level=level)
    reach = stats.t.ppf((1 + level) / 2, 4) * 0.1 * math.sqrt(1 / 2 + 1 / 3)
    assert (found.low, found.high) == pytest.approx((0.2 - reach, 0.2 + reach))


def test_a_difference_over_marked_queries_is_that_of_these_alone():
    rng = np.random.default_rng(8)
    a, b, people, marks = rng.random((2, 30)), rng.random(30), np.arange(30) // 3, rng.integers(0, 2, 30)
    kept = marks == 1
    assert paired_difference(a, b, people, marks) == paired_difference(a[:, kept], b[kept], people[kept])


def test_a_difference_counts_the_seeds_of_the_row_that_has_fewer():
    assert paired_difference(alike(0.1, 0.2, 0.3), alike(0.1, 0.2), PEOPLE).n == 2


def test_one_person_has_a_difference_without_an_interval():
    for found in (paired_difference([0.5, 0.7], [0.1, 0.1], [1, 1]), gap_interval([0.4, 0.6], [1, 1])):
        assert found.value == pytest.approx(0.5) and math.isnan(found.low) and math.isnan(found.high)


def test_the_interval_of_gaps_of_one_seed_is_that_of_a_mean():
    gaps, people = np.random.default_rng(9).normal(size=40), np.arange(40) // 4
    found, mean = gap_interval(gaps, people), mean_interval(gaps, people)
    assert (found.value, found.low, found.high) == pytest.approx((mean.value, mean.low, mean.high))
    assert found.n == 1 and math.isnan(found.sd)


def test_gaps_of_several_seeds_are_widened_by_their_standard_error():
    found = gap_interval(alike(0.5, 0.6, 0.7), PEOPLE)
    low, high = stats.t.interval(0.95, 2, 0.6, 0.1 / math.sqrt(3))
    assert (found.value, found.n, found.sd) == (pytest.approx(0.6), 3, pytest.approx(0.1))
    assert (found.low, found.high) == pytest.approx((low, high))
    gaps = [0.1, 0.3, 0.5, 0.9]
    one, three = gap_interval(gaps, PEOPLE), gap_interval([gaps] * 3, PEOPLE)
    assert (three.low, three.high) == pytest.approx((one.low, one.high)), "the persons are no others for more seeds"


def test_a_spread_known_from_more_rows_stands_in_for_a_single_seed_and_for_a_smaller_one():
    rng = np.random.default_rng(4)
    base, people = rng.normal(size=60), np.repeat(np.arange(20), 3)
    alone, known = (paired_difference(base, base + 0.1, people, noise=noise) for noise in ((math.nan, 0), (0.1, 12)))
    assert math.isnan(alone.sd) and known.sd == 0.1
    assert known.high - known.low > alone.high - alone.low + 0.2
    steady = [base - 0.001, base, base + 0.001]
    shaky = [base - 1, base, base + 1]
    assert paired_difference(steady, steady, people, noise=(0.1, 12)).sd == 0.1
    assert paired_difference(shaky, shaky, people, noise=(0.1, 12)) == paired_difference(shaky, shaky, people)


def test_rows_that_scatter_more_than_others_do_are_not_told_apart_more_often_than_the_level_says():
    rng, people, apart = np.random.default_rng(11), np.array([1, 2]), 0
    for _ in range(400):
        first, second = (rng.normal(0, 0.05, (3, 1)).repeat(2, axis=1) for _ in range(2))
        found = paired_difference(first, second, people, noise=(0.01, 100), level=0.99)
        apart += not found.low <= 0 <= found.high
    assert apart <= 9, "about 4 of 400; 10 or more in 1 of 100 such samples"


def test_paired_difference_refuses_rows_over_other_queries():
    with pytest.raises(ValueError, match="not paired"):
        paired_difference([1.0, 2.0], [1.0], [0, 1])


def test_a_difference_of_means_over_one_list_is_the_paired_one():
    rng = np.random.default_rng(3)
    a, b, people = rng.normal(size=60), rng.normal(size=60), np.arange(60) // 3
    found, paired = means_difference(a, people, b, people), paired_difference(a, b, people)
    assert (found.value, found.low, found.high) == pytest.approx((paired.value, paired.low, paired.high))


def test_a_difference_of_means_takes_lists_that_count_different_queries():
    rng = np.random.default_rng(4)
    easy = np.repeat(rng.normal(size=40), 2)
    fewer = np.arange(80) % 8 > 0
    people = np.arange(80) // 2
    found = means_difference(easy[fewer] + 0.1, people[fewer], easy, people)
    assert found.value == pytest.approx(easy[fewer].mean() + 0.1 - easy.mean())
    apart = [mean_interval(values, labels) for values, labels in ((easy[fewer], people[fewer]), (easy, people))]
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.5 * sum(one.high - one.low for one in apart)
    with pytest.raises(ValueError, match="non-empty"):
        means_difference([], [], easy, people)


def test_who_is_in_one_list_alone_counts_there():
    """Persons 1 and 2 lie 1/4 below and above the second mean, and person 1 is all of the first."""
    found = means_difference([0.0], [1], [0.0, 1.0], [1, 2])
    reach = stats.t.ppf(0.975, 1) * math.sqrt(2 * (2 * 0.25**2))
    assert (found.value, found.low, found.high) == pytest.approx((-0.5, -0.5 - reach, -0.5 + reach))
    one = means_difference([0.0], [1], [1.0], [1])
    assert one.value == -1 and math.isnan(one.low)


def test_values_too_small_to_square_twice_have_an_interval():
    found = paired_difference([1e-161, 3e-161, 2e-161], [0.0, 0.0, 0.0], [1, 2, 3])
    assert found.low < found.value < found.high < 1e-150
