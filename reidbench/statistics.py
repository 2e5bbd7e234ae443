"""What follows from raw samples: means and medians with intervals, differences, order agreement. Imports only numpy.

The interval of a median lies between two of its readings, which needs no assumption and no chance; every other is a
percentile bootstrap, whose draws are the same every time. An accuracy has two sources of variance, kept apart:
`Estimate.low` and `high` cover the choice of query identities (resampled whole, the same ones in every seed),
`Estimate.sd` is the spread over training seeds. Only differences join the two. Where a dataset has random splits, a
value is the mean over them and `sd` their spread; who is a query in several splits is drawn in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import comb, floor, nan, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
RESAMPLES = 2000
FEWEST_READINGS = 6
"""Readings below which a median has no interval: that from the least to the largest of 5 covers 94 %, of 6 it is 97."""

EXACT = 1000
"""Readings up to which the interval of a median is taken from the binomial distribution itself."""

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


@dataclass(frozen=True)
class Agreement:
    """How far two orderings agree: Kendall's tau-b, with the pairs ordered alike, ordered contrarily, and tied."""

    tau: float
    concordant: int
    discordant: int
    tied: int

    @property
    def pairs(self) -> int:
        return self.concordant + self.discordant + self.tied


def median_interval(samples: ArrayLike) -> Estimate:
    """The median of samples `[n]`, with the narrowest interval from its k-th least to its k-th largest that covers it.

    A reading lies below the median of what it is drawn from with probability 1/2, whatever that is like, so that the
    coverage is a binomial sum: at least `LEVEL`. Where even all readings together cover less, there is no interval.
    Raises ValueError where there is no sample.
    """
    values = np.sort(as_readings(samples))
    n, median = len(values), float(np.median(values))
    rank = _rank(n)
    if not rank:
        return Estimate(median, n=n, sd=spread(values))
    return Estimate(median, float(values[rank - 1]), float(values[n - rank]), n, spread(values))


def ratio_interval(numerator: ArrayLike, denominator: ArrayLike) -> Estimate:
    """The median of the quotients of two series `[n]` read in the same rounds, with the interval of a median.

    Dividing round by round cancels the machine's drift. Raises ValueError if the lengths differ.
    """
    above, below = as_readings(numerator), as_readings(denominator)
    if len(above) != len(below):
        raise ValueError(f"a ratio needs readings in pairs, got {len(above)} and {len(below)}")
    return median_interval(above / below)


