"""The one sentence that a report begins with: the row in focus against the reference row, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

from reidbench.reporting.findings.family_text import two_say_little
from reidbench.reporting.tables.comparison import compare, excludes_zero, rests_on_two
from reidbench.reporting.tables.intervals import difference_text, interval_text
from reidbench.reporting.tables.layout import column_name, several
from reidbench.reporting.tables.table import Heading, Table, heading_of, over_reference
from reidbench.spec import Quantity, Suite
from reidbench.statistics import Estimate

OPERATIONS = ("complexity.macs", "complexity.gflops")
"""What stands for a row's operations, the first that is measured."""

ONCE = "trained once, so that intervals lack the noise of training"


@dataclass(frozen=True)
class Verdict:
    """What is said of the row in focus (`row`), `against` the reference row, with the keys of the records behind it."""

    text: str
    row: str
    against: str
    records: frozenset[str]


def verdict(table: Table) -> Verdict | None:
    """The gain, time and operations of the row in focus, as far as they are measured; None where none of them is."""
    suite = table.plan.suite
    row, reference = suite.focus, suite.reference
    if not row or row == reference:
        return None
    known: set[str] = set()
    found, costs = list(_gains(table, known)), [*_times(table, known), *_operations(table, known)]
    name, other = short_name(row, suite), short_name(reference, suite)
    if not found and not costs:
        return None
    gains = [gain for gain, _ in found]
    caveats = dict.fromkeys(caveat for _, caveat in found if caveat)
    owners = ["its" if gains else f"{other}'s", *["its"] * len(costs)]
    paid = " and ".join(f"{times} {whose} {what}" for whose, (times, what) in zip(owners, costs, strict=False))
    gained = f"{' and '.join(gains)} {'over' if gains[0][0] == '+' else 'against'} {other}" if gains else ""
    text = " at ".join(part for part in (gained, paid) if part)
    return Verdict(f"{name}: {'; '.join([text, *caveats])}.", name, other, frozenset(known))


def time_text(table: Table, heading: Heading, name: str) -> str:
    """A row's ratio of time to the reference row's, as text."""
    return ratio_text(heading.quantity, table.fresh(heading)[name][0])


def ratio_text(quantity: Quantity, known: Estimate) -> str:
    """A ratio with its interval, such as "0.66x [0.65, 0.69]", and a word where it is not told from 1."""
    text = f"{known.value * quantity.scale:.{quantity.digits}f}x"
    if isnan(known.low):
        return text
    told = not known.low <= 1 <= known.high
    return f"{text} {interval_text(quantity, known)}{'' if told else ' (not told from 1)'}"


def ratio_headings(table: Table) -> list[Heading]:
    """The columns of times over the reference row's, with a row beside it that is measured."""
    reference = table.plan.suite.reference
    return [
        heading
        for heading in table.headings
        if heading.quantity.statistic == "ratio"
        and heading.quantity.over == "reference"
        and set(table.fresh(heading)) - {reference}
    ]


def focused_ratios(table: Table) -> list[Heading]:
    """Those of the columns that hold the row in focus; none where that is the reference row itself."""
    focus = table.plan.suite.focus
    held = [heading for heading in ratio_headings(table) if focus in table.fresh(heading)]
    return held if focus != table.plan.suite.reference else []


def short_name(name: str, suite: Suite) -> str:
    """A row's name without what stands in parentheses at its end, where no other row has that name."""
    start = name.partition(" (")[0]
    return name if sum(row.name.partition(" (")[0] == start for row in suite.rows) > 1 else start


def what_is_timed(heading: Heading) -> str:
    """What a column of ratios is of."""
    return "time per frame" if heading.column.measurement == "latency" else "time"


def _gains(table: Table, known: set[str]) -> Iterator[tuple[str, str]]:
    """The difference in each column that rows are judged by, and what its interval lacks, "" for nothing.

    Of a column at a level of a factor it is the range over all levels.
    """
    for heading in table.judged:
        levels = [h for h in table.headings if h.column.level[0] and h.column.quantity == heading.column.quantity]
        columns = levels if heading.column.level[0] else [heading]
        gaps = [(gap, column) for column in columns if (gap := _gap(table, column, known)) is not None]
        if not gaps:
            continue
        ends = [pick(gaps, key=lambda pair: pair[0].value) for pick in (min, max)]
        text = " to ".join(dict.fromkeys(_gain(column, gap) for gap, column in ends))
        several = len({gap for gap, _ in gaps})  # factors share the level that is everybody's default
        text += f" (the extremes of {several} levels)" if several > 2 else ""
        yield text, next(filter(None, (_caveat(table, column, gap) for gap, column in ends)), "")


def _caveat(table: Table, heading: Heading, gap: Estimate) -> str:
    suite, rows = table.plan.suite, table.fresh(heading)
    if isnan(gap.sd):
        return ONCE
    of_two = rests_on_two(gap, (rows[name][0] for name in (suite.focus, suite.reference)))
    return two_say_little(several(table.plan)) if of_two else ""


def _gap(table: Table, heading: Heading, known: set[str]) -> Estimate | None:
    """The row in focus less the reference row; the keys of the records behind it join those that are `known`."""
    suite, rows = table.plan.suite, table.fresh(heading)
    if suite.focus not in rows or suite.reference not in rows:
        return None
    known |= _keys(table, heading)
    return compare(heading.quantity, rows[suite.focus], rows[suite.reference])


def _keys(table: Table, heading: Heading) -> set[str]:
    """Of the records behind the row in focus and the reference row in a column."""
    suite, rows = table.plan.suite, table.fresh(heading)
    return {record.key for name in (suite.focus, suite.reference) for record in rows[name][1]}


def _gain(heading: Heading, gap: Estimate) -> str:
    number, *interval = difference_text(heading.quantity, gap).split(" ", 1)
    text = " ".join([number, column_name(heading), *interval])
    return text if isnan(gap.low) or excludes_zero(gap) else f"{text} (not told from 0)"


def _times(table: Table, known: set[str]) -> Iterator[tuple[str, str]]:
    """The ratio of time in the first column that has one, and of which time; what ran it where there are several."""
    focus = table.plan.suite.focus
    headings = focused_ratios(table)
    for heading in headings[:1]:
        known |= {record.key for record in table.fresh(heading)[focus][1]}
        how = ["one clip at a time"] if heading.column.measurement == "latency" else []
        how += [", ".join(heading.ran_on)] if len(headings) > 1 else []
        where = f" ({'; '.join(how)})" if how else ""
        yield time_text(table, heading, focus), f"{what_is_timed(heading)}{where}"


def _operations(table: Table, known: set[str]) -> Iterator[tuple[str, str]]:
    suite = table.plan.suite
    for heading in filter(None, (heading_of(table, quantity) for quantity in OPERATIONS)):
        share = over_reference(table, heading).get(suite.focus)
        if share is not None:
            known |= _keys(table, heading)
            yield f"{share:.2f}x", heading.quantity.title.partition("/")[0]
            return
