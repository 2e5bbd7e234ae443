"""Where the time of a whole tracklet goes: a bar a row, a part of it a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.style import (
    HATCHES,
    OKABE_ITO,
    OWN_SCALES,
    WHISKERS,
    axis_label,
    entitle,
    error_lengths,
    grid,
    page_figure,
    rounds,
    row_labels,
    shown_values,
    timed,
)
from reidbench.reporting.tables.table import Heading, Table

STAGES = ("decode", "clips", "network", "pooling", "search")
NETWORK = "network"
"""The stage beside which the others can hardly be seen."""


def end_to_end_figure(table: Table) -> Figure | None:
    """The stages of every row in one bar, a line of panels a setting; at its end the median of the whole.

    To the right the same without the network, on a scale of its own.
    """
    wholes = [h for h in table.headings if h.column.quantity == "end_to_end.total" and table.fresh(h)]
    panels = {whole.index: _stages(table, whole) for whole in wholes}
    wholes = [whole for whole in wholes if panels[whole.index]]
    if not wholes:
        return None
    rows = len(table.plan.suite.rows)
    figure = page_figure(len(wholes) * (0.27 * rows + 0.9) + 0.8)
    axes = figure.subplots(len(wholes), 2, squeeze=False, sharey="row", width_ratios=(1.7, 1))
    for (left, right), whole in zip(axes, wholes, strict=True):
        stages, names = panels[whole.index], list(table.fresh(whole))
        _whole(left, table, whole, _stack(left, table, names, stages))
        rest = {stage: heading for stage, heading in stages.items() if stage != NETWORK}
        _rest(right, names, _stack(right, table, names, rest))
        right.set_xlabel(axis_label(replace(whole.quantity, title="All but the network")))
        left.set_yticks(range(len(names)), [row_labels(table)[name] for name in names])
        left.set_ylim(len(names) - 0.5, -0.5)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=len(labels), frameon=False, fontsize=8)
    detail = "; ".join([f"{WHISKERS} over {rounds(table, wholes)}", OWN_SCALES])
    entitle(figure, table, "where the time of a tracklet goes", detail)
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


def _stack(axis: Axes, table: Table, names: Sequence[str], stages: Mapping[str, Heading]) -> np.ndarray:
    """Draws the stages of each row one after the other and returns where they end, in the unit shown."""
    ends = np.zeros(len(names))
    for stage, heading in stages.items():
        known, i = table.fresh(heading), STAGES.index(stage)
        widths = np.array([shown_values(known[name][0], heading.quantity)[0] if name in known else 0 for name in names])
        look: Any = {"color": OKABE_ITO[i], "hatch": HATCHES[i], "edgecolor": "white", "linewidth": 0.3}
        axis.barh(range(len(names)), widths, 0.66, left=ends, label=heading.quantity.title.lower(), **look)
        ends += widths
    grid(axis, "x")
    return ends


def _whole(axis: Axes, table: Table, whole: Heading, ends: np.ndarray) -> None:
    """The medians of the whole with their intervals over the stages, and the ratios."""
    ratios = _alongside(table, whole).get("end_to_end.ratio")
    for place, (name, (known, _)) in enumerate(table.fresh(whole).items()):
        value, low, high = shown_values(known, whole.quantity)
        axis.errorbar(value, place, xerr=error_lengths(value, low, high), fmt="none", ecolor="black", capsize=2.5)
        text = f"{value:.0f} ms"
        if ratios is not None and name in table.fresh(ratios):
            text += f", x {table.fresh(ratios)[name][0].value:.2f}"
        right = max(ends[place], value if np.isnan(high) else high)
        axis.annotate(text, (right, place), (5, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set(xlabel=axis_label(whole.quantity), title=timed(table, whole))
    axis.set_xlim(0, 1.5 * axis.dataLim.x1)


def _rest(axis: Axes, names: Sequence[str], ends: np.ndarray) -> None:
    """The sums at the ends of the bars without the network."""
    for place in range(len(names)):
        text = f"{ends[place]:.1f} ms"
        axis.annotate(text, (ends[place], place), (5, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_xlim(0, 1.4 * max(ends))
