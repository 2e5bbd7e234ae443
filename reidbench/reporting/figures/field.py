"""The figure of a whole field of methods: a line a row, the most accurate on top, with each kind of cost beside it."""

from __future__ import annotations

from math import isnan

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.front import (
    BEATEN,
    KEPT,
    Beats,
    Point,
    beyond_noise,
    front,
    front_handles,
    measured_points,
    missing,
    set_cost_scale,
    set_rows,
)
from reidbench.reporting.figures.style import (
    axis_label,
    entitle,
    error_lengths,
    new_figure,
    row_labels,
    setting,
    timed,
    wrapped,
)
from reidbench.reporting.tables import Heading, Table

COSTS = ("complexity.macs", "latency.per_frame")
LETTERS = 76
"""Of the titles of all panels side by side."""


def field_figure(table: Table) -> Figure | None:
    """Accuracy by row, and beside it its MACs and its times, one panel a cost and device.

    In a panel of costs the rows of its front are marked, in that of accuracy those of any front. A dotted line stands
    at the reference row.
    """
    accuracy = table.trained()
    if accuracy is None:
        return None
    costs = [heading for heading in table.headings if heading.column.quantity in COSTS]
    panels = [(cost, points) for cost in costs if (points := measured_points(table, accuracy, cost))]
    if not panels:
        return None
    accuracies = {point.name: point for _, points in panels for point in points}
    sign = 1 if accuracy.quantity.better == "lower" else -1
    names = sorted(accuracies, key=lambda name: sign * accuracies[name].y)
    figure = new_figure(7.2, 1.7 + 0.185 * len(names))
    axes = figure.subplots(1, 1 + len(panels), sharey=True)
    for axis in axes:
        set_rows(axis, [row_labels(table)[name] for name in names])
    beats, kept = beyond_noise(table, accuracy), set[str]()
    for axis, (cost, points) in zip(axes[1:], panels, strict=True):
        kept |= _costs(axis, table, cost, points, names, beats, LETTERS // len(axes))
    for place, point in enumerate(map(accuracies.__getitem__, names)):
        if not isnan(point.low):
            lengths = error_lengths(point.y, point.low, point.high)
            axes[0].errorbar(point.y, place, xerr=lengths, fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5)
        axes[0].plot(point.y, place, **KEPT if point.name in kept else BEATEN)
    axes[0].set_xlabel(axis_label(accuracy.quantity))
    _cross(axes[0], table, {point.name: point.y for point in accuracies.values()})
    figure.legend(handles=front_handles(), loc="outside lower center", ncol=2, frameon=False, fontsize=8)
    what = f"{accuracy.quantity.title} and what it costs, the most accurate row on top"
    entitle(figure, table, what, setting(table, accuracy))
    return figure


def _costs(
    axis: Axes, table: Table, cost: Heading, points: list[Point], names: list[str], beats: Beats, letters: int
) -> set[str]:
    """Draws a panel of costs, whose title has lines of so many letters, and returns the names on its front."""
    kept = front(points, beats)
    set_cost_scale(axis, [point.x for point in points])
    for point in points:
        axis.plot(point.x, names.index(point.name), **KEPT if point.name in kept else BEATEN)
    _cross(axis, table, {point.name: point.x for point in points})
    axis.set_xlabel(axis_label(cost.quantity))
    where = "counted at the paper's scale" if cost.column.measurement == "complexity" else timed(table, cost)
    possible = sum(bool(row.model) for row in table.plan.suite.rows)
    axis.set_title(wrapped(where + missing(points, possible), letters))
    return kept


def _cross(axis: Axes, table: Table, values: dict[str, float]) -> None:
    """A dotted line at the reference row, where it has a number."""
    reference = table.plan.suite.reference
    if reference in values:
        axis.axvline(values[reference], linestyle=":", color="#666666", linewidth=0.9, zorder=1)
