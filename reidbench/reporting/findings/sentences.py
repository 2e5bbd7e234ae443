"""Sentences computed from a table: what its numbers support, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from reidbench.estimates import seed_means
from reidbench.reporting.findings.differences import Family, families
from reidbench.reporting.findings.family_text import family_findings
from reidbench.reporting.findings.levels import growth_findings
from reidbench.reporting.findings.operations import attained_findings
from reidbench.reporting.findings.published import agreement_findings, deviation_findings
from reidbench.reporting.findings.throughputs import throughput_findings
from reidbench.reporting.findings.verdict import (
    Verdict,
    focused_ratios,
    ratio_headings,
    short_name,
    time_text,
    verdict,
    what_is_timed,
)
from reidbench.reporting.tables.comparison import compare, exceeds_noise, spread_over_seeds
from reidbench.reporting.tables.intervals import estimate_text
from reidbench.reporting.tables.layout import column_name, heading_text, seeds_text
from reidbench.reporting.tables.table import Heading, Table
from reidbench.statistics import LEVEL


def findings(table: Table) -> list[str]:
    """One sentence a finding, in the order of importance; empty where nothing is measured."""
    first = verdict(table)
    return [
        *([first.text] if first else []),
        *family_findings(_beyond(first, families(table))),
        *best_findings(table),
        *seed_findings(table),
        *chance_findings(table),
        *ratio_findings(table),
        *throughput_findings(table),
        *attained_findings(table),
        *growth_findings(table),
        *agreement_findings(table),
        *deviation_findings(table),
    ]


def headlines(table: Table, first: Verdict | None) -> list[str]:
    """The few sentences that stand for a table in the summary of several, beside its verdict `first`."""
    return [
        *family_findings(_beyond(first, families(table)), brief=True),
        *best_findings(table),
        *chance_findings(table),
        *ratio_findings(table),
        *throughput_findings(table),
        *growth_findings(table),
    ]


def _beyond(first: Verdict | None, known: Sequence[Family]) -> list[Family]:
    """The families that say more than the verdict does: not the one pair of rows that it compares."""
    return [f for f in known if not (first and len(f.differences) == 1 and f.differences[0].records <= first.records)]


def best_findings(table: Table) -> Iterator[str]:
    """The best row of each column that rows are judged by, and those whose distance from it is within the noise."""
    yield from (_best(table, heading) for heading in table.judged)


def _best(table: Table, heading: Heading) -> str:
    rows, quantity = table.fresh(heading), heading.quantity
    sign = -1 if quantity.better == "lower" else 1
    best = max(rows, key=lambda name: sign * rows[name][0].value)
    value = f"{estimate_text(quantity, rows[best][0], training=True)} {quantity.unit}".strip()
    rivals = []
    for name, own in rows.items():
        gap = compare(quantity, rows[best], own) if name != best else None
        if name != best and (gap is None or not exceeds_noise(quantity, gap)):
            rivals.append(name)
    trainings = max(len(records) for _, records in rows.values())
    if not rivals:
        verdict = "ahead of each other measured row by more than the noise" if len(rows) > 1 else "the only one"
    elif trainings == 1:
        verdict = "trained once, so that no row can be called the best"
    else:
        verdict = f"not distinguishable from {'; '.join(rivals)}"
    planned = sum(entry.state not in ("absent", "published") for entry in table.column(heading).values())
    part = f"; {len(rows)} of {planned} rows are measured" if len(rows) < planned else ""
    return f"{column_name(heading)} is {'lowest' if sign < 0 else 'highest'} for {best}, {value}: {verdict}{part}."


def seed_findings(table: Table) -> Iterator[str]:
    """How far the seeds of each judged column lie apart, and the rows of which that is more than half their interval.

    Splits of a dataset lie apart by their persons too, so that of these only the first is said.
    """
    for heading in table.judged:
        yield from _seeds(table, heading)


def _seeds(table: Table, heading: Heading) -> Iterator[str]:
    rows, quantity = table.fresh(heading), heading.quantity
    low, high = spread_over_seeds(rows)
    if isnan(low):
        return
    splits = table.plan.splits
    count = splits.text if splits.several else seeds_text(max(len(records) for _, records in rows.values()))
    digits, scale = quantity.digits, quantity.scale
    ends = dict.fromkeys(f"{spread * scale:.{digits}f}" for spread in (low, high))
    yield f"{column_name(heading)}: the standard deviation over {count} is {' to '.join(ends)}."
    apart: list[str] = []
    if splits.several:
        return
    for name, (known, records) in rows.items():
        if known.sd > (known.high - known.low) / 2:
            means = ", ".join(f"{mean * scale:.{digits}f}" for mean in seed_means(quantity, records))
            apart.append(f"{name} ({means})")
    if apart:
        yield (
            f"{column_name(heading)}: over seeds the standard deviation is more than half the interval, which covers "
            f"the choice of queries alone, of {'; '.join(apart)}."
        )


def chance_findings(table: Table) -> Iterator[str]:
    """The trainings in which a quantity is beyond what chance gives, one sentence a column with such a bound."""
    for heading in table.headings:
        rows, field, bound = table.fresh(heading), heading.column.field, heading.quantity.chance
        records = [(name, record.values) for name, (_, own) in rows.items() for record in own]
        if tested := [(name, values[field], values[bound]) for name, values in records if bound and bound in values]:
            yield _chance(heading, tested)


def _chance(heading: Heading, pairs: Sequence[tuple[str, float, float]]) -> str:
    """Each training, by its row's name, is held against its own bound, for the mean of bounds bounds no mean."""
    quantity = heading.quantity
    scale, digits, trainings = quantity.scale, quantity.digits, "training" if len(pairs) == 1 else "trainings"
    beyond = [
        f"{row} ({own * scale:.{digits}f}, by chance at most {most * scale:.{digits}f})"
        for row, own, most in pairs
        if own > most
    ]
    return (
        f"{heading_text(heading)}: beyond chance in {len(beyond)} of {len(pairs)} {trainings}, each tested at "
        f"{100 * LEVEL:.0f} %, so that about {len(pairs) * (1 - LEVEL):.1f} would be if nothing were at work"
        f"{': ' if beyond else ''}{'; '.join(beyond)}."
    )


def ratio_findings(table: Table) -> Iterator[str]:
    """The times over the reference row's: of the row in focus beside its verdict's, else the range over the rows."""
    suite, focused = table.plan.suite, focused_ratios(table)
    reference = short_name(suite.reference, suite)
    if focused[1:]:
        times = (f"{time_text(table, h, suite.focus)} on {', '.join(h.ran_on)}" for h in focused[1:])
        what = f"{short_name(suite.focus, suite)} over {reference}, {what_is_timed(focused[0])}"
        yield f"{what}, run otherwise: {'; '.join(times)}."
    for heading in ratio_headings(table) if not focused else ():
        rows = {name: known.value for name, (known, _) in table.fresh(heading).items() if name != suite.reference}
        ends = dict.fromkeys((min(rows, key=lambda name: rows[name]), max(rows, key=lambda name: rows[name])))
        told = " to ".join(f"{time_text(table, heading, name)} ({name})" for name in ends)
        where = ", ".join(heading.ran_on)
        yield f"{what_is_timed(heading).capitalize()} over {reference}'s, on {where}: {told}."
