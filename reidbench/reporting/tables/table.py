"""Joins a plan with the records of a store: one entry a row and column, with its state, never mixed silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from reidbench import registry
from reidbench.data.splits import trainings_text
from reidbench.deployment.backends import ran_on
from reidbench.estimates import estimate
from reidbench.planning.plan import Plan
from reidbench.reporting.tables.comparison import Readings, clear_best
from reidbench.reporting.tables.matching import Records, against_published, misplaced, mixtures, printed_value
from reidbench.scatter import Noise, covering, on_device
from reidbench.spec import Cell, Column, Quantity, Record, Row
from reidbench.statistics import Estimate
from reidbench.store import Store

NO_QUERY = "of no query here"
"""Why an entry is "skipped" whose queries the dataset has none of, as a real one has none with known look-alikes."""


@dataclass(frozen=True)
class Entry:
    """What is known of one row in one column.

    Its `state` is "ok" where it is fresh, "partial" where it is so for some of its seeds and splits, "stale" where it
    is of another source, trunk or dataset content; "failed", "out-of-memory" or "skipped" as a cell ends without a
    value; "missing" where it was not run yet, "absent" where it cannot be measured here, "published" of a row that only
    a publication has values for.

    `estimate` is in SI units, `difference` (measured minus published) in the unit shown. `reason` says why the state
    is not "ok", `incomparable` why a published value has no difference. `planned` says of a partial one how many
    trainings it is to have: "3 seeds", "10 splits".
    """

    state: str
    estimate: Estimate | None = None
    published: str = ""
    difference: float | None = None
    records: tuple[Record, ...] = ()
    reason: str = ""
    incomparable: str = ""
    planned: str = ""

    @property
    def fresh(self) -> Readings | None:
        """The estimate with its records, where it is complete and answers the plan's cells exactly."""
        return (self.estimate, self.records) if self.estimate and self.state == "ok" else None


@dataclass(frozen=True)
class Heading:
    """One column of the table: its place in the suite, what it means, how it is measured, and its clear winner.

    `settings` are those that its cells share, which seed and split are not. `best` is the row whose lead exceeds the
    noise, or "".
    """

    index: int
    column: Column
    quantity: Quantity
    training: bool
    settings: Mapping[str, Any]
    best: str = ""

    @property
    def ran_on(self) -> list[str]:
        """Device, precision and backend; the threads where its suite asks for a number: else they are the machine's."""
        return ran_on(self.settings, self.column.settings.get("threads", 0))


@dataclass(frozen=True)
class Table:
    """A suite with its records. `entries` maps (row name, column index); `warnings` name what is joined unequal.

    `noise` says how far sessions lie apart on the machine, by device, where that is known.
    """

    plan: Plan
    machine: str
    headings: tuple[Heading, ...]
    entries: Mapping[tuple[str, int], Entry]
    warnings: tuple[str, ...]
    noise: Mapping[str, Noise] = field(default_factory=dict)

    def column(self, heading: Heading) -> dict[str, Entry]:
        """The entries of a column by row name, in the suite's order."""
        return {row.name: self.entries[row.name, heading.index] for row in self.plan.suite.rows}

    def fresh(self, heading: Heading) -> dict[str, Readings]:
        """The rows of a column that are complete and up to date."""
        return {name: entry.fresh for name, entry in self.column(heading).items() if entry.fresh}

    def trained(self) -> Heading | None:
        """The first column of trained models with a fresh row."""
        return next((heading for heading in self.headings if heading.training and self.fresh(heading)), None)

    @cached_property
    def judged(self) -> list[Heading]:
        """The columns that trained rows are judged by, where any is fresh: the first with a better and a worse, and the
        first accuracy, often the same."""
        columns = [h for h in self.headings if h.training and h.quantity.better and self.fresh(h)]
        accuracies = [h for h in columns if h.column.measurement == "accuracy"]
        return columns[:1] + [h for h in accuracies[:1] if h is not columns[0]]


def assemble(plan: Plan, store: Store, records: Records | None = None) -> Table:
    """Fills the plan from the store, or from its `records` where several plans share what is read once.

    Columns that the plan leaves out (`--only`) are left out here too.
    """
    measurements = registry.measurements()
    records = records or Records(store)
    headings: list[Heading] = []
    entries: dict[tuple[str, int], Entry] = {}
    warnings: dict[str, None] = {}
    for index in sorted({index for _, index in (*plan.cells, *plan.absent)}):
        column = plan.suite.columns[index]
        measurement = measurements[column.measurement]
        settings = _shared_settings(plan, index)
        quantity = _shown(measurement.quantities[column.field], settings)
        filled = {row.name: _entry(plan, row, index, quantity, records) for row in plan.suite.rows}
        noise = on_device(records.noises, settings)
        filled = {
            name: replace(entry, estimate=covering(noise, quantity, entry.estimate)) for name, entry in filled.items()
        }
        fresh = {name: entry.fresh for name, entry in filled.items() if entry.fresh}
        best = clear_best(quantity, fresh, noise, plan.suite.reference)
        headings.append(Heading(index, column, quantity, measurement.needs_training, settings, best))
        entries |= {(name, index): entry for name, entry in filled.items()}
        warnings |= dict.fromkeys(joined_unequal(plan, store.name, headings[-1], filled))
        if noise and measurement.mode == "interleaved" and fresh and records.foreign_calibration:
            warnings[records.foreign_calibration] = None
    return Table(plan, store.name, tuple(headings), entries, tuple(warnings), records.noises)


