"""How a quantity changes from the lowest to the highest level of a factor that a table varies over its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reidbench.reporting.documents.block import titled
from reidbench.reporting.tables.comparison import is_timed
from reidbench.reporting.tables.table import Heading, Table, shared

OFF = {"detail": "no emblem twins", "gait": "no tempo twins", "occlusion": "no occluders"}
"""What options of the synthetic data are called where they are 0."""

MOST = 3
"""Rows that are told where none is in focus."""


def held_text(headings: Sequence[Heading]) -> str:
    """What the columns at the levels of a factor set alike beside it, in parentheses; "" for nothing."""
    held = shared([heading.column.data for heading in headings]) if len(headings) > 1 else {}
    told = (_held(name, value) for name, value in held.items())
    return f" ({', '.join(told)})" if held else ""


def _held(name: str, value: object) -> str:
    """An option of the dataset with its value; one of the synthetic data that is off, in words."""
    if value == 0 and name in OFF:
        return OFF[name]
    return f"{name} {f'{value:g}' if isinstance(value, float) else value}"


def growth_findings(table: Table) -> Iterator[str]:
    """A sentence on each quantity and factor with two levels or more that a row is measured at."""
    groups: dict[tuple[str, str], list[Heading]] = {}
    for heading in table.headings:
        if heading.column.level[0]:
            groups.setdefault((heading.column.quantity, heading.column.level[0]), []).append(heading)
    for (_, factor), headings in groups.items():
        low, high = (pick(headings, key=lambda heading: heading.column.level[1]) for pick in (min, max))
        both = [name for name in table.fresh(low) if name in table.fresh(high)]
        suite = table.plan.suite
        chosen = [name for name in (suite.focus, suite.reference) if name in both] if suite.focus else both[:MOST]
        if low is not high and chosen:
            quantity = low.quantity
            told = "; ".join(_told(table, headings, name) for name in chosen)
            ends = " to ".join(_level(heading.column.level[1]) for heading in (low, high))
            levels = f"{factor} {ends}{held_text(headings)}"
            yield f"{titled(quantity.title, quantity.unit)}, from {levels}: {told}."


def _told(table: Table, headings: Sequence[Heading], name: str) -> str:
    """A row's values at the ends and one between that lies beyond both; of times how often one goes into the other."""
    ordered = sorted(headings, key=lambda heading: heading.column.level[1])
    known = {h.column.level[1]: table.fresh(h)[name][0].value for h in ordered if name in table.fresh(h)}
    quantity = ordered[0].quantity
    shown = {level: f"{value * quantity.scale:z.{quantity.digits}f}" for level, value in known.items()}
    low, *_, high = known
    text = f"{name} {shown[low]} to {shown[high]}"
    for word, extreme in (("most", max), ("least", min)):
        level = extreme(known, key=known.__getitem__)
        if shown[level] not in (shown[low], shown[high]):
            text += f", at {word} {shown[level]} at {_level(level)}"
    times = is_timed(quantity) and not quantity.over and known[low] > 0
    return f"{text}{f', {known[high] / known[low]:.3g}x as long' if times else ''}"


def _level(level: float) -> str:
    return f"{level:,.0f}" if level >= 1000 else f"{level:g}"
