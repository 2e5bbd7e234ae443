"""Joins a plan with the records of a store: one entry a row and column, with its state, never mixed silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from reidbench import registry
from reidbench.reporting.comparison import Readings, clear_best
from reidbench.reporting.matching import Records, against_published, misplaced, mixtures, printed_value
from reidbench.spec import Cell, Column, Quantity, Record, Row, canonical_json
from reidbench.statistics import Estimate, estimate

if TYPE_CHECKING:
    import pandas as pd

    from reidbench.plan import Plan
    from reidbench.store import Store

STATES = ("ok", "partial", "stale", "failed", "out-of-memory", "skipped", "missing", "absent", "published")
"""Of an entry: fresh; fresh for some of its seeds; of another source, trunk or dataset content; the three
ways a cell ends without a value; not run yet; cannot be measured here; a row that only a publication has values for."""

FRAME_COLUMNS = (
    *("suite", "row", "model", "measurement", "quantity", "unit", "value", "low", "high", "n", "sd"),
    *("published", "published_dataset", "difference"),
    *("preset", "dataset", "dataset_options", "dataset_fingerprint", "protocol", "device", "precision"),
    *("machine", "state"),
)


@dataclass(frozen=True)
class Entry:
    """What is known of one row in one column.

    `estimate` is in SI units, `difference` (measured minus published) in the unit shown. `reason` says why the state
    is not "ok", `incomparable` why a published value has no difference. `planned` counts the cells, one a seed.
    """

    state: str
    estimate: Estimate | None = None
    published: str = ""
    difference: float | None = None
    records: tuple[Record, ...] = ()
    reason: str = ""
    incomparable: str = ""
    planned: int = 0

    @property
    def fresh(self) -> Readings | None:
        """The estimate with its records, where it is complete and answers the plan's cells exactly."""
        return (self.estimate, self.records) if self.estimate and self.state == "ok" else None


@dataclass(frozen=True)
class Heading:
    """One column of the table: its place in the suite, what it means, how it is measured, and its clear winner.

    `settings` are those that its cells share (the seed apart). `best` is the row whose lead exceeds the noise, or "".
    """

    index: int
    column: Column
    quantity: Quantity
    training: bool
    settings: Mapping[str, Any]
    best: str = ""


@dataclass(frozen=True)
class Table:
    """A suite with its records. `entries` maps (row name, column index); `warnings` name what is joined unequal."""

    plan: Plan
    machine: str
    headings: tuple[Heading, ...]
    entries: Mapping[tuple[str, int], Entry]
    warnings: tuple[str, ...]

    def column(self, heading: Heading) -> dict[str, Entry]:
        """The entries of a column by row name, in the suite's order."""
        return {row.name: self.entries[row.name, heading.index] for row in self.plan.suite.rows}

    def fresh(self, heading: Heading) -> dict[str, Readings]:
        """The rows of a column that are complete and up to date."""
        return {name: entry.fresh for name, entry in self.column(heading).items() if entry.fresh}

    def trained(self, *, judged: bool = False) -> Heading | None:
        """The first column of trained models with a fresh row; where `judged`, of those with a better and a worse."""
        columns = (h for h in self.headings if h.training and (h.quantity.better or not judged) and self.fresh(h))
        return next(columns, None)


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
        quantity = measurement.quantities[column.field]
        filled = {row.name: _entry(plan, row, index, quantity, records) for row in plan.suite.rows}
        best = clear_best(quantity, {name: entry.fresh for name, entry in filled.items() if entry.fresh})
        settings = _shared_settings(plan, index)
        headings.append(Heading(index, column, quantity, measurement.needs_training, settings, best))
        entries |= {(name, index): entry for name, entry in filled.items()}
        joined = [(name, record) for name, entry in filled.items() if entry.estimate for record in entry.records]
        warnings |= dict.fromkeys(mixtures(column.measurement, joined))
        warnings |= dict.fromkeys(misplaced(store.name, (record for _, record in joined)))
    return Table(plan, store.name, tuple(headings), entries, tuple(warnings))


def heading_of(table: Table, quantity: str) -> Heading | None:
    """The first column of a quantity, such as "complexity.macs"."""
    return next((heading for heading in table.headings if heading.column.quantity == quantity), None)


