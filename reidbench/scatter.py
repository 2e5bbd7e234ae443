"""How far the times of one and the same code lie apart between sessions: what all rows share, and what each adds.

The calibration of a machine (`bench.py calibrate`) keeps the readings that it follows from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, hypot, inf, isnan, log, nan, pi, sqrt
from pathlib import Path

import numpy as np

from reidbench.spec import Quantity
from reidbench.statistics import LEVEL, Estimate, Floats, as_readings, widened

FILE = "calibration.json"

MOST_NOISE = 5.0
"""No sessions scatter so: ratios that differ by a factor of 150 as a rule."""

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

    def widen(self, logs: Estimate, weights: Sequence[float], part: float = 1, level: float = LEVEL) -> Estimate:
        """A sum of log times with an interval at `level` that covers the noise, too, or that `part` of its variance.

        The mean of n sessions has 1/n of it.
        """
        return widened(logs, self.of(weights) * sqrt(part), freedom=self.freedom, level=level)

    def covered(self, ratio: Estimate) -> Estimate:
        """A ratio to the reference row with an interval that covers, beside the rounds of its session, others too."""
        if isnan(ratio.low) or ratio.low <= 0:
            return ratio
        found = self.widen(Estimate(log(ratio.value), log(ratio.low), log(ratio.high)), [1.0])
        return replace(ratio, low=exp(found.low), high=exp(found.high))


def covering(noise: Noise | None, quantity: Quantity, known: Estimate | None) -> Estimate | None:
    """A ratio to the reference row with an interval that covers the scatter between sessions too; all else as it is.

    That of the reference row itself is 1 in every round, and in every session.
    """
    is_ratio = quantity.over == "reference" and known is not None and known.low < known.high
    return noise.covered(known) if noise and known and is_ratio else known


def noise_by_device(folder: Path) -> dict[str, Noise]:
    """The noise on each device that a machine's folder holds a calibration of; empty where there is none to read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        device, noise = found["about"]["device"], noise_of(found["log_ratios"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return {}
    sound = noise is not None and hypot(noise.shared, noise.own) <= MOST_NOISE and isinstance(device, str)
    return {device: noise} if noise and sound else {}


def on_device(noise: Mapping[str, Noise], settings: Mapping[str, object]) -> Noise | None:
    """The noise of times that were measured with these settings."""
    return noise.get(str(settings.get("device", "")))


def noise_of(series: LogRatios) -> Noise | None:
    """The noise that some sessions show, the same ones of each row; None where no row has two.

    A single row does not tell what it shares, and all of its noise counts as its own: divided by more rows than the
    reference row, that is the more careful choice. Raises ValueError where the rows do not have the same sessions, or
    readings are none or no finite numbers.
    """
    for readings in (readings for sessions in series.values() for readings in sessions):
        as_readings(readings)
    between, _ = scatter(series)
    if isnan(between):
        return None
    freedom = max(map(len, series.values())) - 1
    if len(series) < 2:
        return Noise(0.0, between, freedom)
    rows = len(series)
    means = [np.mean(aligned, axis=0) for aligned in (_aligned(each) for each in zip(*series.values(), strict=True))]
    alone = {
        row: [np.subtract(readings[: len(mean)], mean) for readings, mean in zip(each, means, strict=True)]
        for row, each in series.items()
    }
    own = scatter(alone)[0] * sqrt(rows / (rows - 1))
    return Noise(sqrt(max(0.0, between**2 - own**2)), own, freedom)


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
