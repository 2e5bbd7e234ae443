"""How far a series of readings lies above another: by ranks, so that a few disturbed readings do not decide."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from reidbench.statistics import LEVEL, Estimate


def shift_interval(strata: Sequence[tuple[ArrayLike, ArrayLike]], *, level: float = LEVEL) -> Estimate:
    """The shift from the first to the second series of each stratum, `[n]` and `[m]` readings, and its interval.

    The shift is the median of all differences between a second and a first reading of one stratum (Hodges and Lehmann,
    1963); the interval holds the shifts that the Mann-Whitney test does not refuse at 1 - `level`, over several strata
    its stratified form (van Elteren's, unweighted). It is unbounded where so few readings can refuse nothing. `n`
    counts the readings of the smaller side. Raises ValueError where a stratum lacks a side.
    """
    pairs = [(np.asarray(a, dtype=float), np.asarray(b, dtype=float)) for a, b in strata]
    if not pairs or any(not a.size or not b.size for a, b in pairs):
        raise ValueError("a shift needs readings on both sides")
    differences = np.sort(np.concatenate([np.subtract.outer(b, a).ravel() for a, b in pairs]))
    mean = len(differences) / 2
    variance = sum(a.size * b.size * (a.size + b.size + 1) / 12 for a, b in pairs)
    beyond = floor(mean - 0.5 - NormalDist().inv_cdf((1 + level) / 2) * sqrt(variance))
    bounded = beyond >= 0
    low = float(differences[beyond]) if bounded else -inf
    high = float(differences[-beyond - 1]) if bounded else inf
    n = min(sum(a.size for a, _ in pairs), sum(b.size for _, b in pairs))
    return Estimate(float(np.median(differences)), low, high, n)
