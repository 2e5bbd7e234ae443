"""The figures of cost against cost: time as a function of operations, and the paper's formula over alpha."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, inf, isinf, isnan
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.measurements.formula import pixel_share
from reidbench.reporting.figures.style import (
    MARKERS,
    OKABE_ITO,
    WHISKERS,
    entitle,
    error_lengths,
    grid,
    new_figure,
    page_figure,
    rounds,
    row_labels,
    setting,
    shown_arrays,
    shown_values,
)
from reidbench.reporting.tables.table import Heading, Table, heading_of, over_reference


def overhead_figure(table: Table) -> Figure | None:
    """Of each row its MACs and its time of a frame, both relative to the reference row's, one panel a setting."""
    macs = over_reference(table, heading_of(table, "complexity.macs"))
    panels = [h for h in table.headings if h.column.quantity == "latency.ratio" and table.fresh(h)]
    if not macs or not panels:
        return None
    columns = min(2, len(panels))
    lines = ceil(len(panels) / columns)
    figure = page_figure((0.75 + 0.28 * len(macs)) * lines + 0.9)
    axes = list(figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).flat)
    for axis, heading in zip(axes, panels, strict=False):
        _time_and_macs(axis, table, macs, heading)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis in axes[: len(panels)][-columns:]:
        axis.set_xlabel(f"MACs and time of a frame,\n{table.plan.suite.reference} = 1")
    axes[0].set_yticks(range(len(macs)), [row_labels(table)[name] for name in macs])
    axes[0].set_ylim(len(macs) - 0.5, -0.5)
    axes[0].set_xlim(0, None)
    handles, labels = axes[0].get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncol=2, frameon=False, fontsize=8)
    entitle(figure, table, "time against operations", f"{WHISKERS} over {rounds(table, panels)}")
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
    grid(axis, "y", behind=False)
    axis.legend(frameon=False, fontsize=8)
    entitle(figure, table, "cost over alpha, relative to Base-B", f"{WHISKERS} over {rounds(table, ratios)}")
    return figure


def _time_and_macs(axis: Axes, table: Table, macs: Mapping[str, float], heading: Heading) -> None:
    """An upright stroke at a row's share of the reference's MACs, and its share of the time beside it."""
    timed_rows = table.fresh(heading)
    for place, (name, share) in enumerate(macs.items()):
        axis.plot(share, place, "|", color="black", ms=14, mew=1.6, label="MACs", zorder=2)
        if name not in timed_rows:
            continue
        value, low, high = shown_values(timed_rows[name][0], heading.quantity)
        axis.plot([share, value], [place, place], color="#999999", linewidth=1, zorder=1)
        axis.plot(value, place, "o", color=OKABE_ITO[1], ms=3.5, label="time", zorder=3)
        lengths = error_lengths(value, low, high)
        axis.errorbar(value, place, xerr=lengths, fmt="none", ecolor="black", elinewidth=0.9, capsize=3.5, zorder=4)
        end = max(share, value if isnan(high) else high)
        axis.annotate(f"{value:.2f}", (end, place), (6, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_title(setting(table, heading))
    axis.tick_params(labelbottom=True)
    axis.margins(x=0.15)
    grid(axis, "x")


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
    values, lengths = shown_arrays(shown.values(), heading.quantity)
    axis.errorbar(list(shown), values, lengths, label=label, elinewidth=0.9, capsize=2.5, **style)
