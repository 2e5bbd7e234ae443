"""What scoring takes over the size of the gallery: time and memory, a line a row."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.style import (
    DASHES,
    MARKERS,
    OKABE_ITO,
    axis_label,
    entitle,
    grid,
    new_figure,
    row_labels,
    setting,
    shown_arrays,
)
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Record

PANELS = ("scoring.query", "scoring.added")


def scale_figure(table: Table) -> Figure | None:
    """The time of a query and the memory added over the levels of `gallery` (`Column.level`), both axes logarithmic."""
    panels = {
        quantity: [h for h in table.headings if h.column.quantity == quantity and h.column.level[0] and table.fresh(h)]
        for quantity in PANELS
    }
    panels = {quantity: headings for quantity, headings in panels.items() if headings}
    if not panels:
        return None
    figure = new_figure(3.6 * len(panels), 3.6)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, headings in zip(axes, panels.values(), strict=True):
        _panel(axis, table, sorted(headings, key=lambda heading: heading.column.level[1]))
    known = {label: line for axis in axes for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncol=3, frameon=False, fontsize=8)
    first = next(iter(panels.values()))[0]
    detail = [setting(table, first)]
    if not any(_bounded(table, heading) for headings in panels.values() for heading in headings):
        detail.append("medians of few readings, no intervals")
    entitle(figure, table, "time and memory of scoring", "; ".join(detail))
    return figure


def _bounded(table: Table, heading: Heading) -> bool:
    return any(not isnan(known.low) for known, _ in table.fresh(heading).values())


def _label(table: Table, name: str, records: Sequence[Record]) -> str:
    """A row with the length of its feature, which is all that its cost depends on."""
    length = records[0].context.get("dimension")
    return row_labels(table)[name] + (f" ({length:.0f} numbers)" if length else "")


def _panel(axis: Axes, table: Table, headings: list[Heading]) -> None:
    quantity, sizes = headings[0].quantity, [heading.column.level[1] for heading in headings]
    highest, sets = 0.0, []
    for i, row in enumerate(table.plan.suite.rows):
        shown = [(h.column.level[1], table.fresh(h)[row.name][0]) for h in headings if row.name in table.fresh(h)]
        if not shown:
            continue
        values, lengths = shown_arrays((known for _, known in shown), quantity)
        colour, marker, dash = OKABE_ITO[i % 7], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)]
        known = [size for size, _ in shown]
        look: Any = {"color": colour, "marker": marker, "linestyle": dash, "markersize": 5, "linewidth": 1}
        records = next(table.fresh(heading)[row.name][1] for heading in headings if row.name in table.fresh(heading))
        axis.plot(known, values, label=_label(table, row.name, records), **look)
        if lengths.any():
            axis.errorbar(known, values, lengths, fmt="none", ecolor=colour, elinewidth=0.8, capsize=2.5)
        highest = max(highest, float(values.max()))
        sets.append((known[-1], float(values[-1])))
    axis.set(xlabel="entries of the gallery, log scale", ylabel=axis_label(quantity), xscale="log")
    axis.set_xticks(sizes, [f"{size / 1e6:g}M" if size >= 1e6 else f"{size / 1000:g}k" for size in sizes])
    axis.set_xticks([], minor=True)
    if quantity.unit == "MB":
        axis.set_ylim(0, 1.3 * highest)
    else:
        axis.set_yscale("log")
        axis.set_ylabel(f"{axis_label(quantity)}, log scale")
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.yaxis.set_minor_formatter(lambda value, _: "")
        ends = np.array([min(sizes), max(sizes)])
        for i, (size, value) in enumerate(sets):
            label = None if i else "in proportion, through the last point"
            axis.plot(ends, value * ends / size, color="#888888", linewidth=0.8, label=label, zorder=1)
    grid(axis)
