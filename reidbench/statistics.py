"""What follows from raw samples: medians with intervals, an independent error added to one.

The interval of a median lies between its readings, as that of the sign test does, which needs no assumption but for
neighbours that resemble each other. Means over persons are in `clusters`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, stdtrit

LEVEL = 0.95
FEWEST_READINGS = 6
"""Readings below which a median has no interval: that from the least to the largest of 5 covers 94 %, of 6 it is 97."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty, in the unit of the samples (SI; `Quantity.scale` is not applied).

    `low` and `high` bound the interval, NaN where there are too few readings for one, or groups that are all alike. `n`
    counts the readings behind `value` and `sd` is their standard deviation (NaN for one reading): the rounds of a
    latency, but the training seeds of an accuracy, or its splits where there are several.
    """

    value: float
    low: float = nan
    high: float = nan
    n: int = 1
    sd: float = nan


def median_interval(samples: ArrayLike) -> Estimate:
    """The median of samples `[n]`, with the narrowest interval from its k-th least to its k-th largest that covers it.

    A reading lies below the median of what it is drawn from with probability 1/2, whatever that is like, so that the
    coverage is a binomial sum: at least `LEVEL`. Where even all readings together cover less, there is no interval.
    Of samples that resemble their neighbours, in the order that they were taken in, fewer would tell as much: the ends
    lie further out by the root of how many times fewer. Raises ValueError where there is no sample.
    """
    values = as_readings(samples)
    n, median = len(values), float(np.median(values))
    plain = Estimate(median, n=n, sd=spread(values))
    if not (rank := _rank(n)):
        return plain
    middle, alike = (n - 1) / 2, _resemblance(values - median)
    reach = min(middle, (middle - (rank - 1)) * sqrt((1 + alike) / (1 - alike)))
    low, high = np.interp([middle - reach, middle + reach], np.arange(n), np.sort(values))
    return replace(plain, low=float(low), high=float(high))


def ratio_interval(numerator: ArrayLike, denominator: ArrayLike) -> Estimate:
    """The median of the quotients of two series `[n]` read in the same rounds, with the interval of a median.

    Dividing round by round cancels the machine's drift. Raises ValueError if the lengths differ.
    """
    above, below = as_readings(numerator), as_readings(denominator)
    if len(above) != len(below):
        raise ValueError(f"a ratio needs readings in pairs, got {len(above)} and {len(below)}")
    return median_interval(above / below)


def widened(known: Estimate, error: float, *, freedom: float = inf, level: float = LEVEL) -> Estimate:
    """The estimate with an interval at `level` that also covers an independent error of this standard deviation.

    The error is known with so many degrees of `freedom`: infinite where it is taken as known, and with 0 nothing is
    known of it, and nothing added.
    """
    if not freedom:
        return known
    reach = t_reach(error, freedom, level)
    low = known.value - sqrt((known.value - known.low) ** 2 + reach**2)
    high = known.value + sqrt((known.high - known.value) ** 2 + reach**2)
    return replace(known, low=low, high=high)


def as_readings(samples: ArrayLike) -> Floats:
    """Samples `[n]` as an array. Raises ValueError where they are none, or not finite numbers."""
    values = np.asarray(samples, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"expected a non-empty list of numbers, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("a reading is not a finite number")
    return values


def spread(values: Floats) -> float:
    """The standard deviation of values `[n]`, NaN of a single one."""
    return float(values.std(ddof=1)) if len(values) > 1 else nan


def _rank(n: int) -> int:
    """The largest k for which those from the k-th least to the k-th largest of n cover the median at `LEVEL`, or 0."""
    return int(np.searchsorted(bdtr(np.arange(n), n, 0.5), (1 - LEVEL) / 2, side="right"))


def _resemblance(deviations: Floats) -> float:
    """How far a reading's side of the median is that of the one before it, from 0 (by chance, or less) to below 1.

    The autocorrelation of the signs: n readings of which it is r say as much of their median as n (1 - r) / (1 + r).
    """
    signs = np.sign(deviations)
    told = float((signs**2).sum())
    return max(0.0, float((signs[1:] * signs[:-1]).sum()) / told) if told else 0.0


def t_reach(error: float, freedom: float, level: float) -> float:
    """How far an interval at `level` reaches to either side: the error times Student's t."""
    return float(stdtrit(freedom, (1 + level) / 2)) * error


def pooled_spread(series: Iterable[ArrayLike]) -> tuple[float, int]:
    """The standard deviation of series `[n]` around their own means, and its degrees of freedom; NaN and 0 for none."""
    values = [np.asarray(each, dtype=float) for each in series]
    freedom = sum(len(each) - 1 for each in values if len(each))
    if freedom == 0:
        return nan, 0
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in values if len(each))
    return sqrt(squares / freedom), freedom
