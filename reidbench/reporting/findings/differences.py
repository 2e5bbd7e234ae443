"""The differences that a table tests against 0: between rows, of chosen pairs, by component, its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isnan

import numpy as np

from reidbench.clusters import gap_interval
from reidbench.estimates import PERCENT, groups_of
from reidbench.reporting.tables.comparison import Readings, compare, excludes_zero, rests_on_two
from reidbench.reporting.tables.components import effects
from reidbench.reporting.tables.layout import column_name
from reidbench.reporting.tables.table import Table
from reidbench.spec import Quantity
from reidbench.statistics import Estimate

DIFFERENCE = "pp"
"""The unit of a quantity that is a difference: percentage points."""


AGAINST = "each row against "
"""What the name of a row follows, in a family's title, with which others are compared."""


@dataclass(frozen=True)
class Difference:
    """One difference, in SI units, with the keys of the records that it was taken from.

    `of_two` says that its interval is wide for want of more than two trainings of a row (`comparison.rests_on_two`).
    """

    name: str
    gap: Estimate
    records: frozenset[str]
    of_two: bool = False

    @property
    def bounded(self) -> bool:
        """Whether there is an interval to tell it from 0 by."""
        return not isnan(self.gap.low)

    @property
    def told(self) -> bool:
        """Whether 0 lies outside the interval."""
        return excludes_zero(self.gap)

    @property
    def identical(self) -> bool:
        """Whether nothing differs at all, so that there is no noise to tell the difference from."""
        return self.gap.value == self.gap.low == self.gap.high == 0

    @property
    def point(self) -> Estimate:
        """The difference without its interval."""
        return Estimate(self.gap.value)


@dataclass(frozen=True)
class Family:
    """Differences of one quantity that are stated together, under a title that says between what they are.

    `setting` is what ran the models, where that is what is compared. `over` says what their intervals cover beside the
    queries: training seeds, or random splits of the dataset.
    """

    title: str
    quantity: Quantity
    differences: tuple[Difference, ...]
    over: str = "seeds"
    setting: str = ""

    @property
    def name(self) -> str:
        return f"{self.title} by {self.setting}" if self.setting else self.title

    @property
    def unit(self) -> str:
        """The unit of the differences: that of the quantity, or percentage points of one in percent."""
        return DIFFERENCE if self.quantity.unit == PERCENT else self.quantity.unit

    @property
    def told(self) -> list[Difference]:
        return [each for each in self.differences if each.told]

    @property
    def within(self) -> list[Difference]:
        return [each for each in self.differences if each.bounded and not each.told and not each.identical]

    @property
    def identical(self) -> list[Difference]:
        return [each for each in self.differences if each.identical]

    @property
    def unbounded(self) -> list[Difference]:
        return [each for each in self.differences if not each.bounded]

    @property
    def single(self) -> bool:
        """Whether a row was trained once, so that the noise of training is not in the intervals."""
        return any(isnan(each.gap.sd) for each in self.differences)


def families(table: Table) -> list[Family]:
    """All that the table tests, in the order of importance; none without a difference."""
    found = (*steps(table), *_contrasts(table), *_gaps(table), *_components(table))
    over = "splits" if table.plan.splits.several else "seeds"
    return [replace(family, over=over) for family in found if family.differences]


def steps(table: Table) -> Iterator[Family]:
    """Of the columns that rows are judged by: each row against the measured one above, or the one it is to be compared
    with, the reference row where none is named; not where both are the same trainings."""
    suite = table.plan.suite
    for heading in table.judged:
        rows = table.fresh(heading)
        pairs: dict[str, list[tuple[str, str, str]]] = {}
        if suite.ablation:
            pairs["the one above it"] = [(lower, upper, f"{lower} over {upper}") for upper, lower in pairwise(rows)]
        else:
            for row in suite.rows:
                other = row.against or suite.reference
                if row.name in rows and other in rows and _keys([rows[row.name]]) != _keys([rows[other]]):
                    pairs.setdefault(other, []).append((row.name, other, row.name))
        for against, some in pairs.items():
            gaps = [(text, compare(heading.quantity, rows[a], rows[b]), (rows[a], rows[b])) for a, b, text in some]
            yield Family(f"{column_name(heading)}, {AGAINST}{against}", heading.quantity, _known(gaps))


def _contrasts(table: Table) -> Iterator[Family]:
    """The pairs of rows that the suite wants compared, in each accuracy; columns of the same records once."""
    for first, second in table.plan.suite.contrasts:
        found: dict[str, dict[frozenset[str], Difference]] = {}
        quantities = {}
        for heading in (h for h in table.headings if h.training):
            rows, quantity = table.fresh(heading), heading.quantity
            if first in rows and second in rows:
                quantities[quantity.title] = quantity
                gap = compare(quantity, rows[first], rows[second])
                name = heading.column.title or quantity.title
                for each in _known([(name, gap, (rows[first], rows[second]))]):
                    found.setdefault(quantity.title, {}).setdefault(each.records, each)
        for title, differences in found.items():
            yield Family(f"{title}, {first} over {second}", quantities[title], tuple(differences.values()))


def _gaps(table: Table) -> Iterator[Family]:
    """What the columns that hold a difference say of each row."""
    for heading in table.headings:
        quantity = heading.quantity
        if quantity.unit == DIFFERENCE and quantity.statistic == "mean":
            gaps = [(name, estimated_gap(quantity, rows), (rows,)) for name, rows in table.fresh(heading).items()]
            where = " ".join(heading.ran_on) if "backend" in heading.settings else ""
            yield Family(f"{column_name(heading)} ({quantity.unit})", quantity, _known(gaps), setting=where)


def _components(table: Table) -> Iterator[Family]:
    """What each component adds to the first accuracy, on average over the combinations of the others."""
    heading = table.trained()
    found = effects(table, heading) if heading else []
    if heading is None or not found:
        return
    counts = sorted({effect.pairs for effect in found})
    pairs = " to ".join(map(str, (counts[0], counts[-1])[: len(counts)]))
    keys = _keys(list(table.fresh(heading).values()))
    gaps = tuple(Difference(effect.part, effect.difference, keys | {effect.part}) for effect in found)
    title = f"{column_name(heading)} with a component minus without it, over {pairs} pairs of rows"
    yield Family(title, heading.quantity, gaps)


def estimated_gap(quantity: Quantity, rows: Readings) -> Estimate | None:
    """A row's difference with an interval over groups and seeds; None where its seeds do not hold the same pairs."""
    records = rows[1]
    who = records[0].samples.get(quantity.by)
    samples = [record.samples.get(quantity.sample) for record in records]
    if not who or any(record.samples.get(quantity.by) != who for record in records):
        return None
    return gap_interval(np.array(samples, dtype=float), groups_of(records[0].samples, quantity.by))


def _known(gaps: Sequence[tuple[str, Estimate | None, Sequence[Readings]]]) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, gap, _keys(rows), rests_on_two(gap, [known for known, _ in rows]))
        for name, gap, rows in gaps
        if gap
    )


def _keys(rows: Sequence[Readings]) -> frozenset[str]:
    return frozenset(record.key for _, records in rows for record in records)
