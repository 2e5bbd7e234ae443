"""From two sets of records to verdicts: pure functions, one for each kind of cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from reidbench.regression.accuracies import judge_accuracy, spreads
from reidbench.regression.pairing import Pair
from reidbench.regression.times import judge_time
from reidbench.regression.verdicts import KINDS, Limits, Verdict

COUNTERS = ("torch", "fvcore", "ptflops")
"""The packages that count."""


SINGLE = 2
"""What a single reading must change by, in multiples of `Limits.least`: peaks of one and the same code, read three
times on one machine, lay up to 6 % apart."""


@dataclass(frozen=True)
class Circumstances:
    """Under which two stores were filled: whether on one machine, and how far sessions of it scatter.

    `noise` is the standard deviation of a row's log ratio between sessions, as `bench.py calibrate` found it here; NaN
    where that was not done.
    """

    same_machine: bool = True
    noise: float = nan


def judge(pairs: Sequence[Pair], limits: Limits, under: Circumstances) -> list[Verdict]:
    """One verdict a pair, in their order.

    All pairs of one kind that are comparable share the chance of a false alarm, each with an equal part.
    """
    comparable = {kind: sum(pair.kind == kind and not pair.reason for pair in pairs) for kind in KINDS}
    spread = spreads([pair for pair in pairs if pair.kind == "accuracy" and not pair.reason])
    verdicts = []
    for pair in pairs:
        level = 1 - limits.chance / max(1, comparable[pair.kind])
        if pair.reason:
            found: dict[str, Any] = {"word": "not comparable", "note": pair.reason, "failed": pair.failed}
        elif pair.kind == "count":
            found = judge_count(pair)
        elif pair.kind == "reading":
            found = judge_reading(pair, limits, under.same_machine)
        elif pair.kind == "time":
            found = judge_time(pair, limits, under.noise, level)
        else:
            found = judge_accuracy(pair, limits, spread[pair.name, pair.title], level)
        verdicts.append(_verdict(pair, found))
    return verdicts


def judge_count(pair: Pair) -> dict[str, Any]:
    """Counts are exact: any difference is one."""
    before, after = pair.there[-1].values.get(pair.field), pair.here[-1].values.get(pair.field)
    if before is None or after is None:
        return _unheld(before, after)
    word = "same" if before == after else word_of(after - before, pair.quantity.better)
    note = "" if word == "same" else _package_note(pair)
    return {"word": word, "before": before, "after": after, "change": _relative(before, after), "note": note}


def judge_reading(pair: Pair, limits: Limits, same_machine: bool) -> dict[str, Any]:
    """One reading a side does not tell its noise: `SINGLE` times `Limits.least` counts as a change, on one machine."""
    before, after = pair.there[-1].values.get(pair.field), pair.here[-1].values.get(pair.field)
    if before is None or after is None:
        return _unheld(before, after)
    found = {"before": before, "after": after, "change": _relative(before, after)}
    if not same_machine and pair.here[-1].cell["settings"].get("device") == "cpu":
        return {"word": "not comparable", "note": "on another machine the libraries take other memory", **found}
    change = found["change"]
    if change is None or abs(change) < SINGLE * limits.least:
        return {"word": "same" if change is not None else "cannot tell", "note": "a single reading a side", **found}
    return {"word": word_of(change, pair.quantity.better), "note": "a single reading a side", **found}


def word_of(change: float, better: str) -> str:
    """Whether a change that counts is one for the better."""
    return "better" if (change > 0) == (better == "higher") else "worse"


def _unheld(before: float | None, after: float | None) -> dict[str, Any]:
    where = "here" if after is None else "there"
    return {"word": "not comparable", "note": f"the record {where} holds nothing for it", "before": before}


def _relative(before: float, after: float) -> float | None:
    if before == after:
        return 0.0
    return after / before - 1 if before else None


def _package_note(pair: Pair) -> str:
    here, there = pair.here[-1].versions, pair.there[-1].versions
    others = [
        f"{name} {here.get(name) or 'none'} (there {there.get(name) or 'none'})"
        for name in COUNTERS
        if here.get(name) != there.get(name)
    ]
    return f"counted with {', '.join(others)}" if others else ""


def _verdict(pair: Pair, found: dict[str, Any]) -> Verdict:
    quantity = pair.quantity
    for name in ("before", "after"):
        if found.get(name) is not None:
            found[name] *= quantity.scale
    return Verdict(pair.row, pair.name, pair.title, pair.kind, unit=quantity.unit, digits=quantity.digits, **found)
