"""What each component of a network adds, on average over all combinations of the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations as choices

from reidbench.reporting.tables.comparison import contrast
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Row
from reidbench.statistics import Estimate

PARTS = {"CSP": ("csp", True), "DAO": ("attention", "dao"), "TKS": ("temporal", "tks")}
"""The model option of each component and its value where the component is there."""


@dataclass(frozen=True)
class Effect:
    """A quantity with a component minus without, over `pairs` pairs of rows that differ in nothing else."""

    part: str
    difference: Estimate
    pairs: int


def combinations(table: Table) -> dict[str, frozenset[str]]:
    """The components of each row that says of all of them whether it has them."""
    return {row.name: _parts(row) for row in table.plan.suite.rows if _is_combination(row)}


def effects(table: Table, heading: Heading) -> list[Effect]:
    """The effect of each component on a column, over the pairs that are measured. A cost counted has no interval."""
    fresh, held = table.fresh(heading), combinations(table)
    names = {parts: name for name, parts in held.items() if name in fresh}
    found = []
    for part in PARTS:
        without = {parts: parts - {part} for parts in names if part in parts}
        pairs = [(names[parts], names[rest]) for parts, rest in without.items() if rest in names]
        if not pairs:
            continue
        first, second = ([fresh[name] for name in side] for side in zip(*pairs, strict=True))
        difference = contrast(heading.quantity, first, second)
        if difference is None and heading.quantity.statistic == "value":
            gaps = [a.value - b.value for (a, _), (b, _) in zip(first, second, strict=True)]
            difference = Estimate(sum(gaps) / len(gaps), n=len(gaps))
        if difference is not None:
            found.append(Effect(part, difference, len(pairs)))
    return found


def one_apart(rows: Iterable[Row]) -> bool:
    """Whether any two rows that can be measured differ in exactly one component, without which there is no effect."""
    held = [_parts(row) for row in rows if row.model and _is_combination(row)]
    return any(len(one ^ other) == 1 for one, other in choices(held, 2))


def _is_combination(row: Row) -> bool:
    """Whether a row says of each component whether it has it."""
    return all(option in row.options for option, _ in PARTS.values())


def _parts(row: Row) -> frozenset[str]:
    return frozenset(part for part, (option, value) in PARTS.items() if row.options[option] == value)
