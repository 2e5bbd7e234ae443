"""The figure of a whole field of methods: a line a row, the most accurate on top, with each kind of cost beside it."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.front import (
    MARKS,
    Point,
    beyond_noise,
    front_handles,
    is_better,
    measured_points,
    missing,
    set_cost_scale,
    set_rows,
    standings,
)
from reidbench.reporting.figures.style import (
    SEED,
    axis_label,
    entitle,
    error_lengths,
    marks,
    new_figure,
    row_labels,
    setting,
    timed,
    wrapped,
)
from reidbench.reporting.tables.table import Heading, Table

COSTS = ("complexity.macs", "latency.per_frame")
LETTERS = 76
"""Of the titles of all panels side by side."""
ABOUT_PANELS = "left, marks by any of the costs; dotted: the reference row"


def field_figure(table: Table) -> Figure | None:
    """Accuracy by row, and beside it its MACs and its times, one panel a cost and device.

    Marks tell how a row stands to the front of a panel of costs, in that of accuracy to the front it is nearest to. A
    dotted line stands at the reference row.
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
    figure = new_figure(7.2, 1.7 + 0.2 * max(5, len(names)))
    axes = figure.subplots(1, 1 + len(panels), sharey=True)
    for axis in axes:
        set_rows(axis, [row_labels(table)[name] for name in names])
    beats, nearest = beyond_noise(table, accuracy), dict.fromkeys(names, len(MARKS) - 1)
    for axis, (cost, points) in zip(axes[1:], panels, strict=True):
        stands = standings(points, beats, is_better(accuracy))
        _costs(axis, table, cost, points, names, stands, LETTERS // len(axes))
        nearest |= {name: min(place, nearest[name]) for name, place in stands.items()}
    for place, point in enumerate(map(accuracies.__getitem__, names)):
        if not isnan(point.low):
            lengths = error_lengths(point.y, point.low, point.high)
            axes[0].errorbar(point.y, place, xerr=lengths, fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5)
        axes[0].plot(point.y, place, **MARKS[nearest[point.name]])
        axes[0].plot(point.seeds, [place + 0.28] * len(point.seeds), **SEED)
    axes[0].set_xlabel(axis_label(accuracy.quantity))
    _cross(axes[0], table, {point.name: point.y for point in accuracies.values()})
    figure.legend(handles=front_handles(table), loc="outside lower center", ncol=3, frameon=False, fontsize=8)
    what = f"{accuracy.quantity.title} and what it costs, the most accurate row on top"
    entitle(figure, table, what, f"{setting(table, accuracy)}; {marks(table, [accuracy])}; {ABOUT_PANELS}")
    return figure


def _costs(
    axis: Axes,
    table: Table,
    cost: Heading,
    points: list[Point],
    names: list[str],
    stands: Mapping[str, int],
    letters: int,
) -> None:
    """Draws a panel of costs, whose title has lines of so many letters."""
    set_cost_scale(axis, [point.x for point in points], axis_label(cost.quantity))
    for point in points:
        axis.plot(point.x, names.index(point.name), **MARKS[stands[point.name]])
    _cross(axis, table, {point.name: point.x for point in points})
    where = "counted at the paper's scale" if cost.column.measurement == "complexity" else timed(table, cost)
    possible = sum(bool(row.model) for row in table.plan.suite.rows)
    axis.set_title(wrapped(where + missing(points, possible), letters))


def _cross(axis: Axes, table: Table, values: dict[str, float]) -> None:
    """A dotted line at the reference row, where it has a number."""
    reference = table.plan.suite.reference
    if reference in values:
        axis.axvline(values[reference], linestyle=":", color="#666666", linewidth=0.9, zorder=1)
