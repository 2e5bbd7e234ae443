"""Accuracy as a function of one controlled factor of the data, a panel a factor."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.style import (
    MARKERS,
    OKABE_ITO,
    axis_label,
    error_lengths,
    new_figure,
    setting,
    settle,
    shown_values,
    title,
)
from reidbench.reporting.tables import Heading, Table, lookalike_floor

DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))


def stress_figure(table: Table) -> Figure | None:
    """The first quantity of the suite over the levels of each factor (`Column.level`), a line a row."""
    factors: dict[str, list[Heading]] = {}
    for heading in table.headings:
        if heading.column.level[0] and table.fresh(heading):
            factors.setdefault(heading.column.level[0], []).append(heading)
    if not factors:
        return None
    columns = min(3, len(factors) + 1)
    lines = ceil((len(factors) + 1) / columns)
    figure = new_figure(2.5 * columns, 2.5 * lines + 0.4)
    axes = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    for axis, (factor, headings) in zip(axes, factors.items(), strict=False):
        _panel(axis, table, factor, headings)
    for axis in axes[len(factors) :]:
        axis.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    axes[len(factors)].legend(handles, labels, loc="center left", frameon=False, fontsize=8)
    first = next(iter(factors.values()))[0]
    figure.suptitle(title(table, f"one factor at a time, 95 % intervals\n({setting(table, first)})"), fontsize=10)
    settle(figure)
    return figure


def _panel(axis: Axes, table: Table, factor: str, headings: list[Heading]) -> None:
    headings = sorted(headings, key=lambda heading: heading.column.level[1])
    quantity = headings[0].quantity
    levels = [heading.column.level[1] for heading in headings]
    rows = [row.name for row in table.plan.suite.rows]
    for i, name in enumerate(rows):
        shown = [(place, table.fresh(h)[name][0]) for place, h in enumerate(headings) if name in table.fresh(h)]
        if not shown:
            continue
        values = np.array([shown_values(known, quantity) for _, known in shown])
        places = np.array([place for place, _ in shown]) + 0.05 * (i - (len(rows) - 1) / 2)
        lengths = error_lengths(values[:, 0], values[:, 1], values[:, 2])
        style: Any = {"color": OKABE_ITO[i % 7], "marker": MARKERS[i % len(MARKERS)]}
        style["linestyle"] = DASHES[i % len(DASHES)]
        axis.errorbar(places, values[:, 0], lengths, label=name, markersize=4, linewidth=1, elinewidth=0.6, **style)
    floors = [lookalike_floor(table, heading) for heading in headings]
    marked = [(place, floor * quantity.scale) for place, floor in enumerate(floors) if floor is not None]
    for i, (place, level) in enumerate(marked):
        label = "no look-alike told apart" if i == 0 else None
        axis.plot([place - 0.3, place + 0.3], [level, level], color="black", linewidth=2, label=label)
    axis.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axis.set(xlabel=factor, ylabel=axis_label(quantity), ylim=(0, 100))
    axis.label_outer(remove_inner_ticks=False)
    axis.tick_params(labelbottom=True)
    axis.set_xlabel(factor)
    axis.grid(True, axis="y", color="#DDDDDD", linewidth=0.5)
