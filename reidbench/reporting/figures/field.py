"""The figure of a whole field of methods: accuracy against each kind of cost, with the names of the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isnan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from reidbench.reporting.figures.ablation import Point, look, make_room, measured_points, pareto
from reidbench.reporting.figures.style import axis_label, error_lengths, new_figure, setting, settle, timed, title
from reidbench.reporting.labels import place_labels
from reidbench.reporting.tables import Heading, Table

COSTS = ("complexity.macs", "latency.per_frame")
ACROSS = 2
NAMES_ACROSS = 4
LINE_HEIGHT = 0.17
"""Inches that a line of the legend takes."""

WIDE = 8.0
"""Times the least cost, from which on an axis is logarithmic."""

Line = list[tuple[float, float]]


def field_figure(table: Table) -> Figure | None:
    """Accuracy against MACs and against time, one panel a cost and device; approximate rows are hollow.

    All names stand in the legend, those of the front beside their points, too. A panel of rows of which some have no
    fresh number has no front. Costs that differ widely stand on a logarithmic axis. Dotted lines cross at the reference
    row: above and to the left of it is what beats it.
    """
    accuracy = table.trained()
    if accuracy is None:
        return None
    costs = [heading for heading in table.headings if heading.column.quantity in COSTS]
    panels = [(cost, points) for cost in costs if (points := measured_points(table, accuracy, cost))]
    if not panels:
        return None
    rows = [row for row in table.plan.suite.rows if row.model]
    shown = {point.rank: point.name for _, points in panels for point in points}
    deep = ceil(len(panels) / ACROSS)
    figure = new_figure(7.2, 3.6 * deep + LINE_HEIGHT * ceil(len(shown) / NAMES_ACROSS) + 0.8)
    axes = list(figure.subplots(deep, min(ACROSS, len(panels)), squeeze=False, sharey=True).flat)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    hollow = {row.name for row in rows if row.approximate}
    for axis, (cost, points) in zip(axes, panels, strict=False):
        _spread(axis, points)
        make_room(axis, points)
        axis.set_xlabel(axis_label(cost.quantity))
        axis.set_title(_about(table, cost, len(points), len(rows)))
    for axis in axes[:: min(ACROSS, len(panels))]:
        axis.set_ylabel(axis_label(accuracy.quantity))
    handles = [
        Line2D([], [], linestyle="none", **_mark(rank, name in hollow), label=name)
        for rank, name in sorted(shown.items())
    ]
    figure.legend(handles=handles, loc="outside lower center", ncol=NAMES_ACROSS, frameon=False, fontsize=8)
    told = "; hollow: approximate" if hollow & set(shown.values()) else ""
    what = f"{accuracy.quantity.title} against cost, {setting(table, accuracy)}{told}"
    figure.suptitle(title(table, what), fontsize=10)
    settle(figure)
    for axis, (_, points) in zip(axes, panels, strict=False):
        front = pareto(points, accuracy.quantity.better != "lower") if len(points) == len(rows) else []
        _fill(axis, points, front, hollow, _cross(axis, points, table.plan.suite.reference))
    return figure


def _spread(axis: Axes, points: Sequence[Point]) -> None:
    """Makes the axis of costs logarithmic where the dearest row would press all others together."""
    costs = [point.x for point in points]
    if min(costs) > 0 and max(costs) > WIDE * min(costs):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_locator(NullLocator())


def _about(table: Table, cost: Heading, points: int, rows: int) -> str:
    """What a panel shows: how its cost was measured, and how many rows have none."""
    where = "counted at the paper's scale" if cost.column.measurement == "complexity" else timed(table, cost)
    return where + (f"\n{points} of {rows} rows, the others lack a number" if points < rows else "")


def _cross(axis: Axes, points: Sequence[Point], reference: str) -> list[Line]:
    """Draws dotted lines through the reference row, where it has a number, and returns their ends."""
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    lines: list[Line] = []
    for point in (point for point in points if point.name == reference):
        lines += [[(left, point.y), (right, point.y)], [(point.x, low), (point.x, high)]]
    for line in lines:
        axis.plot(*zip(*line, strict=True), ":", color="#666666", linewidth=0.9, zorder=1)
    return lines


def _fill(axis: Axes, points: Sequence[Point], front: Sequence[Point], hollow: set[str], lines: Sequence[Line]) -> None:
    """Draws the points with their intervals, and the front with its names; seeds would crowd so many rows."""
    bars = []
    for point in points:
        mark = _mark(point.rank, point.name in hollow)
        if not isnan(point.low):
            errors = error_lengths(point.y, point.low, point.high)
            axis.errorbar(
                point.x, point.y, errors, fmt="none", ecolor=mark["color"], elinewidth=0.8, alpha=0.45, zorder=2
            )
            bars.append((point.x, point.low, point.high))
        axis.plot(point.x, point.y, zorder=3, **mark)
    if front:
        line = [(point.x, point.y) for point in front]
        axis.plot(*zip(*line, strict=True), "--", color="#666666", linewidth=0.9, zorder=1)
        place_labels(axis, [(point.name, point.x, point.y) for point in front], bars, [line, *lines])


def _mark(rank: int, hollow: bool) -> dict[str, Any]:
    return look(rank) | ({"mfc": "white"} if hollow else {})
