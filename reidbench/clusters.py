"""Means over readings that come in groups, the queries of a person or of look-alikes, and differences of such means.

An interval counts groups: how far the mean would move if others had been chosen, by how far each one pulls it, times a
t variate. Where groups are of several kinds (strata), each of which has as many as it has, only how groups differ from
others of their kind counts. An accuracy has two sources of variance, kept apart: `Estimate.low` and `high` cover the
choice of query identities, `Estimate.sd` is the spread over training seeds. Only differences join the two: sources that
are independent widen an interval by the root of the sum of squares. Where a dataset has random splits, a value is the
mean over them and `sd` their spread; who is a query in several splits pulls at all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reidbench.statistics import LEVEL, Estimate, Floats, as_readings, pooled_spread, spread, t_reach, widened

ROUNDING = 1e-9
"""How far from 0 and 1 the sums of a share may come to lie by rounding."""

Groups = Sequence[object] | ArrayLike
"""The group of each value: labels `[n]`, or `[n, 2]` numbers, the kind of the group (its stratum) before its label."""


def mean_interval(
    values: ArrayLike,
    groups: Groups | None = None,
    where: ArrayLike | None = None,
    *,
    share: bool = False,
) -> Estimate:
    """The mean of values `[n]` where `where` is 1, with an interval over groups `[n]`.

    Queries of one identity resemble each other, and those of look-alikes, so that such a group is the unit that counts;
    without `groups` each value is. Of a `share`, whose values lie from 0 to 1, the interval does, too, and there is one
    where all values are 0 or all are 1 (see `_share_interval`). Where all groups have the same mean otherwise there is
    none: they do not say how far others would lie from it. Raises ValueError for lengths that differ and for a mean
    over nothing.
    """
    readings = np.asarray(values, dtype=float)
    kept = np.ones(len(readings), bool) if where is None else np.asarray(where, dtype=float) == 1
    labels = np.arange(len(readings)) if groups is None else np.asarray(groups)
    if not len(readings) == len(labels) == len(kept):
        raise ValueError(f"{len(readings)} values, {len(labels)} groups and {len(kept)} marks must be equally many")
    readings, labels = as_readings(readings[kept]), labels[kept]
    plain = Estimate(float(readings.mean()), n=len(readings), sd=spread(readings))
    return _mean_of_groups(plain, _pulls([readings], [labels]), share and _is_share(readings))


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups,
    where: ArrayLike | None = None,
    *,
    noise: tuple[float, int] = (nan, 0),
    level: float = LEVEL,
) -> Estimate:
    """The difference mean(a) - mean(b) of two rows over the same queries, values `[n]` or `[seeds, n]`, groups `[n]`.

    What the rows have in common cancels. Where a row has several seeds, the interval is widened by their spread:
    Welch's standard error over seeds. `sd` is the pooled spread and NaN when neither row has a second seed: then the
    interval says nothing about the chance of training. `noise` is such a spread with its degrees of freedom, known
    from more rows, that is taken for both rows: it or their own, the larger one.
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
    return widened(_over_groups(plain, _pulls([difference], [labels]), level), error, freedom=freedom, level=level)


def means_difference(a: ArrayLike, a_groups: Groups, b: ArrayLike, b_groups: Groups) -> Estimate:
    """The difference mean(a) - mean(b) of values `[n]` and `[m]`, each with its group, that need not be of one list.

    Every group of either (an identity) counts once for both: of one model under two protocols, which count different
    queries, what the identities have in common cancels. Raises ValueError for a mean over nothing.
    """
    first, second = as_readings(a), as_readings(b)
    pulls = _pulls([first, second], [np.asarray(a_groups), np.asarray(b_groups)], [1, -1])
    return _over_groups(Estimate(float(first.mean() - second.mean())), pulls, LEVEL)


def gap_interval(values: ArrayLike, groups: Groups) -> Estimate:
    """The mean of differences `[seeds, n]` that were taken already, with an interval over groups `[n]`.

    As in `paired_difference` several seeds widen it, by their standard error. `sd` is their spread and NaN for one.
    """
    gaps, labels = np.atleast_2d(np.asarray(values, dtype=float)), np.asarray(groups)
    pulls = _pulls([as_readings(gaps.mean(axis=0))], [labels])
    means = gaps.mean(axis=1)
    plain = Estimate(float(gaps.mean()), n=len(means), sd=spread(means))
    return widened(_over_groups(plain, pulls, LEVEL), plain.sd / sqrt(len(means)), freedom=len(means) - 1)


def mean_over_splits(values: Sequence[ArrayLike], groups: Sequence[Groups], *, share: bool = False) -> Estimate:
    """The mean of the means of several splits' values, each `[n_k]` with its groups `[n_k]`.

    A group (an identity) that is in several splits pulls at all of them: splits of the same persons are no further
    persons. `n` counts the splits and `sd` is their spread. `share` is that of `mean_interval`, and without an
    interval is what has none there.
    """
    bounded = share and all(_is_share(as_readings(each)) for each in values)
    return _mean_of_groups(*_over_splits(values, groups), bounded)


