"""Whether the difference of two rows is larger than its noise, and how far an order agrees with a published one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isnan, nan

import numpy as np

from reidbench.clusters import difference_over_splits, paired_difference
from reidbench.data.splits import by_split
from reidbench.estimates import groups_of
from reidbench.reporting.tables.matching import sessions
from reidbench.scatter import Noise
from reidbench.spec import Outcome, Quantity, Record
from reidbench.statistics import LEVEL, Estimate, median_interval

Readings = tuple[Estimate, Sequence[Record]]
"""A row's estimate of one quantity with the records it comes from, one a seed and split."""

Paired = tuple[np.ndarray, np.ndarray, np.ndarray, Sequence[float] | None]
"""Two sides' values `[seeds, n]` of the same queries, the group of each query, and 1 where it counts (None: all)."""


def compare(quantity: Quantity, first: Readings, second: Readings) -> Estimate | None:
    """The difference first - second with its interval, in SI units; None where its noise was not measured.

    Accuracies over the same queries are paired by identity, times and rates of one interleaved session round by round.
    The intervals of two sessions say nothing about what changed on the machine between them, so these are not compared.
    """
    return contrast(quantity, [first], [second])


def contrast(quantity: Quantity, first: Sequence[Readings], second: Sequence[Readings]) -> Estimate | None:
    """As `compare`, of the means over two groups of rows; rows of one group have the same number of seeds.

    Of a dataset with random splits both have the same ones: the difference is the mean over the splits.
    """
    groups = [[records for _, records in rows] for rows in (first, second)]
    if quantity.statistic == "value" or not all(rows and all(rows) for rows in groups):
        return None
    if quantity.statistic == "mean":
        return _paired_queries(quantity, *groups)
    return _paired_rounds(quantity, *groups)


def exceeds_noise(quantity: Quantity, difference: Estimate) -> bool:
    """Whether zero lies outside the interval, and the interval covers every known source of noise.

    An accuracy trained once does not: how much another seed would change it is unknown.
    """
    if quantity.statistic == "mean" and isnan(difference.sd):
        return False
    return excludes_zero(difference)


def excludes_zero(difference: Estimate) -> bool:
    return difference.low > 0 or difference.high < 0


def rests_on_two(difference: Estimate, sides: Iterable[Estimate]) -> bool:
    """Whether a difference of trainings has a wider interval than each side of it, of two seeds or splits or fewer.

    Their spread is then known by next to nothing, and the interval has the width that this takes.
    """
    widths = [side.high - side.low for side in (difference, *sides)]
    return not isnan(difference.sd) and difference.n <= 2 and all(widths[0] > width for width in widths[1:])


def clear_best(
    quantity: Quantity, rows: Mapping[str, Readings], noise: Noise | None = None, reference: str = ""
) -> str:
    """The row that beats each other one, taken singly, by more than the noise, or "".

    Of times only rows of one session are compared, and a lead also has to exceed the `noise` between sessions, in which
    the `reference` row goes its own way; where that is not known, no time is the best.
    """
    if not quantity.better or len(rows) < 2:
        return ""
    sign = 1 if quantity.better == "higher" else -1
    best = max(rows, key=lambda name: sign * rows[name][0].value)
    for name, readings in rows.items():
        if name == best:
            continue
        if is_timed(quantity):
            gap = _quotient(quantity, rows[best][1], readings[1], noise, {best, name} - {reference})
        else:
            gap = compare(quantity, rows[best], readings)
        if gap is None or sign * gap.value <= 0 or not exceeds_noise(quantity, gap):
            return ""
    return best


def is_timed(quantity: Quantity) -> bool:
    """Whether a quantity is read round by round in sessions."""
    return quantity.statistic in ("median", "ratio")


def _paired_queries(
    quantity: Quantity, first: Sequence[Sequence[Record]], second: Sequence[Sequence[Record]]
) -> Estimate | None:
    """`first` and `second` hold the records of each row, one a seed and split; queries are averaged over the rows."""
    sides = [[by_split(records) for records in rows] for rows in (first, second)]
    splits = list(sides[0][0])
    if any(list(row) != splits for rows in sides for row in rows):
        return None
    pairs = [paired_values(quantity, *([row[split] for row in rows] for rows in sides)) for split in splits]
    found = [pair for pair in pairs if pair]
    if len(found) < len(splits):
        return None
    return over_splits(found) if len(found) > 1 else paired_difference(*found[0])


