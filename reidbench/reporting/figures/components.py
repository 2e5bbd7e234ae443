"""Every combination of components, in the manner of an UpSet plot, with each one's gain and cost beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reidbench.reporting.figures.style import (
    HATCHES,
    OKABE_ITO,
    WHISKERS,
    axis_label,
    entitle,
    marks,
    new_figure,
    over_bar,
    seed_values,
    setting,
    shown_arrays,
    wrapped,
)
from reidbench.reporting.findings.differences import DIFFERENCE
from reidbench.reporting.tables.components import PARTS, Effect, combinations, effects
from reidbench.reporting.tables.table import Heading, Table, heading_of

PANELS = ("accuracy.mAP", "accuracy.mAP_emblem", "accuracy.mAP_tempo", "complexity.macs", "latency.ratio")
"""Whose effects stand to the right, where the suite has them."""

LETTERS = 60
"""Of a line of small print over the left half."""


def components_figure(table: Table) -> Figure | None:
    """Left: accuracy of each combination over a matrix of its components, after the reference row where that is none.

    Right: what each component adds.
    """
    accuracy = table.trained()
    held = combinations(table)
    panels = [found for quantity in PANELS if (found := heading_of(table, quantity)) and effects(table, found)]
    if accuracy is None or not panels or not any(name in table.fresh(accuracy) for name in held):
        return None
    figure = new_figure(7.2, max(4.4, 0.95 * len(panels) + 0.6))
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    left, right = halves
    bars, matrix = left.subplots(2, 1, sharex=True, height_ratios=(2.6, 1))
    _combinations(bars, matrix, table, accuracy, held)
    for axis, heading in zip(np.atleast_1d(right.subplots(len(panels), 1)), panels, strict=True):
        _effects(axis, table, heading, effects(table, heading))
    right.suptitle(f"with a component minus without it\n({WHISKERS}; pp: percentage points)", fontsize=9)
    left.suptitle(
        f"each combination\n({setting(table, accuracy)};\n{wrapped(marks(table, [accuracy]), LETTERS)})", fontsize=9
    )
    entitle(figure, table, "what each component adds")
    return figure


def _combinations(bars: Axes, matrix: Axes, table: Table, accuracy: Heading, held: dict[str, frozenset[str]]) -> None:
    fresh = table.fresh(accuracy)
    reference = [table.plan.suite.reference] if table.plan.suite.reference not in held else []
    names = [name for name in (*reference, *held) if name in fresh]
    values, lengths = shown_arrays((fresh[name][0] for name in names), accuracy.quantity)
    places = np.arange(len(names))
    colours = [OKABE_ITO[5] if name in held else "#BBBBBB" for name in names]
    hatches = [HATCHES[0] if name in held else HATCHES[1] for name in names]
    bars.bar(places, values, 0.6, color=colours, hatch=hatches, edgecolor="black", linewidth=0.6)
    bars.errorbar(places, values, lengths, fmt="none", ecolor="black", elinewidth=0.9, capsize=2.5)
    for place, name in enumerate(names):
        over_bar(bars, place, 0.6, seed_values(accuracy.quantity, fresh[name][1]))
    bars.tick_params(axis="x", length=0)
    bars.set_ylabel(axis_label(accuracy.quantity))
    bars.set_ylim(bottom=0)
    for height, part in enumerate(PARTS):
        matrix.axhspan(height - 0.5, height + 0.5, color="#F2F2F2" if height % 2 else "white", zorder=0)
        possible = [place for place, name in enumerate(names) if name in held]
        matrix.plot(possible, [height] * len(possible), "o", color="#CCCCCC", ms=7, zorder=1)
        there = [place for place in possible if part in held[names[place]]]
        matrix.plot(there, [height] * len(there), "o", color="black", ms=7, zorder=3)
    for place, name in enumerate(names):
        rows = [height for height, part in enumerate(PARTS) if part in held.get(name, ())]
        if rows:
            matrix.plot([place, place], [min(rows), max(rows)], color="black", linewidth=1.5, zorder=2)
    matrix.set_yticks(range(len(PARTS)), list(PARTS))
    matrix.set_ylim(len(PARTS) - 0.5, -0.5)
    apart = [place for place, name in enumerate(names) if name not in held]
    matrix.set_xticks(apart, [names[place].replace(" ", "\n") for place in apart])
    for side in matrix.spines.values():
        side.set_visible(False)
    matrix.tick_params(length=0)


def _effects(axis: Axes, table: Table, heading: Heading, found: Sequence[Effect]) -> None:
    quantity = heading.quantity
    values, lengths = shown_arrays((effect.difference for effect in found), quantity)
    places = np.arange(len(found))
    colour, hatch = (OKABE_ITO[2], "") if heading.training else (OKABE_ITO[4], HATCHES[1])
    axis.barh(places, values, 0.55, color=colour, hatch=hatch, edgecolor="black", linewidth=0.6)
    axis.errorbar(values, places, xerr=lengths, fmt="none", ecolor="black", elinewidth=0.9, capsize=2.5)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(places, [effect.part for effect in found])
    axis.invert_yaxis()
    axis.margins(x=0.1)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    shown = replace(quantity, unit=DIFFERENCE) if quantity.unit == "%" else quantity
    axis.set_title(f"{axis_label(shown)}{'' if heading.training else ', ' + where(table, heading)}", loc="left")


def where(table: Table, heading: Heading) -> str:
    """What a cost was measured on, "counted" for one that was not timed."""
    return setting(table, heading) if "device" in heading.settings else "counted"
