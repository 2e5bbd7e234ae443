"""The figure of times: a bar for each row, with its ratio to the reference row."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.needs import is_time
from reidbench.reporting.figures.style import (
    OKABE_ITO,
    axis_label,
    comparable_times,
    entitle,
    error_lengths,
    new_figure,
    reach,
    row_labels,
    shown_values,
    timed,
)
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Quantity
from reidbench.statistics import Estimate


def latency_figure(table: Table) -> Figure | None:
    """The median latency of each row with its interval, and its ratio to the reference row; one panel a device.

    Times are those of a clip, but of a frame where the clips of the rows differ in length.
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
    figure = new_figure(7.2, len(panels) * (0.85 + 0.22 * len(rows)) + 0.5)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (heading, quantity, shown) in zip(axes, panels.values(), strict=True):
        _bars(axis, table, heading, quantity, shown, rows)
    entitle(figure, table, "latency, median and 95 % interval")
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
    axis.set_xlim(0, max(reach(known, quantity) for known in shown.values()) * 1.45)
    axis.set_xlabel(axis_label(quantity))
    axis.set_title(timed(table, heading))


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
