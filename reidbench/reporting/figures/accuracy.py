"""The figure of accuracy against cost: a line a row, the cheapest on top, so that rows of one cost stand apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    OTHER_SCALE,
    SEED,
    axis_label,
    entitle,
    error_lengths,
    marks,
    new_figure,
    published_title,
    row_labels,
    setting,
    wrapped,
)
from reidbench.reporting.tables.matching import as_number, printed_value
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Quantity

COSTS = ("macs", "gflops")
"""What cost is taken by, the first that the table has: a count of GFLOPs may miss operations."""

MEASURED, PUBLISHED = 47, 40
"""Letters of a title that fit the panels of accuracy, less `PER_LETTER` for each of the longest name beside them."""
PER_LETTER = 0.6


def accuracy_figure(table: Table) -> Figure | None:
    """Cost and accuracy side by side by rising cost; published values hollow, their accuracy in a panel of its own."""
    accuracy = table.trained()
    counted = {h.column.field: h for h in table.headings if h.column.measurement == "complexity" and table.fresh(h)}
    cost = next((counted[field] for field in COSTS if field in counted), None)
    if accuracy is None or cost is None or not (measured := measured_points(table, accuracy, cost)):
        return None
    printed = next((heading for heading in counted.values() if heading.column.published == "gflops"), None)
    published = _published_points(table, accuracy, printed) if printed else []
    costs = {point.name: point.x for point in [*published, *measured]}
    names = sorted((row.name for row in table.plan.suite.rows if row.name in costs), key=costs.__getitem__)
    figure = new_figure(7.2, 1.8 + 0.28 * max(3, len(names)))
    widths = (1, 1.7, 1.3)[: 3 if published else 2]
    axes = figure.subplots(1, len(widths), squeeze=False, sharey=True, width_ratios=widths)[0]
    rows, beside = table.plan.suite.rows, min(20, round(PER_LETTER * max(map(len, names))))
    for axis in axes:
        set_rows(axis, [row_labels(table)[name] for name in names])
    better = is_better(accuracy)
    stands = standings(measured, beyond_noise(table, accuracy), better)
    _costs(axes[0], names, measured, {point.name: point.x for point in published}, stands, cost.quantity)
    if published:
        axes[0].set_xlabel(f"{axes[0].get_xlabel()}\nupright: published GFLOPs")
    axes[0].set_title("counted at the\npaper's scale")
    _accuracies(axes[1], names, measured, stands)
    about = f"measured: {setting(table, accuracy)}{missing(measured, sum(bool(row.model) for row in rows))}"
    axes[1].set_title(wrapped(about, MEASURED - beside))
    if published:
        _accuracies(axes[2], names, published, standings(published, better, better), hollow=True)
        possible = sum(bool(row.publication(accuracy.column.published)) for row in rows)
        about = f"{published_title(table, accuracy.column)}\n({OTHER_SCALE}, all differences count)"
        axes[2].set_title(wrapped(about + missing(published, possible), PUBLISHED - beside))
    for axis in axes[1:]:
        axis.set_xlabel(axis_label(accuracy.quantity))
    figure.legend(handles=front_handles(table), loc="outside lower center", ncol=3, frameon=False, fontsize=8)
    entitle(figure, table, f"{accuracy.quantity.title} against cost, the cheapest row on top", marks(table, [accuracy]))
    return figure


def _published_points(table: Table, accuracy: Heading, cost: Heading) -> list[Point]:
    points = []
    for row in table.plan.suite.rows:
        x, y = (as_number(printed_value(row, heading.column)) for heading in (cost, accuracy))
        if x is not None and y is not None:
            points.append(Point(row.name, x, y))
    return points


def _costs(
    axis: Axes,
    names: Sequence[str],
    measured: Sequence[Point],
    published: Mapping[str, float],
    stands: Mapping[str, int],
    quantity: Quantity,
) -> None:
    """The counted costs with their values, and upright strokes at the published ones."""
    costs = [*(point.x for point in measured), *published.values()]
    set_cost_scale(axis, costs, axis_label(quantity), room=1.6)
    for name, x in published.items():
        axis.plot(x, names.index(name), "|", color="black", ms=13, mew=1.2, zorder=4)
    for point in measured:
        place = names.index(point.name)
        axis.plot(point.x, place, **MARKS[stands[point.name]])
        right = max(point.x, published.get(point.name, point.x))
        text = f"{point.x:.{quantity.digits}f}"
        axis.annotate(text, (right, place), (6, 0), textcoords="offset points", va="center", fontsize=8)


def _accuracies(
    axis: Axes, names: Sequence[str], points: Sequence[Point], stands: Mapping[str, int], *, hollow: bool = False
) -> None:
    """A mark a row with its interval, and below it its seeds."""
    for point in points:
        place = names.index(point.name)
        if not isnan(point.low):
            lengths = error_lengths(point.y, point.low, point.high)
            axis.errorbar(point.y, place, xerr=lengths, fmt="none", ecolor="black", elinewidth=0.9, capsize=2.5)
        axis.plot(point.y, place, **MARKS[stands[point.name]] | ({"mfc": "white"} if hollow else {}))
        axis.plot(point.seeds, [place + 0.3] * len(point.seeds), **SEED)
