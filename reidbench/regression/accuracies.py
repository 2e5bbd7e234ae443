"""Judges accuracies over the same queries, by what the choice of identities and the training seed may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, isnan
from typing import Any

from reidbench.clusters import paired_difference
from reidbench.data.splits import by_split, split_of
from reidbench.estimates import estimate, seed_means
from reidbench.regression.pairing import Pair
from reidbench.regression.verdicts import Limits, word_of
from reidbench.reporting.tables.comparison import counted, over_splits, paired_values
from reidbench.statistics import LEVEL, Estimate, pooled_spread

MOST_SEEDS = 30

Spread = tuple[float, int]
"""A standard deviation over seeds, and its degrees of freedom."""

ASSUMED: Spread = (0.08, 300)
"""The spread where no row has two seeds. Of 158 cells with three seeds each, trained with the preset quick and recorded
in the repository, 155 scatter less in mAP: only what no chance of training explains goes beyond it."""


def spreads(pairs: Sequence[Pair]) -> Mapping[tuple[str, str], Spread]:
    """The spread over seeds within every row, side and split of a column, by its name and title: no row alone has
    enough."""
    series: dict[tuple[str, str], list[list[float]]] = {}
    for pair in pairs:
        for records in (pair.here, pair.there):
            for own in by_split(records).values():
                series.setdefault((pair.name, pair.title), []).append(seed_means(pair.quantity, own))
    return {key: pooled_spread(each) for key, each in series.items()}


def judge_accuracy(pair: Pair, limits: Limits, spread: Spread, level: float) -> dict[str, Any]:
    """By the paired difference, with an interval over query identities and seeds, and a minimum difference.

    Both sides answer the same queries, and other persons are not at stake. So look-alikes count for themselves: what
    many persons share is surer than what a few do. Worse or better is what differs by at least `Limits.points` with an
    interval at `level` without 0; the same is what lies, with its 95 % interval, within that, or equals the baseline
    bit by bit. The spread is the column's, or the row's own where that is larger; `ASSUMED` where no row has two seeds.
    Over several random splits of a dataset it is the spread over these.
    """
    quantity = pair.quantity
    if len(by_split(pair.here)) > 1:
        return _judge_splits(pair, limits, level)
    paired = paired_values(quantity, [pair.here], [pair.there], join=False)
    if paired is None or not (kept := counted(*paired[2:])).any():
        return {"word": "not comparable", "note": "the queries are not the same on both sides"}
    here, there, groups, where = paired
    unknown = isnan(spread[0])
    spread = ASSUMED if unknown else spread
    shown = paired_difference(here, there, groups, where, noise=spread)
    found: dict[str, Any] = {
        "before": float(there[:, kept].mean()),
        "after": float(here[:, kept].mean()),
        "change": shown.value,
    }
    if _identical(pair):
        return {"word": "same", "note": "equal for every query and seed", **found}
    if isnan(shown.low):
        return {"word": "cannot tell", "note": "one identity", **found}
    strict = paired_difference(here, there, groups, where, noise=spread, level=level)
    found |= {"low": shown.low, "high": shown.high}
    word = _word(shown, strict, limits, quantity.better)
    if unknown:
        assumed = f"one seed a side: trainings are taken to scatter by {100 * ASSUMED[0]:g} points"
        more = "" if word else "; train 3 or more (--seeds 3)"
        return {"word": word or "cannot tell", "note": assumed + more, **found}
    if word:
        return {"word": word, **found}
    chosen = strict if abs(shown.value) >= limits.points else shown
    room = abs(shown.value) if chosen is strict else limits.points - abs(shown.value)
    people = paired_difference(here.mean(0), there.mean(0), groups, where, level=level if chosen is strict else LEVEL)
    return {"word": "cannot tell", "note": _effort(chosen, people, room, pair, len(set(groups.tolist()))), **found}


def _judge_splits(pair: Pair, limits: Limits, level: float) -> dict[str, Any]:
    """Of a dataset with random splits, by the mean over the splits of the difference in each."""
    quantity, sides = pair.quantity, (by_split(pair.here), by_split(pair.there))
    pairs = [paired_values(quantity, [sides[0][split]], [sides[1][split]], join=False) for split in sides[0]]
    known = [each for each in pairs if each]
    shown = over_splits(known) if len(known) == len(pairs) else None
    before, after = (estimate(quantity, pair.field, side) for side in (pair.there, pair.here))
    if not (shown and before and after):
        return {"word": "not comparable", "note": "the queries are not the same on both sides"}
    found: dict[str, Any] = {"before": before.value, "after": after.value, "change": shown.value}
    if _identical(pair):
        return {"word": "same", "note": "equal for every query, seed and split", **found}
    if isnan(shown.low):
        return {"word": "cannot tell", "note": "one identity", **found}
    found |= {"low": shown.low, "high": shown.high}
    strict = over_splits(known, level=level)
    if strict and (word := _word(shown, strict, limits, quantity.better)):
        return {"word": word, **found}
    spread = f"the difference has a standard deviation of {100 * shown.sd:.1f} points over {shown.n} splits"
    return {"word": "cannot tell", "note": f"{spread}; more seeds of each lessen what training adds to it", **found}


def _word(shown: Estimate, strict: Estimate, limits: Limits, better: str) -> str:
    """The verdict on a difference, by its 95 % interval and the one at the strict level; "" where it is open."""
    if abs(shown.value) >= limits.points and (strict.low > 0 or strict.high < 0):
        return word_of(shown.value, better)
    return "same" if shown.low > -limits.points and shown.high < limits.points else ""


def _effort(known: Estimate, people: Estimate, room: float, pair: Pair, identities: int) -> str:
    """What it would take to tell, if the difference stays as it was measured: seeds, or more identities.

    `people` is the interval that the choice of identities alone leaves, which no seed makes narrower.
    """
    now = f"{len(pair.here)} here, {len(pair.there)} there"
    seeds = min(len(pair.here), len(pair.there))
    reach, fixed = (known.high - known.low) / 2, (people.high - people.low) / 2
    if fixed >= room:
        return f"the choice of the {identities} query identities alone leaves it open: it takes more of them"
    needed = seeds * max(0.0, reach**2 - fixed**2) / (room**2 - fixed**2)
    if needed > MOST_SEEDS:
        return f"it would take more than {MOST_SEEDS} seeds a side (now {now})"
    return f"about {max(ceil(needed), seeds + 1)} seeds a side would tell (now {now})"


def _identical(pair: Pair) -> bool:
    """Whether both sides have the same seeds and splits with the same value for every query."""
    sides = [
        {(r.cell["settings"].get("seed"), split_of(r.cell["settings"])): r.samples[pair.quantity.sample] for r in side}
        for side in (pair.here, pair.there)
    ]
    return sides[0] == sides[1]