def mean_interval(
    values: ArrayLike, groups: Sequence[object] | ArrayLike | None = None, where: ArrayLike | None = None
) -> Estimate:
    """The mean of values `[n]` where `where` is 1, with a bootstrap interval that resamples whole groups `[n]`.

    Queries of one identity resemble each other, so the identity is the unit that is drawn; without `groups` each
    value is. Where all groups have the same mean there is no interval: to draw them anew says nothing of how far others
    would lie from it. Raises ValueError for lengths that differ and for a mean over nothing.
    """
    readings = np.asarray(values, dtype=float)
    kept = np.ones(len(readings), bool) if where is None else np.asarray(where, dtype=float) == 1
    labels = np.arange(len(readings)) if groups is None else np.asarray(groups)
    if not len(readings) == len(labels) == len(kept):
        raise ValueError(f"{len(readings)} values, {len(labels)} groups and {len(kept)} marks must be equally many")
    readings, labels = as_readings(readings[kept]), labels[kept]
    sums, counts = _group_sums(readings, labels)
    plain = Estimate(float(readings.mean()), n=len(readings), sd=spread(readings))
    return plain if _is_one_value(sums, counts) else _bootstrapped(plain, sums, counts)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    groups: Sequence[object] | ArrayLike,
    where: ArrayLike | None = None,
    *,
    noise: tuple[float, int] = (nan, 0),
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The difference mean(a) - mean(b) of two rows over the same queries, values `[n]` or `[seeds, n]`, groups `[n]`.

    Groups (identities) are drawn alike for both rows. Where a row has several seeds, the interval is widened by
    their spread: Welch's standard error over seeds times a t variate. `sd` is the pooled spread and NaN when neither
    row has a second seed: then the interval says nothing about the chance of training. `noise` is such a spread with
    its degrees of freedom, known from more rows, that is taken for both rows: it or their own, the larger one.
    """
    first, second = np.atleast_2d(np.asarray(a, dtype=float)), np.atleast_2d(np.asarray(b, dtype=float))
    labels = np.asarray(groups)
    kept = np.ones(len(labels), bool) if where is None else np.asarray(where, dtype=float) == 1
    if not first.shape[1] == second.shape[1] == len(labels) == len(kept):
        raise ValueError(
            f"rows over {first.shape[1]} and {second.shape[1]} queries are not paired ({len(labels)} groups)"
        )
    first, second, labels = first[:, kept], second[:, kept], labels[kept]
    difference = as_readings(first.mean(axis=0) - second.mean(axis=0))
    sd, error, freedom = _seed_noise(first.mean(axis=1), second.mean(axis=1), noise)
    plain = Estimate(float(difference.mean()), n=min(len(first), len(second)), sd=sd)
    sums, counts = _group_sums(difference, labels)
    return _bootstrapped(plain, sums, counts, (error, freedom), level=level, resamples=resamples)


def means_difference(a: ArrayLike, a_groups: ArrayLike, b: ArrayLike, b_groups: ArrayLike) -> Estimate:
    """The difference mean(a) - mean(b) of values `[n]` and `[m]`, each with its group, that need not be of one list.

    Every group of either (an identity) is drawn alike for both: of one model under two protocols, which count
    different queries, what the identities have in common cancels. Raises ValueError for a mean over nothing.
    """
    values, labels = (as_readings(a), as_readings(b)), (np.asarray(a_groups), np.asarray(b_groups))
    known = np.unique(np.concatenate(labels))
    value = float(values[0].mean() - values[1].mean())
    if len(known) < 2:
        return Estimate(value)
    weights = _draws(len(known), RESAMPLES)
    drawn = []
    for readings, names in zip(values, labels, strict=True):
        index = np.searchsorted(known, names)
        sums, counts = (np.bincount(index, weights=w, minlength=len(known)) for w in (readings, np.ones(len(index))))
        drawn.append(weights @ sums / np.where(weights @ counts > 0, weights @ counts, np.nan))
    differences = drawn[0] - drawn[1]
    low, high = _bounds(differences[np.isfinite(differences)], LEVEL)
    return Estimate(value, low, high)


def gap_interval(values: ArrayLike, groups: Sequence[object] | ArrayLike) -> Estimate:
    """The mean of differences `[seeds, n]` that were taken already, with groups `[n]` resampled whole.

    As in `paired_difference` several seeds widen the interval: by their standard error times a t variate. `sd` is
    their spread and NaN for one seed.
    """
    gaps, labels = np.atleast_2d(np.asarray(values, dtype=float)), np.asarray(groups)
    sums, counts = _group_sums(as_readings(gaps.mean(axis=0)), labels)
    means = gaps.mean(axis=1)
    plain = Estimate(float(gaps.mean()), n=len(means), sd=spread(means))
    return _bootstrapped(plain, sums, counts, (plain.sd / sqrt(len(means)), len(means) - 1))


def mean_over_splits(
    values: Sequence[ArrayLike],
    groups: Sequence[ArrayLike],
    *,
    training: bool = False,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Estimate:
    """The mean of the means of several splits' values, each `[n_k]` with its groups `[n_k]`.

    The interval resamples groups (identities) whole. One that is in several splits is drawn in all of them: splits of
    the same persons are no further persons. With `training` it is widened by the spread over splits, in each of which
    a model was trained: their standard error times a t variate. That counts the choice of queries twice, and takes the
    splits as independent although they share persons. `n` counts the splits and `sd` is their spread. Without it there
    is no interval where all groups have the same mean, as in `mean_interval`.
    """
    readings, labels = [as_readings(each) for each in values], np.concatenate([np.asarray(each) for each in groups])
    means = np.array([each.mean() for each in readings])
    plain = Estimate(float(means.mean()), n=len(means), sd=spread(means))
    shares = np.concatenate([np.full(len(each), 1 / len(each)) for each in readings])
    _, index = np.unique(labels, return_inverse=True)
    sums = np.bincount(index, weights=shares * np.concatenate(readings)).astype(float)
    counts = np.bincount(index, weights=shares).astype(float)
    if not training and _is_one_value(sums, counts):
        return plain
    noise = (plain.sd / sqrt(len(means)), len(means) - 1) if training else (0.0, 0)
    return _bootstrapped(plain, sums, counts, noise, noise_seed=(0, 1), level=level, resamples=resamples)


def order_agreement(a: ArrayLike, b: ArrayLike) -> Agreement:
    """Kendall's tau-b between two lists of equal length `[n]`; NaN where one of them is constant."""
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    i, j = np.triu_indices(len(first), k=1)
    up_a, up_b = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
    concordant = int(np.sum(up_a * up_b > 0))
    discordant = int(np.sum(up_a * up_b < 0))
    scale = sqrt(np.count_nonzero(up_a)) * sqrt(np.count_nonzero(up_b))
    tau = (concordant - discordant) / scale if scale else nan
    return Agreement(tau, concordant, discordant, len(i) - concordant - discordant)


