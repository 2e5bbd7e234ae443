"""From two sets of records to verdicts: pure functions, one for each kind of cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reidbench.regression.accuracies import judge_accuracy, spreads
from reidbench.regression.pairing import Pair
from reidbench.regression.times import judge_time
from reidbench.regression.verdicts import KINDS, Limits, Verdict, word_of
from reidbench.scatter import Noise
from reidbench.spec import Record

COUNTERS = ("torch", "fvcore", "ptflops")
"""The packages that count."""


SINGLE = 2
"""What a reading must change by, in multiples of `Limits.least`."""

READINGS = 3
"""Readings of one code of which the smallest is taken for its own: of peaks of memory, read eight times on one machine,
seven lay within 1 % and one 13 % higher."""


@dataclass(frozen=True)
class Circumstances:
    """Under which two stores were filled: whether on one machine, and how far sessions of it scatter, by device.

    A device is not in `noise` where that is not known.
    """

    same_machine: bool = True
    noise: Mapping[str, Noise] = field(default_factory=dict)


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
            word = "unchanged" if pair.unchanged else "not comparable"
            found: dict[str, Any] = {"word": word, "note": pair.reason, "failed": pair.failed, "exempt": pair.exempt}
        elif pair.kind in ("count", "reading"):
            found = judge_values(pair, limits, under.same_machine)
        elif pair.kind == "time":
            found = judge_time(pair, limits, under.noise.get(pair.device), level)
        else:
            found = judge_accuracy(pair, limits, spread[pair.name, pair.title], level)
        verdicts.append(_verdict(pair, found))
    return verdicts


def judge_values(pair: Pair, limits: Limits, same_machine: bool) -> dict[str, Any]:
    """The value of each side, exact where it was counted; where it was read, the smallest, for what disturbs a reading
    makes it larger."""
    before, after = (_value(pair, records) for records in (pair.there, pair.here))
    found = {"before": before, "after": after}
    if before is None or after is None:
        where = "here" if after is None else "there"
        note, nowhere = f"the record {where} holds nothing for it", before is None and after is None
        return {"word": "not comparable", "note": note, "exempt": nowhere, **found}
    found["change"] = _relative(before, after)
    if pair.kind == "count":
        return {**judge_count(pair, after - before), **found}
    return {**judge_reading(pair, limits, same_machine, found["change"]), **found}


def _value(pair: Pair, records: Sequence[Record]) -> float | None:
    read = [record.values[pair.field] for record in records if pair.field in record.values]
    if not read:
        return None
    return min(read) if pair.kind == "reading" else read[-1]


def judge_count(pair: Pair, difference: float) -> dict[str, str]:
    """Counts are exact: any difference is one."""
    word = word_of(difference, pair.quantity.better) if difference else "same"
    return {"word": word, "note": _package_note(pair) if difference else ""}


def judge_reading(pair: Pair, limits: Limits, same_machine: bool, change: float | None) -> dict[str, Any]:
    """A few readings do not tell their noise: `SINGLE` times `Limits.least` counts as a change, on one machine."""
    if not same_machine and pair.device == "cpu":
        note = "on another machine the libraries take other memory"
        return {"word": "not comparable", "note": note, "exempt": True}
    if change is None:
        word = "cannot tell"
    else:
        word = "same" if abs(change) < SINGLE * limits.least else word_of(change, pair.quantity.better)
    here, there = len(pair.here), len(pair.there)
    note = "a single reading a side" if here == there == 1 else f"the smallest of {here} readings (there {there})"
    return {"word": word, "note": note}


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
