"""The figures of an ablation: accuracy against cost with its Pareto front, latency bars, accuracy by factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from reidbench.reporting.figures.style import (
    HATCHES,
    LOOKALIKES,
    MARKERS,
    OKABE_ITO,
    SEED,
    axis_label,
    error_lengths,
    measured_title,
    new_figure,
    over_bar,
    published_title,
    reach,
    seed_values,
    setting,
    settle,
    shown_values,
    timed,
    title,
)
from reidbench.reporting.matching import printed_value
from reidbench.reporting.tables import Heading, Table, lookalike_floor
from reidbench.spec import Quantity
from reidbench.statistics import Estimate


@dataclass(frozen=True)
class Point:
    """One row in the accuracy figure, in the units shown; `low` and `high` are NaN where there is no interval.

    `seeds` are the means of several seeds.
    """

    name: str
    rank: int
    x: float
    y: float
    low: float = float("nan")
    high: float = float("nan")
    seeds: tuple[float, ...] = ()


def accuracy_figure(table: Table) -> Figure | None:
    """Accuracy against GFLOPs with the Pareto front; published values in a panel of their own, hollow.

    Of rows of which some have no fresh number there is no front.
    """
    found = _accuracy_and_cost(table)
    if found is None:
        return None
    accuracy, cost = found
    measured, published = measured_points(table, accuracy, cost), _published_points(table, accuracy, cost)
    if not measured:
        return None
    rows = table.plan.suite.rows
    possible = [
        sum(bool(row.model) for row in rows),
        sum(bool(row.publication(accuracy.column.published)) for row in rows),
    ]
    panels = [(points, whole) for points, whole in zip((measured, published), possible, strict=True) if points]
    figure = new_figure(7.2, 4.2)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (points, whole) in zip(axes, panels, strict=True):
        hollow = points is published
        make_room(axis, points)
        axis.set_xlabel("GFLOPs per frame, the paper's scale" + (" (published)" if hollow else ""))
        axis.set_ylabel(axis_label(accuracy.quantity))
        about = published_title(table, accuracy.column) if hollow else measured_title(table, accuracy)
        missing = f"\n{len(points)} of {whole} rows, the others lack a number" if len(points) < whole else ""
        axis.set_title(about + missing)
    names = {point.rank: point.name for points, _ in panels for point in points}
    handles = [Line2D([], [], linestyle="none", **look(rank), label=names[rank]) for rank in sorted(names)]
    figure.legend(handles=handles, loc="outside lower center", ncol=4, frameon=False, fontsize=8)
    figure.suptitle(title(table, f"{accuracy.quantity.title} against cost"), fontsize=10)
    settle(figure)
    for axis, (points, whole) in zip(axes, panels, strict=True):
        front = pareto(points, accuracy.quantity.better != "lower") if len(points) >= whole else []
        _fill(axis, points, front, hollow=points is published)
    return figure


def latency_figure(table: Table) -> Figure | None:
    """The median latency of each row with its interval, and its ratio to the reference row; one panel a device."""
    panels = [h for h in table.headings if h.quantity.statistic == "median" and h.quantity.unit in ("s", "ms", "us")]
    panels = [heading for heading in panels if table.fresh(heading)]
    if not panels:
        return None
    # A row that only a publication has values for has no time here.
    rows = [row.name for row in table.plan.suite.rows if row.model]
    figure = new_figure(7.2, len(panels) * (1.05 + 0.27 * len(rows)) + 0.5)
    for axis, heading in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        shown = {name: readings[0] for name, readings in table.fresh(heading).items()}
        ratios = _ratios(table, heading)
        for place, name in enumerate(rows):
            if name not in shown:
                axis.text(0, place, f" {table.column(heading)[name].state}", va="center", fontsize=8, style="italic")
                continue
            reference = name == table.plan.suite.reference
            _bar(axis, place, shown[name], heading.quantity, reference)
            end = reach(shown[name], heading.quantity)
            text = f"{shown[name].value * heading.quantity.scale:.{heading.quantity.digits}f} {heading.quantity.unit}"
            ratio = "  (reference)" if reference else f"  x {ratios[name]}" if name in ratios else ""
            axis.text(end, place, f"  {text}{ratio}", va="center", fontsize=8)
        axis.set_yticks(range(len(rows)), rows)
        axis.invert_yaxis()
        axis.set_xlim(0, max(reach(known, heading.quantity) for known in shown.values()) * 1.45)
        axis.set_xlabel(axis_label(heading.quantity))
        axis.set_title(timed(table, heading))
    figure.suptitle(title(table, "latency, median and 95 % interval"), fontsize=10)
    settle(figure)
    return figure


def factor_figure(table: Table) -> Figure | None:
    """Mean AP of each row overall and for each factor (`mAP_<factor>`), grouped, with each group's `LOOKALIKES`."""
    groups = [h for h in table.headings if h.training and h.column.field.partition("_")[0] == "mAP" and table.fresh(h)]
    if len(groups) < 2:
        return None
    rows = [row.name for row in table.plan.suite.rows]
    figure = new_figure(7.2, 3.6)
    axis = figure.subplots()
    width = 0.8 / len(groups)
    floors: dict[int, LineCollection] = {}
    for i, heading in enumerate(groups):
        fresh = table.fresh(heading)
        places = [rows.index(name) + (i - (len(groups) - 1) / 2) * width for name in fresh]
        values = np.array([shown_values(known, heading.quantity) for known, _ in fresh.values()])
        errors = error_lengths(values[:, 0], values[:, 1], values[:, 2])
        style: dict[str, Any] = {"color": OKABE_ITO[i], "hatch": HATCHES[i], "edgecolor": "black", "linewidth": 0.6}
        axis.bar(places, values[:, 0], width, label=heading.column.title or heading.quantity.title, **style)
        axis.errorbar(places, values[:, 0], errors, fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5)
        for place, (_, records) in zip(places, fresh.values(), strict=True):
            over_bar(axis, place, width, seed_values(heading.quantity, records))
        floor = lookalike_floor(table, heading)
        if floor is not None:
            floors[heading.index] = _floor_marks(axis, places, floor * heading.quantity.scale, width)
    if floors:
        next(iter(floors.values())).set_label(LOOKALIKES)
    axis.set_xticks(range(len(rows)), rows, rotation=20, ha="right")
    axis.set_ylabel(axis_label(groups[0].quantity))
    axis.set_ylim(bottom=0)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=len(groups) + 1, frameon=False, fontsize=8)
    figure.suptitle(title(table, f"by factor\n({setting(table, groups[0])})"), fontsize=10)
    settle(figure)
    return figure