def widened(known: Estimate, noise: float, level: float = LEVEL) -> Estimate:
    """The estimate with an interval that also covers a normal error of standard deviation `noise`."""
    reach = NormalDist().inv_cdf((1 + level) / 2) * noise
    low = known.value - sqrt((known.value - known.low) ** 2 + reach**2)
    high = known.value + sqrt((known.high - known.value) ** 2 + reach**2)
    return Estimate(known.value, low, high, known.n, known.sd)


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
    if n > EXACT:
        # The binomial's normal approximation, whose rank is off by less than one here.
        return floor((n - NormalDist().inv_cdf((1 + LEVEL) / 2) * sqrt(n)) / 2)
    rank, outside = 0, 2 / 2**n
    while outside <= 1 - LEVEL:
        rank += 1
        outside += 2 * comb(n, rank) / 2**n
    return rank


def _bootstrapped(
    plain: Estimate,
    sums: Floats,
    counts: Floats,
    noise: tuple[float, float] = (0.0, 0),
    *,
    noise_seed: int | Sequence[int] = 0,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Estimate:
    """An estimate with its interval from the means over groups drawn with replacement, where these are two or more.

    `noise` widens it: a standard error times a t variate of so many degrees of freedom, of which 0 are no noise.
    """
    if len(counts) < 2:
        return plain
    replicates = _resampled_means(sums, counts, resamples)
    error, freedom = noise
    if freedom:
        replicates = replicates + error * np.random.default_rng(noise_seed).standard_t(freedom, resamples)
    low, high = _bounds(replicates, level)
    return replace(plain, low=low, high=high)


def _bounds(replicates: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _group_sums(values: Floats, labels: NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Sums and counts `[groups]` of values `[n]` by label `[n]`."""
    _, index = np.unique(labels, return_inverse=True)
    return np.bincount(index, weights=values).astype(float), np.bincount(index).astype(float)


def _is_one_value(sums: Floats, counts: Floats) -> bool:
    """Whether all groups have the same mean, to rounding."""
    means = sums / counts
    return bool(np.allclose(means, means[0], rtol=1e-12, atol=1e-15))


def _resampled_means(sums: Floats, counts: Floats, resamples: int) -> Floats:
    """Means `[resamples]` over groups drawn with replacement."""
    weights = _draws(len(counts), resamples)
    return (weights @ sums) / (weights @ counts)


@lru_cache(maxsize=8)
def _draws(groups: int, resamples: int) -> Floats:
    """How often each group is drawn `[resamples, groups]`; every column of a table shares these draws."""
    drawn = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    weights = drawn.astype(float)
    weights.flags.writeable = False
    return weights


def _seed_noise(a: Floats, b: Floats, known: tuple[float, int]) -> tuple[float, float, float]:
    """Pooled standard deviation over seeds, standard error of the difference of the means, degrees of freedom.

    The spread is the `known` one, unless theirs is larger: then nobody knows it as well as that, and it counts with
    their few seeds. Error and freedom are Welch's there, for rows need not scatter alike; a row of one seed is taken to
    scatter as the other one does.
    """
    sd, freedom = pooled_spread([a, b])
    if known[1] and not (freedom and sd > known[0]):
        return known[0], known[0] * sqrt(1 / len(a) + 1 / len(b)), known[1]
    if not freedom:
        return sd, 0.0, 0
    variances = [float((each if len(each) > 1 else other).var(ddof=1)) / len(each) for each, other in ((a, b), (b, a))]
    total = sum(variances)
    if total and min(len(a), len(b)) > 1:
        return sd, sqrt(total), total**2 / sum(v**2 / (len(x) - 1) for v, x in zip(variances, (a, b), strict=True))
    return sd, sqrt(total), freedom


def pooled_spread(series: Iterable[ArrayLike]) -> tuple[float, int]:
    """The standard deviation of series `[n]` around their own means, and its degrees of freedom; NaN and 0 for none."""
    values = [np.asarray(each, dtype=float) for each in series]
    freedom = sum(len(each) - 1 for each in values if len(each))
    if freedom == 0:
        return nan, 0
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in values if len(each))
    return sqrt(squares / freedom), freedom
