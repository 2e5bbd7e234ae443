"""How far the times of one and the same code lie apart between sessions: what all rows share, and what each adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, inf, isfinite, isnan, nan, pi, sqrt
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

from reidbench.statistics import Floats

LogRatios = Mapping[str, Sequence[Sequence[float]]]
"""Logarithms of a row's readings over the reference row's of the same rounds, by row a list a session."""


@dataclass(frozen=True)
class Noise:
    """The scatter of log times between sessions, as standard deviations, beyond what their rounds explain.

    By `shared` all rows but the reference row move together against it; `own` is what each adds independently. Both are
    known with so many degrees of `freedom`: the sessions less one, however many rows these have; infinite where they
    are taken as known.
    """

    shared: float
    own: float
    freedom: float = inf

    def of(self, weights: Sequence[float]) -> float:
        """That of a sum of log times with these weights; the reference row's own weight is not among them."""
        return hypot(self.shared * sum(weights), self.own * hypot(*weights))

    def stretch(self, level: float) -> float:
        """How many times as far as a normal error of this size an interval at `level` reaches: Student's t over z."""
        tail = (1 + level) / 2
        return float(stdtrit(self.freedom, tail)) / NormalDist().inv_cdf(tail) if isfinite(self.freedom) else 1.0


def noise_of(series: LogRatios) -> Noise | None:
    """The noise that some sessions show, the same ones of each row; None where no row has two.

    A single row does not tell what it shares, and all of its noise counts as its own: divided by more rows than the
    reference row, that is the more careful choice.
    """
    between, _ = scatter(series)
    if isnan(between):
        return None
    if len(series) < 2:
        return Noise(0.0, between)
    rows = len(series)
    means = [np.mean(aligned, axis=0) for aligned in (_aligned(each) for each in zip(*series.values(), strict=True))]
    alone = {
        row: [np.subtract(readings[: len(mean)], mean) for readings, mean in zip(each, means, strict=True)]
        for row, each in series.items()
    }
    own = scatter(alone)[0] * sqrt(rows / (rows - 1))
    return Noise(sqrt(max(0.0, between**2 - own**2)), own)


def scatter(series: Mapping[str, Sequence[Sequence[float] | Floats]]) -> tuple[float, float]:
    """Standard deviations (between sessions, within one) of log ratios, by row a list of readings a session.

    Within is taken from the quartiles, which a few disturbed rounds do not reach; between is what the medians of the
    sessions scatter beyond what that within explains, over all rows. NaN where no row has two sessions.
    """
    between, within = [], []
    for sessions in series.values():
        if len(sessions) < 2:
            continue
        inner = np.array([_robust(readings) for readings in sessions])
        medians = np.array([np.median(readings) for readings in sessions])
        # The median of n normal readings has pi/2 times the variance of their mean.
        explained = np.mean([pi / 2 * sd**2 / len(r) for sd, r in zip(inner, sessions, strict=True)])
        between.append(medians.var(ddof=1) - explained)
        within.append(np.mean(inner**2))
    if not between:
        return nan, nan
    return sqrt(max(0.0, float(np.mean(between)))), sqrt(float(np.mean(within)))


def _aligned(session: Sequence[Sequence[float]]) -> Floats:
    """The readings of all rows in one session `[rows, rounds]`, of the rounds that all have."""
    rounds = min(map(len, session))
    return np.array([readings[:rounds] for readings in session])


def _robust(readings: Sequence[float] | Floats) -> float:
    """The standard deviation that a normal distribution with these quartiles has."""
    low, high = np.quantile(readings, [0.25, 0.75])
    return float(high - low) / 1.349