def pareto(points: Sequence[Point], higher: bool = True) -> list[Point]:
    """The points that no other one beats in both cost and accuracy, by rising cost."""
    sign = 1 if higher else -1
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -sign * p.y)):
        if not front or sign * point.y > sign * front[-1].y:
            front.append(point)
    return front


def _accuracy_and_cost(table: Table) -> tuple[Heading, Heading] | None:
    accuracy = table.trained()
    costs = [heading for heading in table.headings if heading.column.measurement == "complexity"]
    cost = next((heading for heading in costs if heading.column.field == "gflops"), None)
    return (accuracy, cost) if accuracy and cost else None


def measured_points(table: Table, accuracy: Heading, cost: Heading) -> list[Point]:
    """The rows that have a fresh number in both columns."""
    ys, xs = table.fresh(accuracy), table.fresh(cost)
    rows = [(i, row.name) for i, row in enumerate(table.plan.suite.rows) if row.name in ys and row.name in xs]
    points = []
    for i, name in rows:
        known, records = ys[name]
        seeds = tuple(seed_values(accuracy.quantity, records))
        x = xs[name][0].value * cost.quantity.scale
        points.append(Point(name, i, x, *shown_values(known, accuracy.quantity), seeds))
    return points


def _published_points(table: Table, accuracy: Heading, cost: Heading) -> list[Point]:
    points = []
    for rank, row in enumerate(table.plan.suite.rows):
        try:
            x, y = (float(printed_value(row, heading.column)) for heading in (cost, accuracy))
        except ValueError:
            continue
        points.append(Point(row.name, rank, x, y))
    return points


def make_room(axis: Axes, points: Sequence[Point]) -> None:
    """Sets the limits of an empty panel, so that its points can be placed by pixels."""
    heights = [(p.x, y) for p in points for y in (p.y, p.low, p.high, *p.seeds) if not isnan(y)]
    axis.update_datalim(heights)
    axis.margins(x=0.12, y=0.1)
    axis.autoscale_view()
    axis.autoscale(False)
    axis.grid(True, color="#DDDDDD", linewidth=0.5)
    axis.set_axisbelow(True)


def _fill(axis: Axes, points: Sequence[Point], front: Sequence[Point], *, hollow: bool) -> None:
    """Draws the points with their intervals and seeds, and the front."""
    for point in points:
        mark = look(point.rank)
        if not isnan(point.low):
            errors = error_lengths(point.y, point.low, point.high)
            axis.errorbar(
                point.x, point.y, errors, fmt="none", ecolor=mark["color"], elinewidth=0.9, capsize=2, zorder=2
            )
        axis.plot(point.x, point.y, zorder=3, **mark | ({"mfc": "white"} if hollow else {}))
        if point.seeds:
            axis.plot([point.x] * len(point.seeds), point.seeds, **SEED | {"mec": mark["color"]})
    if front:
        axis.plot([p.x for p in front], [p.y for p in front], "--", color="#666666", linewidth=0.9, zorder=1)


def look(rank: int) -> dict[str, Any]:
    """The mark of a row, which no other row has."""
    return {"color": OKABE_ITO[rank % 7], "marker": MARKERS[rank % len(MARKERS)], "ms": 7, "mew": 1.3}


def _bar(axis: Axes, place: int, known: Estimate, quantity: Quantity, reference: bool) -> None:
    value, low, high = shown_values(known, quantity)
    colour, hatch = ("#BBBBBB", "///") if reference else (OKABE_ITO[5], "")
    axis.barh(place, value, 0.62, color=colour, hatch=hatch, edgecolor="black", linewidth=0.6)
    errors = error_lengths(value, low, high)
    axis.errorbar(value, place, xerr=errors, fmt="none", ecolor="black", elinewidth=1, capsize=2.5)


def _floor_marks(axis: Axes, places: Sequence[float], level: float, width: float) -> LineCollection:
    """A dashed segment over each bar, edged in white so that it shows on a dark bar."""
    starts, ends = [place - width / 2 for place in places], [place + width / 2 for place in places]
    edge = [withStroke(linewidth=3, foreground="white")]
    return axis.hlines(
        [level] * len(starts), starts, ends, "black", (0, (2.5, 1)), linewidth=1.4, path_effects=edge, zorder=3
    )


def _ratios(table: Table, latency: Heading) -> dict[str, str]:
    """The ratio column measured in the same setting, as text."""
    for heading in table.headings:
        same = heading.column.measurement == latency.column.measurement and heading.settings == latency.settings
        if same and heading.quantity.statistic == "ratio":
            quantity = heading.quantity
            return {
                name: f"{known.value * quantity.scale:.{quantity.digits}f}"
                for name, (known, _) in table.fresh(heading).items()
            }
    return {}