def over_splits(pairs: Sequence[Paired], level: float = LEVEL) -> Estimate | None:
    """The mean over splits of the difference of two sides, each split's with its own queries; None without any."""
    gaps, groups = [], []
    for first, second, labels, where in pairs:
        kept = counted(labels, where)
        if not kept.any():
            return None
        gaps.append((first.mean(axis=0) - second.mean(axis=0))[kept])
        groups.append(labels[kept])
    return difference_over_splits(gaps, groups, level=level)


def counted(groups: np.ndarray, where: Sequence[float] | None) -> np.ndarray:
    """Which queries count `[n]`, of those in `Paired`."""
    return np.ones(len(groups), bool) if where is None else np.asarray(where) == 1


def paired_values(
    quantity: Quantity,
    first: Sequence[Sequence[Record | Outcome]],
    second: Sequence[Sequence[Record | Outcome]],
    *,
    join: bool = True,
) -> Paired | None:
    """The values of two groups of rows, whose records are one a seed, averaged over the rows; None where they differ in
    queries, or rows of a group in the number of seeds. `join` is that of `groups_of`."""
    records = [record for row in (*first, *second) for record in row]
    if any(len({len(row) for row in rows}) > 1 for rows in (first, second)):
        return None
    who, count = records[0].samples.get(quantity.by), len(records[0].samples.get(quantity.sample, ()))
    where = records[0].samples.get(quantity.where) if quantity.where else None
    for record in records:
        same_queries = record.samples.get(quantity.by) in (who, None)
        same_marks = not quantity.where or record.samples.get(quantity.where) == where
        if not same_queries or not same_marks or len(record.samples.get(quantity.sample, ())) != count:
            return None
    values = [
        np.mean([[record.samples[quantity.sample] for record in row] for row in rows], axis=0)
        for rows in (first, second)
    ]
    groups = groups_of(records[0].samples, quantity.by, join=join) if who else np.arange(count)
    return values[0], values[1], groups, where


def _paired_rounds(
    quantity: Quantity, first: Sequence[Sequence[Record]], second: Sequence[Sequence[Record]]
) -> Estimate | None:
    """Rows of one session are read in turns, round by round; None where they come from two, or missed a round."""
    own = [[records[0] for records in rows] for rows in (first, second)]
    if not _in_turns(quantity, [record for side in own for record in side]):
        return None
    means = [np.mean([_rounds(quantity, record) for record in side], axis=0) for side in own]
    return median_interval(means[0] - means[1])


def _quotient(
    quantity: Quantity, first: Sequence[Record], second: Sequence[Record], noise: Noise | None, moving: Collection[str]
) -> Estimate | None:
    """The logarithm of the ratio of two rows' times, with an interval that covers other sessions too; None where that
    is not known. `moving` names those of the two that share in the noise of all rows but the reference row."""
    records = first[0], second[0]
    if noise is None or not _in_turns(quantity, records):
        return None
    rounds = [_rounds(quantity, record) for record in records]
    if min(map(np.min, rounds)) <= 0:
        return None
    weights = [1.0, -1.0][: len(moving)]
    return noise.widen(median_interval(np.log(rounds[0] / rounds[1])), weights)


def _in_turns(quantity: Quantity, records: Sequence[Record]) -> bool:
    """Whether records hold the rounds of one session, equally many each."""
    one_session = sessions(records[0].cell["measurement"], records) == 1
    return one_session and len({len(record.samples[quantity.sample]) for record in records}) == 1


def _rounds(quantity: Quantity, record: Record) -> np.ndarray:
    values = np.array(record.samples[quantity.sample], dtype=float)
    return values / np.array(record.samples[quantity.over], dtype=float) if quantity.over else values


def spread_over_seeds(rows: Mapping[str, Readings]) -> tuple[float, float]:
    """The smallest and the largest standard deviation over seeds of a column's rows; NaN where there is one seed."""
    spreads = [known.sd for known, _ in rows.values() if not isnan(known.sd)]
    return (min(spreads), max(spreads)) if spreads else (nan, nan)
