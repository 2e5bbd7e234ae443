"""What counted operations do not tell: those that a counter misses, and how unlike their number a time can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reidbench.reporting.findings.verdict import short_name
from reidbench.reporting.tables.table import Heading, Table, heading_of
from reidbench.spec import Record

MACS, GFLOPS, COUNTER = "complexity.macs", "complexity.gflops", "ptflops"
TIMES = {"latency.per_frame": True, "latency.latency": False}
"""Quantities of the time of one clip, and whether it is that of a frame."""

LEAST = 0.01
"""The part of its MACs by which a row's GFLOPs have to be fewer to be told."""


def undercounted(tables: Sequence[Table]) -> Iterator[str]:
    """The rows whose GFLOPs, which hold more kinds of operations, are yet fewer than their MACs; each once."""
    found: dict[str, str] = {}
    missed: set[str] = set()
    for heading, table in ((heading_of(table, GFLOPS), table) for table in tables):
        for name, (known, records) in table.fresh(heading).items() if heading else ():
            macs = records[0].values.get("macs", 0.0)
            if known.value < (1 - LEAST) * macs:
                found.setdefault(records[0].key, f"{name} ({known.value / macs:.2f}x)")
                missed |= _missed(records[0])
    if found:
        what = f"; {COUNTER} does not see all of their {' and '.join(f'{kind}s' for kind in sorted(missed))}"
        rows = ", ".join(dict.fromkeys(found.values()))
        yield f"GFLOPs are fewer than MACs for {rows}{what if missed else ''}: compare these rows by MACs."


def _missed(record: Record) -> set[str]:
    """The kinds of operations that the counter of GFLOPs has fewer of than the one of MACs, in the whole network."""
    whole = [one for one in record.context.get("disagreements", ()) if (one["counter"], one["module"]) == (COUNTER, "")]
    return {kind for one in whole for kind, macs in one["operations"].items() if macs < -LEAST * one["reference"]}


def attained_findings(table: Table) -> Iterator[str]:
    """The lowest and the highest rate at which rows compute their MACs, by what ran them: where these differ, the
    number of operations does not foretell the time."""
    counted = heading_of(table, MACS)
    told: dict[str, None] = {}
    for heading in table.headings:
        if counted and heading.column.quantity in TIMES:
            rates = _rates(table, counted, heading)
            if len(rates) > 1:
                ends = (min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__))
                text = " to ".join(f"{rate_text(rates[n])} ({short_name(n, table.plan.suite)})" for n in ends)
                told[f"{text} on {', '.join(heading.ran_on)}"] = None
    if told:
        yield f"Speed reached (here a multiply-accumulate counts as two operations): {'; '.join(told)}."


def rate_text(rate: float) -> str:
    """Operations a second in the unit that suits them."""
    return f"{rate / 1e12:.1f} TFLOP/s" if rate >= 1e12 else f"{rate / 1e9:.0f} GFLOP/s"


def _rates(table: Table, counted: Heading, timed: Heading) -> dict[str, float]:
    """By row, operations a second."""
    macs, rates = table.fresh(counted), {}
    for name, (time, records) in table.fresh(timed).items():
        batch, frames, *_ = records[0].cell["settings"]["shape"]
        if name in macs and time.value > 0:
            together = 1 if TIMES[timed.column.quantity] else batch * frames
            rates[name] = 2 * macs[name][0].value * together / time.value
    return rates