def lookalike_floor(table: Table, heading: Heading) -> float | None:
    """The level (0 to 1) of a mean AP column where every look-alike is found and none told apart, if records hold it.

    It is taken over the column's own queries, and is the same for every row.
    """
    return _floor(heading.quantity, table, heading)


def lookalike_levels(table: Table, heading: Heading) -> dict[str, float]:
    """That level (0 to 1) for each mean AP of the column's measurement, by its title."""
    quantities = registry.measurements()[heading.column.measurement].quantities.values()
    levels = {quantity.title: _floor(quantity, table, heading) for quantity in quantities}
    return {title: level for title, level in levels.items() if level is not None}


def to_frame(table: Table) -> pd.DataFrame:
    """The entries of a table as a pandas frame (`FRAME_COLUMNS`), values in the unit of the column `unit`."""
    import pandas as pd

    plan = table.plan
    lines = []
    for row in plan.suite.rows:
        for heading in table.headings:
            entry = table.entries[row.name, heading.index]
            line = _line(row, heading.column, heading.quantity, entry, heading.settings)
            lines.append({"suite": plan.name, **line, "machine": table.machine})
    return pd.DataFrame(lines, columns=list(FRAME_COLUMNS))


def frame(suite: str, results: str = "results", machine: str | None = None) -> pd.DataFrame:
    """All records of a suite as a pandas frame (`FRAME_COLUMNS`), one line a row, quantity and setting, over the seeds.

    A record belongs to a row by its model and options under any preset, whatever suite it was measured for. All
    machines are listed unless one is named. A record whose model has changed since has the state "stale".
    """
    import pandas as pd

    from reidbench.store import Store, machines

    found = registry.suite(suite)
    wanted = dict.fromkeys((c.quantity, c.published, c.dataset) for c in found.columns)
    columns = [Column(quantity, published, dataset=dataset) for quantity, published, dataset in wanted]
    lines = []
    for name in [machine] if machine else machines(results):
        groups = _over_seeds(Store(results, name).records())
        for row in found.rows:
            mine = _of_row(row, groups)
            source = registry.model_source(row.model) if mine else ""
            for column in columns:
                for records in mine:
                    if records[0].cell["measurement"] == column.measurement:
                        lines.append({"suite": suite, **_recorded_line(row, column, records, source), "machine": name})
    return pd.DataFrame(lines, columns=list(FRAME_COLUMNS))


def _floor(quantity: Quantity, table: Table, heading: Heading) -> float | None:
    """The floor of a mean AP from the records of a column of its measurement."""
    found = next(iter(table.fresh(heading).values()), None)
    if quantity.sample != "ap" or found is None:
        return None
    known = estimate(replace(quantity, sample="floor"), "floor", found[1][:1])
    return known.value if known else None


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
    settings = cells[0].identity["settings"]
    difference, reason = against_published(row, column, quantity, entry.estimate, settings)
    complete = difference if entry.state == "ok" else None
    return replace(entry, published=published, difference=complete, incomparable=reason)


def _measured(cells: Sequence[Cell], column: Column, quantity: Quantity, found: Records) -> Entry:
    records = [record for record in map(found.fresh, cells) if record]
    good = tuple(record for record in records if record.status == "ok")
    value = estimate(quantity, column.field, good)
    if good and value is None:
        return Entry("skipped", records=good, reason=f"the record holds nothing for {column.field}")
    if len(good) == len(cells):
        return Entry("ok", value, records=good)
    bad = next((record for record in records if record.status != "ok"), None)
    state, reason = (bad.status, bad.error or bad.status) if bad else ("missing", "not run yet")
    if good:
        reason = f"{len(good)} of {len(cells)} seeds; {reason}"
        return Entry("partial", value, records=good, reason=reason, planned=len(cells))
    old = [pair for pair in map(found.stale, cells) if pair]
    stale = tuple(record for record, _ in old)
    value = estimate(quantity, column.field, stale)
    if value:
        return Entry("stale", value, records=stale, reason=old[0][1])
    return Entry(state, records=tuple(records), reason=reason)