def joined_unequal(plan: Plan, machine: str, heading: Heading, entries: Mapping[str, Entry]) -> Iterator[str]:
    """What is otherwise between the values of a column, given by row name, that stand side by side."""
    joined = [(name, record) for name, entry in entries.items() if entry.estimate for record in entry.records]
    yield from mixtures(heading.column.measurement, joined, plan.own)
    yield from misplaced(machine, (record for _, record in joined))


def heading_of(table: Table, quantity: str) -> Heading | None:
    """The first column of a quantity, such as "complexity.macs"."""
    return next((heading for heading in table.headings if heading.column.quantity == quantity), None)


def over_reference(table: Table, heading: Heading | None) -> dict[str, float]:
    """The values of a column over the reference row's, by row; {} where that row has none, or the table no column."""
    fresh = table.fresh(heading) if heading else {}
    values = {name: known.value for name, (known, _) in fresh.items()}
    one = values.get(table.plan.suite.reference)
    return {name: value / one for name, value in values.items()} if one else {}


def lookalike_levels(table: Table, heading: Heading) -> dict[str, float]:
    """That level (0 to 1) for each mean AP of the column's measurement, by its title."""
    quantities = registry.measurements()[heading.column.measurement].quantities.values()
    levels = {quantity.title: lookalike_floor(quantity, table, heading) for quantity in quantities}
    return {title: level for title, level in levels.items() if level is not None}


def lookalike_floor(quantity: Quantity, table: Table, heading: Heading) -> float | None:
    """The level (0 to 1) of a mean AP where every look-alike is found and none told apart, if records hold it.

    It is taken over the queries of a column of its measurement, and is the same for every row.
    """
    found = next(iter(table.fresh(heading).values()), None)
    if quantity.sample != "ap" or found is None:
        return None
    known = estimate(replace(quantity, sample="floor"), "floor", found[1][:1])
    return known.value if known else None


ON_GPU = {"ms": 1, "frames/s": -1}
"""Digits more that a column has on a GPU, by its unit: times there are a tenth of a CPU's and less."""


def _shown(quantity: Quantity, settings: Mapping[str, Any]) -> Quantity:
    """A quantity as its column shows it."""
    more = ON_GPU.get(quantity.unit, 0) if settings.get("device") == "cuda" else 0
    return replace(quantity, digits=quantity.digits + more)


def _entry(plan: Plan, row: Row, index: int, quantity: Quantity, records: Records) -> Entry:
    column = plan.suite.columns[index]
    published = printed_value(row, column)
    cells = plan.cells.get((row.name, index), ())
    if not cells:
        state = "absent" if row.model else "published"
        return Entry(state, published=published, reason=plan.absent.get((row.name, index), ""))
    entry = _measured(cells, column, quantity, records)
    if not published:
        return entry
    settings = [cell.identity["settings"] for cell in cells]
    difference, reason = against_published(row, column, quantity, entry.estimate, settings)
    complete = difference if entry.state == "ok" else None
    return replace(entry, published=published, difference=complete, incomparable=reason)


def _measured(cells: Sequence[Cell], column: Column, quantity: Quantity, found: Records) -> Entry:
    records = [record for record in map(found.fresh, cells) if record]
    good = tuple(record for record in records if record.status == "ok")
    value = estimate(quantity, column.field, good)
    if good and value is None:
        none = NO_QUERY if quantity.statistic == "mean" else f"the record holds nothing for {column.field}"
        return Entry("skipped", records=good, reason=good[0].context.get("lacking", {}).get(column.field, none))
    if len(good) == len(cells):
        return Entry("ok", value, records=good)
    bad = next((record for record in records if record.status != "ok"), None)
    state, reason = (bad.status, bad.error or bad.status) if bad else ("missing", "not run yet")
    if good:
        planned = trainings_text([cell.settings for cell in cells])
        return Entry("partial", value, records=good, reason=f"{len(good)} of {planned}; {reason}", planned=planned)
    old = [pair for pair in map(found.stale, cells) if pair]
    stale = tuple(record for record, _ in old)
    value = estimate(quantity, column.field, stale)
    if value:
        return Entry("stale", value, records=stale, reason=old[0][1])
    return Entry(state, records=tuple(records), reason=reason)


def _shared_settings(plan: Plan, index: int) -> dict[str, Any]:
    """Settings that all cells of a column have alike; the column's own where it has no cell."""
    cells = [cell for (_, i), row_cells in plan.cells.items() if i == index for cell in row_cells]
    return shared([cell.identity["settings"] for cell in cells] or [plan.suite.columns[index].settings])


def shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several mappings have alike, within the mappings that they hold as well."""
    found = {}
    for name, first in settings[0].items():
        others = [each.get(name) for each in settings[1:]]
        if all(other == first for other in others):
            found[name] = first
        elif isinstance(first, Mapping) and all(isinstance(other, Mapping) for other in others):
            found[name] = shared([first, *(other for other in others if isinstance(other, Mapping))])
    return found
