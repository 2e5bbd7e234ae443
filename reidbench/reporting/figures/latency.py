"""The figure of times: a bar for each row, with its ratio to the reference row."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.needs import is_time
from reidbench.reporting.figures.style import (
    OKABE_ITO,
    OWN_SCALES,
    TALLEST,
    TITLE,
    WIDTH,
    axis_label,
    comparable_times,
    entitle,
    error_lengths,
    page_figure,
    reach,
    rounds,
    row_labels,
    shown_values,
    timed,
    wrapped,
)
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Quantity
from reidbench.statistics import Estimate

HEAD = 0.5
"""Inches for the title."""

ROOM = {1: 1.45, 2: 2.0}
"""Where an axis ends, in longest bars, so that the text beside these fits: by how many panels stand side by side."""


def latency_figure(table: Table) -> Figure | None:
    """The median latency of each row with its interval, and its ratio to the reference row; one panel a setting.

    Panels stand in two columns where the figure would else be higher than a page has room for. Times are those
    of a clip, but of a frame where the clips of the rows differ in length.
    """
    columns = [heading for heading in table.headings if is_time(heading.column)]
    # A table that has the times of clips and of frames may show those of frames twice.
    panels = {
        (quantity.title, repr(heading.settings)): (heading, quantity, shown)
        for heading, (quantity, shown) in ((heading, comparable_times(table, heading)) for heading in columns)
        if shown
    }
    if not panels:
        return None
    # A row that only a publication has values for has no time here.
    rows = [row.name for row in table.plan.suite.rows if row.model]
    panel = 0.85 + 0.22 * len(rows)
    across = 1 if len(panels) * panel + HEAD <= TALLEST * WIDTH else 2
    lines = ceil(len(panels) / across)
    figure = page_figure(lines * panel + HEAD)
    axes = list(figure.subplots(lines, across, squeeze=False, sharey=True).flat)
    for axis, (heading, quantity, shown) in zip(axes, panels.values(), strict=False):
        _bars(axis, table, heading, quantity, shown, rows)
        axis.set_xlim(0, max(reach(known, quantity) for known in shown.values()) * ROOM[across])
        axis.set_title(wrapped(timed(table, heading), TITLE // across))
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    over = rounds(table, (heading for heading, _, _ in panels.values()))
    detail = "; ".join([f"over {over}", *([OWN_SCALES] if len(panels) > 1 else [])])
    entitle(figure, table, "latency, median and 95 % interval", detail)
    return figure


def _bars(
    axis: Axes, table: Table, heading: Heading, quantity: Quantity, shown: dict[str, Estimate], rows: Sequence[str]
) -> None:
    ratios = _ratios(table, heading)
    for place, name in enumerate(rows):
        if name not in shown:
            axis.text(0, place, f" {table.column(heading)[name].state}", va="center", fontsize=8, style="italic")
            continue
        value, low, high = shown_values(shown[name], quantity)
        reference = name == table.plan.suite.reference
        colour, hatch = ("#BBBBBB", "///") if reference else (OKABE_ITO[5], "")
        axis.barh(place, value, 0.62, color=colour, hatch=hatch, edgecolor="black", linewidth=0.6)
        errors = error_lengths(value, low, high)
        axis.errorbar(value, place, xerr=errors, fmt="none", ecolor="black", elinewidth=1, capsize=2.5)
        ratio = "  (reference)" if reference else f"  x {ratios[name]}" if name in ratios else ""
        text = f"  {value:.{quantity.digits}f} {quantity.unit}{ratio}"
        axis.text(reach(shown[name], quantity), place, text, va="center", fontsize=8)
    axis.set_yticks(range(len(rows)), [row_labels(table)[name] for name in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel(axis_label(quantity))


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
