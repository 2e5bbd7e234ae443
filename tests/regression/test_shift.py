"""The shift between two series: checked against scipy's test, and as often right as it says."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from reidbench.regression.shift import shift_interval


def test_the_interval_leaves_out_zero_where_the_test_refuses_equality() -> None:
    generator = np.random.default_rng(0)
    refusals = 0
    for _ in range(300):
        a, b = generator.normal(size=15), generator.normal(0.8, size=12)
        known = shift_interval([(a, b)], level=0.99)
        refused = mannwhitneyu(a, b, method="asymptotic").pvalue < 0.01
        assert (known.low > 0 or known.high < 0) == refused
        refusals += refused
    assert 50 < refusals < 250


def test_it_covers_the_shift_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        strata = [(generator.normal(k, size=6), generator.normal(k + 0.5, size=6)) for k in (0, 5, 10)]
        known = shift_interval(strata)
        covered += known.low <= 0.5 <= known.high
    assert 0.92 <= covered / 400 <= 0.985


def test_a_few_wild_readings_do_not_decide() -> None:
    a = np.linspace(0, 1, 20)
    b = a + 0.3
    b[:3] += 100
    assert shift_interval([(a, b)]).value == pytest.approx(0.3, abs=0.2)


def test_a_level_in_a_stratum_of_its_own_does_not_count() -> None:
    generator = np.random.default_rng(2)
    low, high = generator.normal(0, 0.1, 30), generator.normal(100, 0.1, 30)
    known = shift_interval([(low[:15], low[15:]), (high[:15], high[15:])])
    assert abs(known.value) < 0.1 and known.high - known.low < 0.3


def test_too_few_readings_have_no_bounds() -> None:
    known = shift_interval([([1.0, 2.0], [3.0, 4.0])])
    assert known.value == 2 and np.isinf(known.low) and np.isinf(known.high) and known.n == 2


def test_of_few_readings_that_can_refuse_something_the_extremes_are_the_bounds() -> None:
    """Of 4 and 4, say, for the test refuses equality of such readings, and of one fewer it does not."""
    a, b = [0.0, 1.0, 2.0, 3.0, 4.0], [10.0, 11.0, 12.0, 13.0]
    assert mannwhitneyu(a[:4], b, method="asymptotic").pvalue < 0.05
    known = shift_interval([(a[:4], b)])
    assert (known.low, known.high) == (10 - 3, 13 - 0)
    turned = shift_interval([(b, a)])
    assert (turned.value, turned.n) == (2 - 11.5, 4) and turned.low < turned.value < turned.high < 0


def test_a_side_without_readings_is_refused() -> None:
    with pytest.raises(ValueError, match="both sides"):
        shift_interval([([1.0], [])])
    with pytest.raises(ValueError, match="both sides"):
        shift_interval([])
