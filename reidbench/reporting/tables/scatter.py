"""How far times lie apart between sessions on a machine, as its calibration found it (`bench.py calibrate`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, isnan, log
from pathlib import Path

from reidbench.spec import Quantity
from reidbench.statistics import Estimate, widened

FILE = "calibration.json"

MOST_NOISE = 5.0
"""No sessions scatter so: ratios that differ by a factor of 150 as a rule."""


@dataclass(frozen=True)
class Scatter:
    """The standard deviation, over `sessions`, of the logarithm of the ratio of two rows, beyond that of its rounds."""

    noise: float
    sessions: int

    def tells(self, ratio: float) -> bool:
        """Whether a ratio of two times lies further from 1 than twice what sessions do from each other."""
        return ratio > 0 and abs(log(ratio)) > 2 * self.noise

    def covered(self, ratio: Estimate) -> Estimate:
        """A ratio of two times with an interval that covers, beside the rounds of its session, other sessions too."""
        if isnan(ratio.low) or ratio.low <= 0:
            return ratio
        logarithm = Estimate(log(ratio.value), log(ratio.low), log(ratio.high))
        found = widened(logarithm, self.noise)
        return replace(ratio, low=exp(found.low), high=exp(found.high))


def covering(noise: Scatter | None, quantity: Quantity, known: Estimate | None) -> Estimate | None:
    """A ratio to the reference row with an interval that covers the scatter between sessions too; all else as it is.

    That of the reference row itself is 1 in every round, and in every session.
    """
    is_ratio = quantity.over == "reference" and known is not None and known.low < known.high
    return noise.covered(known) if noise and known and is_ratio else known


def scatter_by_device(folder: Path) -> dict[str, Scatter]:
    """The scatter on each device that a machine's folder holds a calibration of; empty where there is none to read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        noise, sessions, device = found["noise"], found["about"]["sessions"], found["about"]["device"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    real = type(noise) in (int, float) and 0 <= noise <= MOST_NOISE
    return {device: Scatter(noise, sessions)} if real and type(sessions) is int and isinstance(device, str) else {}


def on_device(scatter: Mapping[str, Scatter], settings: Mapping[str, object]) -> Scatter | None:
    """The scatter of times that were measured with these settings."""
    return scatter.get(str(settings.get("device", "")))
