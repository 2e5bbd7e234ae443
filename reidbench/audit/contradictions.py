"""What the printed tables say against themselves: one network with two values, costs that no arithmetic can join."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from reidbench import registry
from reidbench.audit.rules import ROUNDINGS, Rule, interval, terms
from reidbench.audit.verdicts import Printed, Readings
from reidbench.spec import Suite, canonical_json

Place = tuple[str, str]
"""A row of a table: (suite, name of the row)."""


@dataclass(frozen=True)
class Identity:
    """Rows that are one network by the paper's own account, though the registry builds them apart."""

    places: tuple[Place, ...]
    because: str


IDENTITIES = (
    Identity(
        (("table3", "256x128 + 128x64"), ("table4", "alpha 1")),
        "at alpha 1 the two-branch network splits its frames evenly over 256x128 and 128x64",
    ),
)


@dataclass(frozen=True)
class TwoValues:
    """One network with different printed values of one key, each with the places that print it."""

    key: str
    places: Mapping[str, tuple[Place, ...]]
    because: str


@dataclass(frozen=True)
class Bent:
    """Three costs of networks that differ in their share of big frames alone, which must lie on a line and do not.

    `expected` is between which values (from, up to) the middle one would have to lie, by the way of rounding.
    """

    cells: tuple[Printed, Printed, Printed]
    expected: Mapping[str, tuple[Fraction, Fraction]]


@dataclass(frozen=True)
class Reversed:
    """A cell that is printed below others although every rule puts it above them.

    `rules` counts the pairs of values that the rules come to for it and the first of these.
    """

    cell: Printed
    below: tuple[Printed, ...]
    rules: int


def two_values(suites: Mapping[str, Suite]) -> list[TwoValues]:
    """Every network that stands in several places, under every key that these print differently on one dataset."""
    found = []
    for places, because in _same_networks(suites):
        printed: dict[tuple[str, str], dict[str, list[Place]]] = {}
        for suite, name in places:
            row = next(row for row in suites[suite].rows if row.name == name)
            for publication in row.published:
                for key, text in publication.values.items():
                    printed.setdefault((key, publication.dataset), {}).setdefault(text, []).append((suite, name))
        for (key, _), values in printed.items():
            if len(values) > 1:
                by_value = {text: tuple(where) for text, where in values.items()}
                found.append(TwoValues(key, by_value, because))
    return found


def bent_lines(cells: Sequence[Printed]) -> list[Bent]:
    """Every three costs that a line over the share of big frames cannot pass, however they are rounded.

    A clip of big and small frames costs a frame what the two cost, weighted by their shares. That holds for whatever
    they cost. Three at a time is enough: strips that meet by threes meet all at once (Helly).
    """
    found = []
    for group in _mixtures(cell for cell in cells if cell.key == "gflops"):
        for three in combinations(sorted(group, key=lambda pair: pair[0]), 3):
            (a, first), (b, second), (c, third) = three
            if a == c:
                continue  # of one and the same share of big frames, through which no line goes
            expected = {}
            for rounding in ROUNDINGS:
                ends = [interval(cell.text, rounding) for cell in (first, third)]
                low, high = (((c - b) * x + (b - a) * y) / (c - a) for x, y in zip(*ends, strict=True))
                start, end = interval(second.text, rounding)
                if max(low, start) < min(high, end):
                    break
                expected[rounding] = (low, high)
            else:
                found.append(Bent((first, second, third), expected))
    return found


def reversed_orders(cells: Sequence[Readings]) -> list[Reversed]:
    """Every cell that is printed below others, while each rule that holds for both puts it above them."""
    found = []
    for cell in cells:
        lower = [
            other
            for other in cells
            if cell.cell.key == other.cell.key and Fraction(cell.cell.text) < Fraction(other.cell.text)
        ]
        below = [other for other in lower if _always_above(cell, other)]
        if below:
            pairs = {(value, below[0].value[rule]) for rule, value in cell.value.items() if rule in below[0].value}
            found.append(Reversed(cell.cell, tuple(other.cell for other in below), len(pairs)))
    return found


def _always_above(cell: Readings, other: Readings) -> bool:
    """Whether every rule that holds for both gives the first cell more; False where none holds."""
    both = [rule for rule in cell.value if rule in other.value]
    return bool(both) and all(cell.value[rule] > other.value[rule] for rule in both)


def _same_networks(suites: Mapping[str, Suite]) -> Iterator[tuple[list[Place], str]]:
    """Places of one network: those the registry builds alike, then those that are joined by an identity."""
    groups: dict[str, list[Place]] = {}
    for name, suite in suites.items():
        for row in suite.rows:
            parts = terms(row, Rule("params", "")) if row.model and row.published else None
            for _, network in parts or ():
                groups.setdefault(network.name, []).append((name, row.name))
    for identity in IDENTITIES:
        joined = [group for group in groups.values() if set(group) & set(identity.places)]
        if len(joined) > 1:
            yield [place for group in joined for place in group], identity.because
    for name, places in groups.items():
        if len(places) > 1:
            yield places, f"the network {name}"


def _mixtures(cells: Iterable[Printed]) -> Iterator[list[tuple[Fraction, Printed]]]:
    """Cells of one table whose networks differ in alpha alone, each with its share of big frames."""
    groups: dict[str, list[tuple[Fraction, Printed]]] = {}
    for cell in cells:
        options = registry.resolve_options(cell.row.model, cell.row.options)
        alpha = options.pop("alpha", None)
        if alpha is not None:
            key = canonical_json([cell.suite, cell.row.model, {n: str(v) for n, v in options.items()}])
            groups.setdefault(key, []).append((Fraction(1, 1 + alpha), cell))
    yield from groups.values()
