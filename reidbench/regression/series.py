"""One cell over several versions of the code: its estimates, in series that may be joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Any

from reidbench import registry
from reidbench.deployment.backends import ran_on
from reidbench.estimates import estimate
from reidbench.presets import preset_name
from reidbench.regression.sides import code_of, subject
from reidbench.reporting.tables.matching import measured_elsewhere
from reidbench.scatter import Noise, covering, on_device
from reidbench.spec import Quantity, Record
from reidbench.statistics import Estimate


@dataclass(frozen=True)
class Point:
    """What the records of one commit say of one cell; `what` is what was measured, on which machine.

    `commits` is how many in a row say the same, of which this one is the first.
    """

    commit: str
    date: str
    what: str
    label: str
    known: Estimate
    commits: int = 1


@dataclass(frozen=True)
class Series:
    """Points of one cell, in the order of commits, each unlike the one before: only the code differs between them."""

    label: str
    points: tuple[Point, ...]


def collect(
    commit: str,
    date: str,
    folder: str,
    records: Sequence[Record],
    quantity: Quantity,
    field: str,
    noise: Mapping[str, Noise] | None = None,
) -> list[Point]:
    """The points of a commit from the folder of one machine: one for each cell, over its seeds, of the code that was
    measured last, and told apart where another machine measured it.

    `noise` is that between sessions, by device, where the machine was calibrated: ratios of times cover it.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        elsewhere = measured_elsewhere(folder, [record])
        groups.setdefault((", ".join(filter(None, (folder, elsewhere))), subject(record.cell)), []).append(record)
    points = []
    for (name, what), group in groups.items():
        last = max(group, key=lambda record: record.started)
        mine = [record for record in group if code_of(record.cell) == code_of(last.cell)]
        known_noise = on_device(noise or {}, last.cell["settings"])
        known = covering(known_noise, quantity, estimate(quantity, field, mine))
        if known:
            points.append(Point(commit, date, f"{name} {what}", _label(name, last), known))
    return points


def series_of(points: Sequence[Point]) -> list[Series]:
    """Points of the same cell together; where two cells read alike, a number tells their series apart."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        groups.setdefault(point.what, []).append(point)
    labels = [group[0].label for group in groups.values()]
    found = []
    for index, group in enumerate(groups.values()):
        number = labels[: index + 1].count(labels[index])
        label = labels[index] if labels.count(labels[index]) == 1 else f"{labels[index]} ({number})"
        found.append(Series(label, _without_repeats(group)))
    return found


def _without_repeats(points: Sequence[Point]) -> tuple[Point, ...]:
    runs = (list(run) for _, run in groupby(points, key=lambda point: repr(point.known)))  # by text, for NaN is not NaN
    return tuple(replace(run[0], commits=len(run)) for run in runs)


def _label(machine: str, record: Record) -> str:
    """The machine with what tells its cells apart: preset and data, or device and precision, and the version."""
    words, settings = [machine], record.cell["settings"]
    if "recipe" in settings:
        known = (preset_name(settings["recipe"], own) for own in ({}, *_own_recipes(record.row)))
        words.append(next(filter(None, known), "another recipe"))
        dataset = settings.get("dataset", {})
        words += [str(dataset.get("name", "")), *(f"{k} {v}" for k, v in dataset.get("options", {}).items())]
    else:
        words += ran_on(settings)
    return ", ".join(filter(None, [*words, f"version {settings.get('version', 1)}"]))


@cache
def _own_recipes(row: str) -> tuple[Mapping[str, Any], ...]:
    """What the rows of that name have otherwise than a preset's recipe, in any suite."""
    suites = (suite for name in registry.suite_paths() for suite in registry.suites_of(name).values())
    rows = (each for suite in suites for each in suite.rows)
    return tuple(each.recipe for each in rows if each.name == row and each.recipe)
