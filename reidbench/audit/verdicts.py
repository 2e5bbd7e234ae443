"""Judges every printed cost: the rules that reproduce it, the nearest one else, the few rules that explain most cells.

A rule that reproduces a cell proves little, for many are tried. So the same is asked of values that mean nothing: the
printed ones, each moved by some last digits. Only a rule that reproduces more cells than that is called an explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any

import numpy as np

from reidbench.audit.rules import ROUNDINGS, RULES, Rule, Term, gap, interval, last_digit, terms, value
from reidbench.spec import Row, Suite

Counts = Mapping[str, Mapping[str, float]]
"""The values of a `complexity` record by the name of its network (`rules.terms`)."""

SPREAD, DRAWS = 10, 1000
"""The trial by chance: every printed value moved by up to so many last digits, at random, so many times."""

LUCK = 0.01
"""The share of the draws that may do as well as a rule that is called an explanation: small, for several are called."""


UNKNOWN = 10**9
"""Stands for the distance of a reading that there is not."""


@dataclass(frozen=True)
class Printed:
    """One printed cost: a key of `Published.values` in a row of a suite."""

    suite: str
    row: Row
    key: str
    text: str


@dataclass(frozen=True)
class Reading:
    """What a printed cost would be under a rule, and how far that is from what comes to it (0: it does)."""

    rule: Rule
    value: Fraction
    gap: Fraction


@dataclass(frozen=True)
class Verdict:
    """`tried` counts the rules that differ for this cell, `matching` those of them that reproduce it.

    `shown` is the reading under the first of the explaining rules that matches, which is number `step` from 1; without
    one (0) it is the nearest of all, and where that matches, more than chance is not shown. It is None where nothing is
    counted. `incomplete` says that some networks it could stand for are not counted yet.
    """

    printed: Printed
    tried: int
    matching: int
    shown: Reading | None
    step: int = 0
    incomplete: bool = False


@dataclass(frozen=True)
class Step:
    """A rule with the cells it explains that no rule before it did.

    `total` counts all cells it explains, `ties` the other rules, different for some cell, that would explain as many of
    those that were left. `luck` is the share of draws in which some rule reproduces as many of these.
    """

    rule: Rule
    gained: tuple[Printed, ...]
    total: int
    ties: int
    luck: float


@dataclass(frozen=True)
class Judgement:
    """The verdicts on all cells of one key, and what they say together.

    `steps` are the rules, each the one that explains most of what those before it leave, as long as that is more than
    `LUCK` allows; `refused` is the first that is not. `levels` gives, for each part of a rule and each value of it, the
    most cells that one such rule explains. `chance` gives the cells that some rule would reproduce, and those that the
    best single one would, if the values meant nothing: means over the draws.
    """

    key: str
    verdicts: tuple[Verdict, ...]
    steps: tuple[Step, ...]
    refused: Step | None
    levels: Mapping[str, Mapping[str, int]]
    chance: tuple[float, float]

    @property
    def matched(self) -> int:
        """Cells that some rule reproduces."""
        return sum(verdict.matching > 0 for verdict in self.verdicts)

    @property
    def explained(self) -> int:
        """Cells that follow an explaining rule."""
        return sum(verdict.step > 0 for verdict in self.verdicts)

    def of(self, suite: str) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.printed.suite == suite]


def printed_costs(suites: Mapping[str, Suite]) -> list[Printed]:
    """Every printed GFLOPs and Param. of the rows that the registry has a model for, table by table."""
    return [
        Printed(name, row, key, found.values[key])
        for key in RULES
        for name, suite in suites.items()
        for row in suite.rows
        if row.model and (found := row.publication(key))
    ]


def networks(cells: Iterable[Printed]) -> tuple[Row, ...]:
    """Every network that some rule needs the counts of, once."""
    found: dict[str, Row] = {}
    for cell in cells:
        for parts in _all_terms(cell).values():
            found |= {row.name: row for _, row in parts or ()}
    return tuple(found.values())


def judge(cells: Sequence[Readings], leave_out: Mapping[str, str] | None = None) -> list[Judgement]:
    """One judgement for each key that the cells have. Rules with a part that `leave_out` names are not tried."""
    left_out = (leave_out or {}).items()
    found = []
    for key in dict.fromkeys(cell.cell.key for cell in cells):
        rules = [rule for rule in RULES[key] if all(getattr(rule, part) != level for part, level in left_out)]
        found.append(_judge(key, rules, [cell for cell in cells if cell.cell.key == key]))
    return found


def common_offset(rule: Rule, cells: Iterable[Readings]) -> tuple[Fraction, Fraction] | None:
    """The constants (from, up to) that, added to the values of the cells under a rule, would let all print as given.

    None where there is no such constant, or nothing is counted.
    """
    found = [(interval(cell.cell.text, rule.rounding), cell.value[rule]) for cell in cells if rule in cell.value]
    low = max((start - number for (start, _), number in found), default=Fraction(0))
    high = min((end - number for (_, end), number in found), default=Fraction(0))
    return (low, high) if low < high else None


class Readings:
    """Every rule that holds for a cell applied to it.

    By rule: `value`, its value; `same`, what it comes to for this cell, equal for rules that come to the same;
    `steps`, by how many last digits what it prints is above the printed value.
    """

    def __init__(self, cell: Printed, counts: Counts) -> None:
        self.cell = cell
        self.value: dict[Rule, Fraction] = {}
        self.same: dict[Rule, tuple[Any, ...]] = {}
        self.steps: dict[Rule, int] = {}
        self.incomplete = False
        step = last_digit(cell.text)
        printed = int(Fraction(cell.text) / step)
        parts_of = {rule: (parts, _names(parts)) for rule, parts in _all_terms(cell).items() if parts is not None}
        known: dict[tuple[Any, ...], tuple[Fraction | None, int]] = {}
        for rule in RULES[cell.key]:
            if _counted_alike(rule) not in parts_of:
                continue
            parts, networks = parts_of[_counted_alike(rule)]
            same = rule.counted, rule.unit, rule.rounding, networks
            if same not in known:
                number = value(rule, counts, parts)
                above = 0 if number is None else floor(number / step + ROUNDINGS[rule.rounding]) - printed
                known[same] = number, above
            number, above = known[same]
            if number is None:
                self.incomplete = True
                continue
            self.value[rule], self.steps[rule], self.same[rule] = number, above, same

    def verdict(self, explaining: Sequence[Rule], rules: Sequence[Rule]) -> Verdict:
        tried = [rule for rule in rules if rule in self.value]
        matching = {self.same[rule] for rule in tried if self.steps[rule] == 0}
        step = next((number for number, rule in enumerate(explaining, 1) if self.steps.get(rule) == 0), 0)
        shown = explaining[step - 1] if step else min(tried, key=self._distance, default=None)
        reading = Reading(shown, self.value[shown], self._gap(shown)) if shown else None
        different = len({self.same[rule] for rule in tried})
        return Verdict(self.cell, different, len(matching), reading, step, self.incomplete)

    def _gap(self, rule: Rule) -> Fraction:
        return gap(self.value[rule], self.cell.text, rule.rounding)

    def _distance(self, rule: Rule) -> Fraction:
        return abs(self._gap(rule))


def _judge(key: str, rules: Sequence[Rule], cells: Sequence[Readings]) -> Judgement:
    steps: list[Step] = []
    refused = None
    for step in _explanation(rules, cells):
        if step.luck > LUCK:
            refused = step
            break
        steps.append(step)
    by_any, by_best = _by_chance(rules, cells).mean(0)
    verdicts = tuple(cell.verdict([step.rule for step in steps], rules) for cell in cells)
    return Judgement(key, verdicts, tuple(steps), refused, _levels(rules, cells), (float(by_any), float(by_best)))


def _explanation(rules: Sequence[Rule], cells: Sequence[Readings]) -> Iterator[Step]:
    left = list(cells)
    while left:
        gained = {rule: _explained(rule, left) for rule in rules}
        best = max(gained, key=lambda rule: gained[rule])
        if not gained[best]:
            return
        alike = {tuple(cell.same.get(rule) for cell in cells) for rule in gained if gained[rule] == gained[best]}
        luck = float((_by_chance(rules, left)[:, 1] >= gained[best]).mean())
        mine = tuple(cell.cell for cell in left if cell.steps.get(best) == 0)
        yield Step(best, mine, _explained(best, cells), len(alike) - 1, luck)
        left = [cell for cell in left if cell.steps.get(best) != 0]


def _explained(rule: Rule, cells: Sequence[Readings]) -> int:
    return sum(cell.steps.get(rule) == 0 for cell in cells)


def _levels(rules: Sequence[Rule], cells: Sequence[Readings]) -> dict[str, dict[str, int]]:
    counted = {rule: _explained(rule, cells) for rule in rules}
    levels: dict[str, dict[str, int]] = {}
    for part in (field.name for field in fields(Rule) if field.name != "key"):
        best: dict[str, int] = {}
        for rule, count in counted.items():
            best[getattr(rule, part)] = max(count, best.get(getattr(rule, part), 0))
        if len(best) > 1:
            levels[part] = best
    return levels


def _by_chance(rules: Sequence[Rule], cells: Sequence[Readings]) -> np.ndarray:
    """For each draw the cells that some rule reproduces, and those that the best single one does `[DRAWS, 2]`.

    Cells that no rule tells apart and that print the same, such as one network in three tables, move together.
    """
    columns = [[cell.steps.get(rule, UNKNOWN) for rule in rules] for cell in cells]
    alike = list(dict.fromkeys((cell.cell.text, *column) for cell, column in zip(cells, columns, strict=True)))
    group = [alike.index((cell.cell.text, *column)) for cell, column in zip(cells, columns, strict=True)]
    moved = np.random.default_rng(0).integers(-SPREAD, SPREAD, (DRAWS, len(alike)), endpoint=True)[:, group]
    table = np.unique(np.array(columns).T, axis=0)
    printed = [table == shifts for shifts in moved]
    return np.array([(hits.any(0).sum(), hits.sum(1).max()) for hits in printed])


def _names(parts: Sequence[Term]) -> tuple[tuple[int, str], ...]:
    return tuple((times, row.name) for times, row in parts)


@cache
def _counted_alike(rule: Rule) -> Rule:
    """The rule without what does not change which networks are counted."""
    return replace(rule, counted="", unit="", rounding="")


def _all_terms(cell: Printed) -> dict[Rule, tuple[Term, ...] | None]:
    return {rule: terms(cell.row, rule) for rule in dict.fromkeys(map(_counted_alike, RULES[cell.key]))}
