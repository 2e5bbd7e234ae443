"""Judges times and rates by their ratio to the reference row of the same interleaved session."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, inf, isfinite, isnan, log, sqrt
from typing import Any

import numpy as np

from reidbench import machine
from reidbench.regression.pairing import Pair
from reidbench.regression.shift import shift_interval
from reidbench.regression.verdicts import Limits, word_of
from reidbench.spec import Record
from reidbench.statistics import Estimate, widened

BATCH = "seconds_batch_"
"""How the samples of a throughput's record are called, which has some readings at each batch."""

MOST_SESSIONS = 20
"""Sessions a side beyond which it is no use to say how many it would take."""


def judge_time(pair: Pair, limits: Limits, noise: float, level: float) -> dict[str, Any]:
    """By a rank test on the logarithms of the ratios, round by round, and a minimum change.

    Worse or better is what changed by at least `Limits.least` with an interval at `level` without 0; the same is what
    lies, with its 95 % interval, within that. `noise` is the scatter between sessions, as a standard deviation of the
    logarithm; where it is known both intervals cover it too.
    """
    here, there = log_ratios(pair.here, pair.beside_here, pair), log_ratios(pair.there, pair.beside_there, pair)
    common = [batch for batch in there if batch in here]
    if not common:
        return {"word": "not comparable", "note": "no readings of the same batch on both sides"}
    strata = [(there[batch], here[batch]) for batch in common]
    if all(not np.any(a) and not np.any(b) for a, b in strata):
        return {"word": "not comparable", "note": "it is the row whose times the others' are divided by"}
    between = 0.0 if isnan(noise) else noise * sqrt(1 / len(pair.here) + 1 / len(pair.there))
    shown = widened(shift_interval(strata), between)
    strict = widened(shift_interval(strata, level=level), between, level)
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
    }


def log_ratios(records: Sequence[Record], beside: Sequence[Record], pair: Pair) -> dict[str, list[float]]:
    """Logarithms of a row's readings over the reference row's of the same rounds, of all sessions, by batch."""
    quantity = pair.quantity
    found: dict[str, list[float]] = {}
    for index, record in enumerate(records):
        if quantity.over:
            series = {"": (record.samples.get(quantity.sample, []), record.samples.get(quantity.over, []))}
        else:
            samples, others = record.samples, beside[index].samples
            names = [name for name in samples if name.startswith(BATCH)] or [quantity.sample]
            # Seconds of the batch turn into rates, where more is better.
            turned = names[0] != quantity.sample
            both = {name: (samples[name], others[name]) for name in names if name in samples and name in others}
            series = {name: (b, a) if turned else (a, b) for name, (a, b) in both.items()}
        for batch, (own, other) in series.items():
            if len(own) == len(other) and min([*own, *other], default=0) > 0:
                found.setdefault(batch, []).extend(log(a / b) for a, b in zip(own, other, strict=True))
    return {batch: values for batch, values in found.items() if values}


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
        reach, room = max(shown.high - shown.value, shown.value - shown.low), log(1 + least) - abs(shown.value)
    needed = fewer * (reach / room) ** 2 if room > 0 else inf
    if needed > MOST_SESSIONS:
        return f"the change is too near the limit for {MOST_SESSIONS} sessions a side to tell (now {now})"
    return f"about {max(ceil(needed), fewer + 1)} sessions a side would tell (now {now})"


def _disturbed(pair: Pair) -> list[str]:
    loads = [float(record.context.get("other_load", 0.0)) for record in (*pair.here, *pair.there)]
    return [f"other processes used {max(loads):.1f} cores in a session"] if max(loads) > machine.BUSY else []


def _bound(value: float) -> float | None:
    return exp(value) - 1 if isfinite(value) else None