def difference_over_splits(gaps: Sequence[ArrayLike], groups: Sequence[Groups], *, level: float = LEVEL) -> Estimate:
    """The mean over splits of the mean difference in each, `[n_k]` with groups `[n_k]`, in each of which rows trained.

    The interval of `mean_over_splits` is widened by the spread over splits: their standard error. That counts the
    choice of queries twice, and takes the splits as independent although they share persons.
    """
    plain, pulls = _over_splits(gaps, groups)
    error = plain.sd / sqrt(plain.n)
    return widened(_over_groups(plain, pulls, level), error, freedom=plain.n - 1, level=level)


@dataclass(frozen=True)
class _Pulls:
    """How far each group moves a sum of means from what it would be if all were alike, `[groups]`, and its kind."""

    sizes: Floats
    kinds: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.sizes)

    def error(self) -> tuple[float, float]:
        """The standard error of the mean by the choice of its two or more groups, and its degrees of freedom.

        It is the linearised one of sampled clusters, within each kind of them, with Satterthwaite's degrees of freedom.
        Where some kind has one group only, which says nothing of others, all are taken for one kind: that errs on the
        wide side.
        """
        kinds = self.kinds if np.bincount(self.kinds).min() > 1 else np.zeros(len(self), np.intp)
        counts = np.bincount(kinds)
        means = np.bincount(kinds, self.sizes) / counts
        squares = np.bincount(kinds, (self.sizes - means[kinds]) ** 2)
        variances = squares * counts / (counts - 1)
        total = float(variances.sum())
        if not total:
            return 0.0, float(len(self) - len(counts))
        return sqrt(total), 1 / float(((variances / total) ** 2 / (counts - 1)).sum())


def _pulls(
    series: Sequence[Floats], labels: Sequence[NDArray[np.generic]], weights: Sequence[float] = (1.0,)
) -> _Pulls:
    """Those at the weighted sum of the means of series `[n_k]`, whose groups `[n_k]` or `[n_k, 2]` may recur."""
    rows = np.concatenate(labels)
    names = rows if rows.ndim == 1 else rows[:, -1]
    _, first, index = np.unique(names, return_index=True, return_inverse=True)
    pulls, end = np.zeros(len(first)), 0
    # One series after the other, so that what two have in common cancels to the last bit.
    for values, weight in zip(series, weights, strict=True):
        start, end = end, end + len(values)
        moved = (values - values.mean()) / len(values)
        pulls += weight * np.bincount(index[start:end], moved, minlength=len(first))
    kinds = np.zeros(len(first), np.intp) if rows.ndim == 1 else np.unique(rows[first, 0], return_inverse=True)[1]
    return _Pulls(pulls, kinds)


def _over_splits(values: Sequence[ArrayLike], groups: Sequence[Groups]) -> tuple[Estimate, _Pulls]:
    """The mean of the splits' means, without an interval, and how far each group pulls it."""
    readings = [as_readings(each) for each in values]
    means = np.array([each.mean() for each in readings])
    pulls = _pulls(readings, [np.asarray(each) for each in groups], [1 / len(means)] * len(means))
    return Estimate(float(means.mean()), n=len(means), sd=spread(means)), pulls


def _over_groups(plain: Estimate, pulls: _Pulls, level: float) -> Estimate:
    """An estimate with its interval over groups, where these are two or more."""
    if len(pulls) < 2:
        return plain
    reach = t_reach(*pulls.error(), level)
    return replace(plain, low=plain.value - reach, high=plain.value + reach)


def _mean_of_groups(plain: Estimate, pulls: _Pulls, share: bool) -> Estimate:
    """A mean with its interval over two or more groups that differ, or that are all 0 or all 1 of a share."""
    if share and abs(plain.value - round(plain.value)) <= ROUNDING:
        plain = replace(plain, value=float(round(plain.value)))
    if len(pulls) < 2:
        return plain
    differ = pulls.error()[0] * sqrt(len(pulls)) > 1e-12 * abs(plain.value) + 1e-15
    if not differ and not (share and plain.value in (0, 1)):
        return plain
    return _share_interval(plain, pulls) if share else _over_groups(plain, pulls, LEVEL)


def _is_share(values: Floats) -> bool:
    """Whether values lie from 0 to 1, to rounding."""
    return bool(values.min() >= -ROUNDING and values.max() <= 1 + ROUNDING)


def _share_interval(plain: Estimate, pulls: _Pulls) -> Estimate:
    """Wilson's interval of a share, for as many independent values as would give the standard error over groups.

    Near 0 and 1, where the values at hand scatter less than others would, it holds the truth more often than an
    interval that is symmetric, and it ends there. Where all values are 0, or all 1, each group counts as one value.
    """
    value, (error, freedom) = plain.value, pulls.error()
    squared = t_reach(1.0, freedom, LEVEL) ** 2
    size = len(pulls) if value in (0, 1) else value * (1 - value) / error**2
    middle = (value + squared / (2 * size)) / (1 + squared / size)
    half = sqrt(squared * (value * (1 - value) / size + squared / (4 * size**2))) / (1 + squared / size)
    return replace(plain, low=max(0.0, middle - half), high=min(1.0, middle + half))


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
        return sd, sqrt(total), 1 / sum((v / total) ** 2 / (len(x) - 1) for v, x in zip(variances, (a, b), strict=True))
    return sd, sqrt(total), freedom
