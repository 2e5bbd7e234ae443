"""Where the time of a whole tracklet goes: a bar a row, a part of it a stage."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.style import (
    HATCHES,
    OKABE_ITO,
    axis_label,
    entitle,
    error_lengths,
    new_figure,
    shown_values,
    timed,
)
from reidbench.reporting.tables import Heading, Table

STAGES = ("decode", "clips", "network", "pooling", "search")


def end_to_end_figure(table: Table) -> Figure | None:
    """The stages of every row in one bar, a panel a setting; at its end the median of the whole with its interval."""
    wholes = [h for h in table.headings if h.column.quantity == "end_to_end.total" and table.fresh(h)]
    panels = {whole.index: _stages(table, whole) for whole in wholes}
    wholes = [whole for whole in wholes if panels[whole.index]]
    if not wholes:
        return None
    rows = len(table.plan.suite.rows)
    figure = new_figure(7.2, len(wholes) * (0.38 * rows + 0.9) + 0.8)
    axes = figure.subplots(len(wholes), 1, squeeze=False)[:, 0]
    for axis, whole in zip(axes, wholes, strict=True):
        _panel(axis, table, whole, panels[whole.index])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=len(labels), frameon=False, fontsize=8)
    entitle(figure, table, "a whole tracklet, from JPEGs to the nearest of a gallery")
    return figure


def _stages(table: Table, whole: Heading) -> dict[str, Heading]:
    """The columns of the stages, where all of them were measured as the whole was."""
    known = _alongside(table, whole)
    names = {stage: f"end_to_end.{stage}" for stage in STAGES}
    return {stage: known[name] for stage, name in names.items()} if set(names.values()) <= set(known) else {}


def _alongside(table: Table, whole: Heading) -> dict[str, Heading]:
    """The columns with fresh values that have the settings of another, by quantity."""
    same = (h for h in table.headings if h.column.settings == whole.column.settings and table.fresh(h))
    return {heading.column.quantity: heading for heading in same}


def _panel(axis: Axes, table: Table, whole: Heading, stages: dict[str, Heading]) -> None:
    totals, ratios = table.fresh(whole), _alongside(table, whole).get("end_to_end.ratio")
    places, ends = np.arange(len(totals))[::-1], np.zeros(len(totals))
    for i, stage in enumerate(STAGES):
        known = table.fresh(stages[stage])
        widths = np.array([shown_values(known[name][0], whole.quantity)[0] if name in known else 0 for name in totals])
        look: Any = {"color": OKABE_ITO[i], "hatch": HATCHES[i], "edgecolor": "white", "linewidth": 0.3}
        axis.barh(places, widths, 0.66, left=ends, label=stages[stage].quantity.title.lower(), **look)
        ends += widths
    for place, end, (name, (known_total, _)) in zip(places, ends, totals.items(), strict=True):
        value, low, high = shown_values(known_total, whole.quantity)
        axis.errorbar(value, place, xerr=error_lengths(value, low, high), fmt="none", ecolor="black", capsize=2.5)
        text = f"{value:.0f} ms"
        if ratios is not None and name in table.fresh(ratios):
            text += f", x {table.fresh(ratios)[name][0].value:.2f}"
        right = max(end, value if np.isnan(high) else high)
        axis.annotate(text, (right, place), (5, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_yticks(places, list(totals))
    axis.set(xlabel=axis_label(whole.quantity), title=timed(table, whole))
    axis.set_xlim(0, 1.3 * axis.dataLim.x1)
    axis.grid(True, axis="x", color="#DDDDDD", linewidth=0.5)
    axis.set_axisbelow(True)
