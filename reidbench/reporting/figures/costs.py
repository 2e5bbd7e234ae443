"""The figures of cost against cost: time as a function of operations, and the paper's formula over alpha."""

from __future__ import annotations

from math import ceil, inf, isinf
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.measurements.formula import pixel_share
from reidbench.reporting.figures.style import (
    MARKERS,
    OKABE_ITO,
    axis_label,
    entitle,
    error_lengths,
    new_figure,
    setting,
    shown_values,
    timed,
)
from reidbench.reporting.labels import place_labels
from reidbench.reporting.tables import Heading, Table, heading_of


def overhead_figure(table: Table) -> Figure | None:
    """Latency against MACs, one panel a setting, with the time that the reference row's MACs would foretell."""
    macs = heading_of(table, "complexity.macs")
    panels = [h for h in table.headings if h.column.quantity == "latency.latency" and table.fresh(h)]
    if macs is None or not panels:
        return None
    columns = min(2, len(panels))
    figure = new_figure(3.6 * columns, 3.0 * ceil(len(panels) / columns) + 0.3)
    axes = list(figure.subplots(ceil(len(panels) / columns), columns, squeeze=False).flat)
    marks = [_time_against_macs(axis, table, macs, heading) for axis, heading in zip(axes, panels, strict=False)]
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    entitle(figure, table, "time against operations, median and 95 % interval")
    for axis, (labels, bars, line) in zip(axes, marks, strict=False):
        place_labels(axis, labels, bars, [line])
    return figure


def formula_figure(table: Table) -> Figure | None:
    """Cost relative to Base-B over alpha: the formula as a line, counted MACs hollow, latency filled."""
    counted = heading_of(table, "formula.counted")
    if counted is None or not table.fresh(counted):
        return None
    ratios = [h for h in table.headings if h.column.quantity == "latency.ratio" and table.fresh(h)]
    families = {"two-branch": _by_alpha(table, ""), "BiCnet-TKS": _by_alpha(table, "bicnet_tks")}
    finite = [alpha for rows in families.values() for alpha in rows if not isinf(alpha)]
    end = max(finite, default=0) + 1.5
    figure = new_figure(7.2, 4.0)
    axis = figure.subplots()
    alphas = np.linspace(0, max(finite, default=0), 200)
    axis.plot(alphas, [pixel_share({"alpha": a}) for a in alphas], color="black", linewidth=1, label="formula")
    for i, (family, rows) in enumerate(families.items()):
        shift = 0.07 * (2 * i - 1)
        style: dict[str, Any] = {"linestyle": "none", "markersize": 6, "marker": MARKERS[i], "color": OKABE_ITO[i]}
        _relative_points(axis, table, counted, rows, end, shift, f"{family}: MACs", style | {"mfc": "white"})
        for heading in ratios:
            label = f"{family}: latency, {setting(table, heading)}"
            _relative_points(axis, table, heading, rows, end, shift, label, style)
            shift *= 2
    axis.set_xticks([*sorted(set(finite)), end], [*(f"{alpha:g}" for alpha in sorted(set(finite))), "\N{INFINITY}"])
    axis.plot(end, pixel_share({"shrink": (2,)}), "_", color="black", markersize=14)
    axis.set(
        xlabel="alpha (small frames for each big one)", ylabel="cost of a frame, relative to Base-B", ylim=(0, None)
    )
    axis.grid(True, axis="y", color="#DDDDDD", linewidth=0.5)
    axis.legend(frameon=False, fontsize=8)
    entitle(figure, table, "cost over alpha, by formula, counted and measured")
    return figure


def _time_against_macs(axis: Axes, table: Table, macs: Heading, heading: Heading) -> tuple[list[Any], ...]:
    """Draws one panel and returns its labels, error bars and line: names are placed once the layout is final."""
    rows = [row for row in table.plan.suite.rows if row.name in table.fresh(macs) and row.name in table.fresh(heading)]
    labels, bars, line = [], [], []
    for i, row in enumerate(rows):
        # A latency is a clip's, the MACs are a frame's.
        x = table.fresh(macs)[row.name][0].value * macs.quantity.scale * row.frames
        y, low, high = shown_values(table.fresh(heading)[row.name][0], heading.quantity)
        lengths = error_lengths(y, low, high)
        axis.errorbar(x, y, lengths, fmt="none", ecolor="black", elinewidth=0.9, capsize=2.5, zorder=2)
        axis.plot(x, y, MARKERS[i % len(MARKERS)], color=OKABE_ITO[i % 7], ms=6, zorder=3)
        labels.append((row.name, x, y))
        bars.append((x, low, high))
        if row.name == table.plan.suite.reference:
            line = [(0.0, 0.0), (x, y)]
            axis.plot([0, x], [0, y], "--", color="#666666", linewidth=0.9, zorder=1, label="in proportion to MACs")
    axis.set(title=timed(table, heading), xlabel="MACs per clip (G)", ylabel=axis_label(heading.quantity))
    axis.set(xlim=(0, 1.25 * axis.dataLim.x1), ylim=(0, 1.2 * axis.dataLim.y1))
    axis.grid(True, color="#DDDDDD", linewidth=0.5)
    axis.set_axisbelow(True)
    axis.legend(loc="upper left", frameon=False, fontsize=8)
    return labels, bars, line


def _by_alpha(table: Table, model: str) -> dict[float, str]:
    """Rows by their alpha: those of one model, or without one Base-B (0), the two-branch rows and Base-S (infinite)."""
    found: dict[float, str] = {}
    for row in table.plan.suite.rows:
        if row.model == (model or "two_branch"):
            found[float(row.options.get("alpha", 3))] = row.name
        elif row.model == "baseline" and not model:
            found[inf if row.options.get("shrink") == (2,) else 0.0] = row.name
    return found


def _relative_points(
    axis: Axes, table: Table, heading: Heading, rows: dict[float, str], end: float, shift: float, label: str, style: Any
) -> None:
    fresh = table.fresh(heading)
    shown = {(end if isinf(a) else a) + shift: fresh[name][0] for a, name in rows.items() if name in fresh}
    if not shown:
        return
    values = np.array([shown_values(known, heading.quantity) for known in shown.values()])
    lengths = error_lengths(values[:, 0], values[:, 1], values[:, 2])
    axis.errorbar(list(shown), values[:, 0], lengths, label=label, elinewidth=0.9, capsize=2.5, **style)
