"""Which records of two stores answer the same cell of a suite, or why they may not be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reidbench import registry
from reidbench.data.splits import split_of
from reidbench.deployment.backends import ran_on
from reidbench.planning.plan import Plan
from reidbench.registry import Measurement
from reidbench.regression.sides import Side, subject
from reidbench.spec import Cell, Column, Quantity, Record

PERCENT = 100.0
"""The scale of quantities that are shown in percent: only for these is a minimum difference in points defined."""


@dataclass(frozen=True)
class Pair:
    """What two stores hold of one row in one quantity: a record a seed and random split of the dataset, or a session.

    `beside_here` and `beside_there` are the reference row's records of those sessions where a record does not hold its
    readings itself. `reason` says why the two are not comparable, `failed` that the cell was tried here in vain.
    """

    row: str
    name: str
    title: str
    quantity: Quantity
    kind: str
    here: tuple[Record, ...] = ()
    there: tuple[Record, ...] = ()
    beside_here: tuple[Record, ...] = ()
    beside_there: tuple[Record, ...] = ()
    reason: str = ""
    failed: bool = False

    @property
    def field(self) -> str:
        return self.name.partition(".")[2]

    @property
    def device(self) -> str:
        """What a time here was measured on."""
        return str(self.here[-1].cell["settings"].get("device", "cpu"))


def pairs_of(plan: Plan, here: Side, there: Side, *, exactly: bool) -> list[Pair]:
    """The pairs of a plan, column by column, each thing that is measured once.

    Left out are columns that cannot be measured here, and quantities that are neither better nor worse. With `exactly`
    only records of the code that runs now count as those here.
    """
    found: dict[tuple[str, str, str], Pair] = {}
    for index in sorted({index for _, index in plan.cells}):
        column = plan.suite.columns[index]
        measurement = registry.measurements()[column.measurement]
        field, quantity, kind = _judged(column, measurement)
        for row in plan.suite.rows:
            cells = plan.cells.get((row.name, index), ())
            if not cells or not quantity.better:
                continue
            name = f"{measurement.name}.{field}"
            key = row.name, name, subject(cells[0].identity)
            if key not in found:
                title = _title(column, quantity, cells[0])
                reference = plan.cells.get((plan.suite.reference, index), (None,))[0]
                blank = Pair(row.name, name, title, quantity, kind)
                firsts = {split_of(cell.settings): cell for cell in reversed(cells)}
                parts = [_filled(blank, cell, reference, (here, there), exactly) for cell in firsts.values()]
                found[key] = parts[0] if len(parts) == 1 else _over_splits(dict(zip(firsts, parts, strict=True)))
    return list(found.values())


def _judged(column: Column, measurement: Measurement) -> tuple[str, Quantity, str]:
    """The quantity that a column is judged by, with its name, and the kind.

    Times are judged by their ratio to the reference row, whichever of its columns shows them.
    """
    quantities = measurement.quantities
    quantity = quantities[column.field]
    if measurement.mode == "interleaved" and quantity.statistic != "value":
        ratio = next((name for name, known in quantities.items() if known.statistic == "ratio"), column.field)
        return ratio, quantities[ratio], "time"
    if quantity.statistic == "mean":
        return column.field, quantity, "accuracy"
    return column.field, quantity, "reading" if "device" in measurement.needs else "count"


def _title(column: Column, quantity: Quantity, cell: Cell) -> str:
    """The quantity with what tells its columns apart: the data it was trained on, or the device it ran on."""
    settings = cell.settings
    where = [] if "recipe" in settings and "backend" not in settings else ran_on(settings)
    level = [column.title] if column.title and column.level[0] else []
    return ", ".join([quantity.title, *level, *filter(None, [" ".join(where)])])


def _filled(blank: Pair, cell: Cell, reference: Cell | None, sides: tuple[Side, Side], exactly: bool) -> Pair:
    here, there = sides
    ours, theirs = here.of(cell, exactly=exactly), there.of(cell)
    if not ours:
        reason, failed = _why_not_here(cell, here)
        return replace(blank, reason=reason, failed=failed)
    if not theirs and there.is_without(cell.identity):
        return replace(blank, here=ours, reason="one and the same code on both sides")
    if not theirs:
        other = there.nearest(cell)
        return replace(blank, here=ours, reason=other or "missing there: the baseline has no record of it")
    if [(r.key, r.started, r.machine) for r in ours] == [(r.key, r.started, r.machine) for r in theirs]:
        return replace(blank, here=ours, reason="one and the same record on both sides")
    if blank.kind == "accuracy" and blank.quantity.scale != PERCENT:
        return replace(blank, reason="no minimum difference is defined for its unit")
    filled = replace(blank, here=ours, there=theirs)
    if blank.kind != "time" or blank.quantity.over:
        return filled
    return _beside(filled, reference, sides)


def _over_splits(parts: Mapping[int | None, Pair]) -> Pair:
    """The pair that has the records of all splits of a dataset; not comparable where one of them is not."""
    splits = [parts[number] for number in sorted(parts, key=lambda number: number or 0)]
    without = {number: pair for number, pair in parts.items() if pair.reason}
    joined = replace(
        splits[0],
        here=tuple(record for pair in splits for record in pair.here),
        there=tuple(record for pair in splits for record in pair.there),
        failed=any(pair.failed for pair in splits),
    )
    if not without:
        return joined
    reasons = {pair.reason for pair in without.values()}
    if len(without) == len(splits) and len(reasons) == 1:
        return joined
    first = min(without, key=lambda number: number or 0)
    return replace(joined, reason=f"split {first}: {without[first].reason}")


def _beside(pair: Pair, reference: Cell | None, sides: tuple[Side, Side]) -> Pair:
    """The pair with the sessions that have the reference row, whose records come beside."""
    kept: list[tuple[tuple[Record, ...], tuple[Record, ...]]] = []
    for side, records in zip(sides, (pair.here, pair.there), strict=True):
        both = [(record, side.beside(reference, record)) for record in records] if reference else []
        whole = [(record, other) for record, other in both if other]
        kept.append((tuple(record for record, _ in whole), tuple(other for _, other in whole)))
    (here, beside_here), (there, beside_there) = kept
    if not here or not there:
        where = "here" if not here else "there"
        return replace(pair, reason=f"the session {where} lacks the reference row (--rows must name it)")
    return replace(pair, here=here, there=there, beside_here=beside_here, beside_there=beside_there)


def _why_not_here(cell: Cell, here: Side) -> tuple[str, bool]:
    record = here.store.load(cell)
    if record is not None and record.status != "ok":
        return f"{record.status.replace('-', ' ')} here: {record.error or record.status}", True
    if here.of(cell):
        return "stale here: measured with another version of the code", False
    return "missing here: not measured", False


def doubtful_cells(plan: Plan, names: Sequence[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """Where in a plan the cells of (row, quantity) pairs of interleaved measurements stand."""
    wanted = {(row, quantity.partition(".")[0]) for row, quantity in names}
    for row, index in plan.cells:
        if (row, plan.suite.columns[index].measurement) in wanted:
            yield row, index
