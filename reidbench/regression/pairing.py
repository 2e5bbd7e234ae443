"""Which records of two stores answer the same cell of a suite, or why they may not be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reidbench import registry
from reidbench.data.splits import split_of
from reidbench.deployment.backends import ran_on
from reidbench.planning.plan import Plan
from reidbench.registry import Measurement
from reidbench.regression.sides import Side, code_of, subject
from reidbench.spec import Cell, Column, Quantity, Record

PERCENT = 100.0
"""The scale of quantities that are shown in percent: only for these is a minimum difference in points defined."""

COMPANIONS = 6
"""Rows beside the reference row that a session is measured with, to divide by: more would tell little more."""


@dataclass(frozen=True)
class Pair:
    """What two stores hold of one row in one quantity: a record a seed and random split of the dataset, or a session.

    A time is divided by those of `divisors`, rows of its sessions whose code is the same on both sides, or by the
    `reference` row's where there is none. `beside_here` and `beside_there` hold, for each session, the records of other
    rows by name. `reason` says why the two are not comparable, `failed` that the cell was tried here in vain,
    `unchanged` that both sides are one and the same, `exempt` that no baseline could be compared with. `subject` tells
    what is measured from all else, in words for no reader.
    """

    row: str
    name: str
    title: str
    quantity: Quantity
    kind: str
    here: tuple[Record, ...] = ()
    there: tuple[Record, ...] = ()
    reference: str = ""
    divisors: tuple[str, ...] = ()
    beside_here: tuple[Mapping[str, Record], ...] = ()
    beside_there: tuple[Mapping[str, Record], ...] = ()
    reason: str = ""
    failed: bool = False
    unchanged: bool = False
    exempt: bool = False
    subject: str = ""

    @property
    def field(self) -> str:
        return self.name.partition(".")[2]

    @property
    def device(self) -> str:
        """What a time here was measured on."""
        return str(self.here[-1].cell["settings"].get("device", "cpu"))


def pairs_of(plan: Plan, here: Side, there: Side, *, exactly: bool) -> list[Pair]:
    """The pairs of a plan, column by column, each thing that is measured once.

    Left out are columns that cannot be measured here, but for what the baseline has and no package is installed for,
    and quantities that are neither better nor worse. With `exactly` only records of the code that runs now count as
    those here.
    """
    found: dict[tuple[str, str, str], Pair] = {}
    for index in sorted({index for _, index in (*plan.cells, *plan.uninstalled)}):
        column = plan.suite.columns[index]
        measurement = registry.measurements()[column.measurement]
        field, quantity, kind = _judged(column, measurement)
        known = companions(plan, index, here, there, exactly=exactly) if kind == "time" else ()
        for row in plan.suite.rows:
            without = plan.uninstalled.get((row.name, index), ())
            cells = plan.cells.get((row.name, index)) or tuple(filter(there.of, without))
            if not cells or not quantity.better:
                continue
            name = f"{measurement.name}.{field}"
            what = subject(cells[0].identity)
            key = row.name, name, what
            if key not in found:
                title = _title(column, quantity, cells[0])
                unjudged = kind == "accuracy" and quantity.scale != PERCENT
                reference = plan.suite.reference
                blank = Pair(row.name, name, title, quantity, kind, reference=reference, exempt=unjudged, subject=what)
                firsts = {split_of(cell.settings): cell for cell in reversed(cells)}
                parts = [_filled(blank, cell, (here, there), exactly) for cell in firsts.values()]
                pair = parts[0] if len(parts) == 1 else _over_splits(dict(zip(firsts, parts, strict=True)))
                if without and not pair.here:
                    pair = replace(pair, reason=plan.absent[row.name, index])
                found[key] = _divided(pair, plan, index, known, (here, there)) if kind == "time" else pair
    return list(found.values())


def companions(plan: Plan, index: int, here: Side, there: Side, *, exactly: bool) -> tuple[str, ...]:
    """Rows of a timed column whose code is the same on both sides: the reference row, and up to `COMPANIONS` others."""
    names = [plan.suite.reference, *(row.name for row in plan.suite.rows if row.name != plan.suite.reference)]
    same = [name for name in names if _is_unchanged(plan.cells.get((name, index), ()), here, there, exactly)]
    return tuple(same[: COMPANIONS + (plan.suite.reference in same)])


def _is_unchanged(cells: Sequence[Cell], here: Side, there: Side, exactly: bool) -> bool:
    if not cells:
        return False
    theirs = there.of(cells[0])
    if not theirs:
        return there.is_without(cells[0].identity)
    ours = (cells[0].identity,) if exactly else tuple(record.cell for record in here.of(cells[0])[-1:])
    return bool(ours) and code_of(ours[0])[0] == code_of(theirs[-1].cell)[0]


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
    settings, threads = cell.settings, column.settings.get("threads", 0)
    where = [] if "recipe" in settings and "backend" not in settings else ran_on(settings, threads)
    level = [column.title] if column.title and column.level[0] else []
    return ", ".join([quantity.title, *level, *filter(None, [" ".join(where)])])


def _filled(blank: Pair, cell: Cell, sides: tuple[Side, Side], exactly: bool) -> Pair:
    here, there = sides
    ours, theirs = here.of(cell, exactly=exactly), there.of(cell)
    if not ours:
        reason, failed = _why_not_here(cell, here)
        return replace(blank, reason=reason, failed=failed)
    if not theirs and there.is_without(cell.identity):
        return replace(blank, here=ours, reason="one and the same code on both sides", unchanged=True)
    if not theirs:
        other = there.nearest(cell)
        return replace(blank, here=ours, reason=other or "missing there: the baseline has no record of it")
    if [(r.key, r.started, r.machine) for r in ours] == [(r.key, r.started, r.machine) for r in theirs]:
        return replace(blank, here=ours, reason="one and the same record on both sides", unchanged=True)
    if blank.exempt:
        return replace(blank, reason="no minimum difference is defined for its unit")
    return replace(blank, here=ours, there=theirs)


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
    return replace(joined, reason=f"split {first}: {without[first].reason}", unchanged=False)


def _divided(pair: Pair, plan: Plan, index: int, known: Sequence[str], sides: tuple[Side, Side]) -> Pair:
    """The pair with what its times are divided by: the `known` rows that the last session of each side has.

    Earlier sessions count where they have these too. The reference row is in a session whose records hold its readings.
    """
    if pair.reason:
        return pair
    own = {name: plan.cells[name, index][0] for name in {pair.reference, *known} if plan.cells.get((name, index))}
    held = {pair.reference} if pair.quantity.over else set()
    sessions: list[list[tuple[Record, dict[str, Record]]]] = []
    for side, where, records in zip(sides, ("here", "there"), (pair.here, pair.there), strict=True):
        both = [(record, side.beside(own, record)) for record in records]
        whole = [(record, others) for record, others in both if pair.reference in held.union(others)]
        if not whole:
            return replace(pair, reason=f"the session {where} lacks the reference row (--rows must name it)")
        sessions.append(whole)
    common = set.intersection(*(held.union(some[-1][1]) for some in sessions)) - {pair.row}
    divisors = tuple(name for name in known if name in common)
    if pair.row == pair.reference and (pair.row in known or not divisors):
        return replace(pair, reason="it is the row whose times the others' are divided by", exempt=True)
    here, there = ([each for each in some if held.union(each[1]).issuperset(divisors)] for some in sessions)
    return replace(
        pair,
        here=tuple(record for record, _ in here),
        there=tuple(record for record, _ in there),
        divisors=divisors or (pair.reference,),
        beside_here=tuple(others for _, others in here),
        beside_there=tuple(others for _, others in there),
    )


def _why_not_here(cell: Cell, here: Side) -> tuple[str, bool]:
    record = here.store.load(cell)
    if record is not None and record.status != "ok":
        return f"{record.status.replace('-', ' ')} here: {record.error or record.status}", True
    if here.of(cell):
        return "stale here: measured with another version of the code", False
    return "missing here: not measured", False


def doubtful_cells(plan: Plan, names: Sequence[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """Where in a plan the cells of (row, quantity) pairs stand, whichever of a measurement's columns they are in."""
    wanted = {(row, quantity.partition(".")[0]) for row, quantity in names}
    for row, index in plan.cells:
        if (row, plan.suite.columns[index].measurement) in wanted:
            yield row, index
