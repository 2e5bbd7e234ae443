import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.statistics import (
    FEWEST_READINGS,
    Estimate,
    median_interval,
    pooled_spread,
    ratio_interval,
    widened,
)

numbers = st.floats(-1e3, 1e3, allow_nan=False)


@given(st.lists(numbers, min_size=FEWEST_READINGS, max_size=40))
def test_median_interval_lies_within_the_samples(samples):
    found = median_interval(samples)
    assert found.value == np.median(samples)
    assert min(samples) <= found.low <= found.high <= max(samples)
    assert found.n == len(samples)


@given(st.lists(numbers, min_size=FEWEST_READINGS, max_size=30), st.floats(0.1, 100))
def test_median_interval_scales_with_the_unit(samples, factor):
    plain, scaled = median_interval(samples), median_interval(np.array(samples) * factor)
    assert scaled.low == pytest.approx(plain.low * factor, abs=1e-6)
    assert scaled.high == pytest.approx(plain.high * factor, abs=1e-6)


@pytest.mark.parametrize("n", [1, 3, FEWEST_READINGS - 1])
def test_too_few_readings_have_a_median_without_an_interval(n):
    samples = np.arange(n) + 1.0
    for found in (median_interval(samples), ratio_interval(samples, np.ones(n))):
        assert (found.value, found.n) == ((n + 1) / 2, n)
        assert math.isnan(found.low) and math.isnan(found.high)
        assert math.isnan(found.sd) if n == 1 else found.sd == pytest.approx(np.std(samples, ddof=1))


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (50, 18, 33), (1000, 469, 532), (1001, 470, 532)],
)
def test_the_interval_of_a_median_lies_between_the_readings_that_tables_of_the_sign_test_give(n, low, high):
    found = median_interval(in_turns(np.arange(n) + 1.0))
    assert (found.low, found.high) == (low, high)


def in_turns(values: np.ndarray) -> np.ndarray:
    """Readings below the median and above it in turns, so that none resembles the one before it."""
    ordered, half = np.sort(values), (len(values) + 1) // 2
    turned = np.empty_like(ordered)
    turned[::2], turned[1::2] = ordered[:half], ordered[half:]
    return turned


def test_readings_that_resemble_their_neighbours_tell_less_of_their_median():
    """Sides of the median in runs of two: of 19 steps 10 stay on one and 9 do not, an autocorrelation of 1 / 20."""
    values = np.arange(20) + 1.0
    pairs = np.stack([values[:10].reshape(5, 2), values[10:].reshape(5, 2)], axis=1).ravel()
    apart, together, drifting = (median_interval(each) for each in (in_turns(values), pairs, values))
    reach = (apart.high - apart.low) * math.sqrt((1 + 1 / 20) / (1 - 1 / 20))
    assert apart.value == together.value == drifting.value == 10.5
    assert together.high - together.low == pytest.approx(reach)
    assert (drifting.low, drifting.high) == (1, 20), "but never beyond the readings"
    assert median_interval([2.0] * 20).low == 2


@pytest.mark.parametrize("alike", [0.0, 0.2, 0.47])
def test_rounds_as_alike_as_those_recorded_cover_their_median(alike):
    """2000 sessions of 25 rounds; the hit rate scatters by half a point. At 0.47 plain ranks hold 86 %."""
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(60, 2000))
    for step in range(1, 60):
        noise[step] = alike * noise[step - 1] + math.sqrt(1 - alike**2) * noise[step]
    found = [median_interval(rounds) for rounds in noise[-25:].T]
    assert 0.90 < np.mean([known.low <= 0 <= known.high for known in found]) < 0.98


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [[1.0], [2.0]]])
def test_what_is_no_list_of_numbers_is_refused(samples):
    with pytest.raises(ValueError, match=r"numbers|finite"):
        median_interval(samples)


def test_ratio_pairs_the_rounds_so_that_drift_cancels():
    drift = np.linspace(1, 10, 25)
    found = ratio_interval(0.5 * drift, drift)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="pairs"):
        ratio_interval([1.0, 2.0], [1.0])


@pytest.mark.parametrize("n", [FEWEST_READINGS, 15, 41])
def test_few_readings_cover_the_median_as_often_as_claimed(n):
    rng = np.random.default_rng(4)
    found = [median_interval(rng.exponential(size=n)) for _ in range(2000)]
    assert 0.955 < np.mean([known.low <= math.log(2) <= known.high for known in found]) < 0.98


def test_the_pooled_spread_is_that_around_each_series_own_mean():
    assert pooled_spread([[1.0, 3.0], [11.0, 13.0], [5.0], []]) == (pytest.approx(math.sqrt(2)), 2)
    assert pooled_spread([[1.0], [2.0]])[1] == 0 and math.isnan(pooled_spread([])[0])


def test_widening_adds_noise_in_quadrature():
    wide = widened(Estimate(1.0, 0.7, 1.3), 0.4 / 1.959964)
    assert wide.low == pytest.approx(0.5) and wide.high == pytest.approx(1.5)
    assert widened(Estimate(1.0, 0.7, 1.3, sd=0.1), 0.0) == Estimate(1.0, 0.7, 1.3, sd=0.1)
    few = widened(Estimate(1.0, 0.7, 1.3), 0.1, freedom=1)
    assert few.high == pytest.approx(1 + math.hypot(0.3, 1.27062), abs=1e-5)
    known = Estimate(1.0, 0.7, 1.3)
    assert widened(known, math.nan, freedom=0) is known, "of which nothing is known"
    strict = widened(Estimate(1.0, 1.0, 1.0), 0.1, level=0.99)
    assert (strict.low, strict.high) == pytest.approx((1 - 0.2575829, 1 + 0.2575829))
