"""Judges times and rates by their ratio to rows of the same interleaved session whose code has not changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, exp, inf, isfinite, log
from typing import Any

import numpy as np

from reidbench.doubts import busy
from reidbench.measurements.costs import BATCH
from reidbench.regression.pairing import Pair
from reidbench.regression.shift import shift_interval
from reidbench.regression.verdicts import Limits, word_of
from reidbench.scatter import Noise
from reidbench.spec import Quantity, Record
from reidbench.statistics import Estimate

MOST_SESSIONS = 20
"""Sessions a side beyond which it is no use to say how many it would take."""


def judge_time(pair: Pair, limits: Limits, noise: Noise | None, level: float) -> dict[str, Any]:
    """By a rank test on the logarithms of the ratios, round by round, and a minimum change.

    Worse or better is what changed by at least `Limits.least` with an interval at `level` without 0; the same is what
    lies, with its 95 % interval, within that. Where the noise between sessions is known both intervals cover it too.
    """
    here, there = (
        _over_divisors(pair, *side) for side in ((pair.here, pair.beside_here), (pair.there, pair.beside_there))
    )
    common = [batch for batch in there if batch in here]
    if not common:
        return {"word": "not comparable", "note": "no readings of the same batch on both sides"}
    strata = [(there[batch], here[batch]) for batch in common]
    noise = noise or Noise(0.0, 0.0)
    weights, part = _weights(pair), 1 / len(pair.here) + 1 / len(pair.there)
    shown = noise.widen(shift_interval(strata), weights, part)
    strict = noise.widen(shift_interval(strata, level=level), weights, part, level)
    word = _word(shown, strict, limits.least, pair.quantity.better)
    notes = [_effort(shown, strict, limits.least, pair)] if word == "cannot tell" else []
    return {
        "word": word,
        "before": exp(float(np.median(strata[0][0]))) if pair.quantity.over else None,
        "after": exp(float(np.median(strata[0][1]))) if pair.quantity.over else None,
        "change": exp(shown.value) - 1,
        "low": _bound(shown.low),
        "high": _bound(shown.high),
        "note": "; ".join([*notes, *_disturbed(pair)]),
        "divisors": pair.divisors,
    }


def log_ratios(record: Record, reference: Record | None, quantity: Quantity) -> dict[str, list[float]]:
    """Logarithms of a row's readings over the reference row's of the same rounds of a session, by batch.

    The reference row's record is needed where the row's own does not hold its readings.
    """
    if quantity.over:
        series = {"": (record.samples.get(quantity.sample, []), record.samples.get(quantity.over, []))}
    else:
        samples, others = record.samples, reference.samples if reference else {}
        names = [name for name in samples if name.startswith(BATCH)] or [quantity.sample]
        # Seconds of the batch turn into rates, where more is better.
        turned = names[0] != quantity.sample
        both = {name: (samples[name], others[name]) for name in names if name in samples and name in others}
        series = {name: (b, a) if turned else (a, b) for name, (a, b) in both.items()}
    return {
        batch: [log(a / b) for a, b in zip(own, other, strict=True)]
        for batch, (own, other) in series.items()
        if len(own) == len(other) and min([*own, *other], default=0) > 0
    }


def _over_divisors(
    pair: Pair, records: Sequence[Record], beside: Sequence[Mapping[str, Record]]
) -> dict[str, list[float]]:
    """Logarithms of the row's readings over the geometric mean of its divisors', of all sessions, by batch."""
    found: dict[str, list[float]] = {}
    for record, others in zip(records, beside, strict=True):
        reference = others.get(pair.reference)
        own = log_ratios(record, reference, pair.quantity)
        names = [name for name in pair.divisors if name != pair.reference]
        divisors = [log_ratios(others[name], reference, pair.quantity) for name in names]
        for batch, readings in own.items():
            aligned = [each[batch] for each in divisors if len(each.get(batch, ())) == len(readings)]
            if len(aligned) == len(divisors):
                common = np.sum(aligned, axis=0) / len(pair.divisors)
                found.setdefault(batch, []).extend(np.subtract(readings, common).tolist())
    return found


def _weights(pair: Pair) -> list[float]:
    """Those of the log times that are compared, the reference row's left out: it is what the others are relative to."""
    own = [1.0] if pair.row != pair.reference else []
    return own + [-1 / len(pair.divisors) for name in pair.divisors if name != pair.reference]


def _word(shown: Estimate, strict: Estimate, least: float, better: str) -> str:
    if abs(exp(shown.value) - 1) >= least and (strict.low > 0 or strict.high < 0):
        return word_of(shown.value, better)
    if shown.low > log(1 - least) and shown.high < log(1 + least):
        return "same"
    return "cannot tell"


def _effort(shown: Estimate, strict: Estimate, least: float, pair: Pair) -> str:
    """What it would take to tell: sessions a side, if the change stays as it was measured."""
    now = f"{len(pair.here)} here, {len(pair.there)} there"
    if not isfinite(strict.low) or not isfinite(strict.high):
        return f"{shown.n} readings a side are too few; measure another session (now {now})"
    fewer = min(len(pair.here), len(pair.there))
    if abs(exp(shown.value) - 1) >= least:
        reach, room = max(strict.high - strict.value, strict.value - strict.low), abs(shown.value)
    else:
        reach = max(shown.high - shown.value, shown.value - shown.low)
        room = min(log(1 + least) - shown.value, shown.value - log(1 - least))
    needed = fewer * (reach / room) ** 2 if room > 0 else inf
    if needed > MOST_SESSIONS:
        return f"the change is too near the limit for {MOST_SESSIONS} sessions a side to tell (now {now})"
    return f"about {max(ceil(needed), fewer + 1)} sessions a side would tell (now {now})"


def _disturbed(pair: Pair) -> list[str]:
    loads = [record.context.get("other_load", 0.0) for record in (*pair.here, *pair.there) if busy(record)]
    return [f"other processes used {max(loads):.1f} cores in a session"] if loads else []


def _bound(value: float) -> float | None:
    return exp(value) - 1 if isfinite(value) else None