def _shared_settings(plan: Plan, index: int) -> dict[str, Any]:
    """Settings that all cells of a column have alike; the column's own where it has no cell."""
    cells = [cell for (_, i), row_cells in plan.cells.items() if i == index for cell in row_cells]
    return _shared([cell.identity["settings"] for cell in cells] or [plan.suite.columns[index].settings])


def _shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several mappings have alike, within the mappings that they hold as well."""
    found = {}
    for name, first in settings[0].items():
        others = [each.get(name) for each in settings[1:]]
        if all(other == first for other in others):
            found[name] = first
        elif isinstance(first, Mapping) and all(isinstance(other, Mapping) for other in others):
            found[name] = _shared([first, *(other for other in others if isinstance(other, Mapping))])
    return found


def _line(row: Row, column: Column, quantity: Quantity, entry: Entry, settings: Mapping[str, Any]) -> dict[str, Any]:
    known, scale = entry.estimate, quantity.scale
    published = row.publication(column.published, column.dataset) if "dataset" in settings else None
    dataset, recipe = settings.get("dataset", {}), settings.get("recipe", {})
    return {
        "row": row.name,
        "model": row.model,
        "measurement": column.measurement,
        "quantity": column.field,
        "unit": quantity.unit,
        "value": known.value * scale if known else None,
        "low": known.low * scale if known else None,
        "high": known.high * scale if known else None,
        "n": known.n if known else 0,
        "sd": known.sd * scale if known else None,
        "published": entry.published,
        "published_dataset": published.dataset if published else "",
        "difference": entry.difference,
        "preset": preset_name(recipe),
        "dataset": dataset.get("name", ""),
        "dataset_options": ", ".join(f"{name} {value}" for name, value in dataset.get("options", {}).items()),
        "dataset_fingerprint": dataset.get("fingerprint", ""),
        "protocol": settings.get("protocol", {}).get("name", ""),
        "device": settings.get("device", ""),
        "precision": settings.get("precision") or recipe.get("precision", ""),
        "state": entry.state,
    }


def _recorded_line(row: Row, column: Column, records: Sequence[Record], source: str) -> dict[str, Any]:
    quantity = registry.measurements()[column.measurement].quantities[column.field]
    good = tuple(record for record in records if record.status == "ok")
    cell = records[0].cell
    known = estimate(quantity, column.field, good)
    state = records[0].status if not good else "ok" if cell["source"] == source else "stale"
    published = printed_value(row, column)
    difference = None
    if published and state == "ok":
        difference, _ = against_published(row, column, quantity, known, cell["settings"])
    return _line(row, column, quantity, Entry(state, known, published, difference, good), cell["settings"])


def _of_row(row: Row, groups: Sequence[list[Record]]) -> list[list[Record]]:
    """The records of a row's model with its options, as they are for costs or under any preset."""
    from reidbench.plan import model_options
    from reidbench.presets import PRESETS

    if not row.model:
        return []
    function = registry.lookup("model", row.model, registry.models()).function
    identities = set()
    for options in (row.options, *(model_options(row, preset) for preset in PRESETS.values())):
        resolved = registry.resolve_options(row.model, options)
        resolved.pop("classes", None)
        identities.add(canonical_json([function, resolved]))
    return [g for g in groups if canonical_json([g[0].cell["model"], g[0].cell["options"]]) in identities]


def preset_name(recipe: Mapping[str, Any]) -> str:
    """The preset that has this recipe on some dataset, the clips' length apart, which is the row's own; "" if none."""
    from reidbench.presets import PRESETS

    def comparable(known: Mapping[str, Any]) -> str:
        return canonical_json({name: value for name, value in known.items() if name != "frames"})

    wanted = comparable(recipe)
    for name, preset in PRESETS.items():
        if any(comparable(asdict(preset.recipe_on(dataset))) == wanted for dataset in ("", *preset.by_dataset)):
            return name
    return ""


def _over_seeds(records: Sequence[Record]) -> list[list[Record]]:
    """Records that differ in nothing but the seed, together."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        settings = {name: value for name, value in record.cell["settings"].items() if name != "seed"}
        groups.setdefault(canonical_json({**record.cell, "settings": settings}), []).append(record)
    return list(groups.values())
