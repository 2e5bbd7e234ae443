"""Accuracy as a function of one controlled factor of the data, a panel a factor."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.style import (
    DASHES,
    LOOKALIKES,
    MARKERS,
    OKABE_ITO,
    SEED,
    axis_label,
    entitle,
    grid,
    marks,
    new_figure,
    seed_values,
    setting,
    shown_arrays,
    wrapped,
)
from reidbench.reporting.findings.levels import held_text
from reidbench.reporting.tables.table import Heading, Table, lookalike_floor

LETTERS = 34
"""Of a line below a panel."""


def stress_figure(table: Table) -> Figure | None:
    """The first quantity of the suite over the levels of each factor (`Column.level`), a line a row."""
    factors: dict[str, list[Heading]] = {}
    for heading in table.headings:
        if heading.column.level[0] and table.fresh(heading):
            factors.setdefault(heading.column.level[0], []).append(heading)
    if not factors:
        return None
    columns = {2: 2, 4: 2}.get(len(factors), min(3, len(factors)))
    lines = ceil(len(factors) / columns)
    figure = new_figure(7.2, 2.6 * lines + 1.2)
    axes = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    for axis, (factor, headings) in zip(axes, factors.items(), strict=False):
        _panel(axis, table, factor, headings)
    for axis in axes[len(factors) :]:
        axis.set_axis_off()
    _legend(figure, axes, len(factors))
    first = next(iter(factors.values()))[0]
    what = f"{first.quantity.title} by the level of one factor"
    entitle(
        figure, table, what, f"{setting(table, first)}; {marks(table, (h for each in factors.values() for h in each))}"
    )
    return figure


def _legend(figure: Figure, axes: Sequence[Axes], panels: int) -> None:
    """What the lines are, each once: in the place of a panel that is not there, beside a single one, or below."""
    pairs = [zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes[:panels]]
    known = {label: handle for pair in pairs for handle, label in pair}
    known = {**{name: known[name] for name in known if name != LOOKALIKES}, **known}
    style: Any = {"frameon": False, "fontsize": 8}
    if panels < len(axes):
        axes[panels].legend(known.values(), known.keys(), loc="center left", **style)
    elif panels == 1:
        figure.legend(known.values(), known.keys(), loc="outside right center", **style)
    else:
        figure.legend(known.values(), known.keys(), loc="outside lower center", ncol=3, **style)


def _panel(axis: Axes, table: Table, factor: str, headings: list[Heading]) -> None:
    headings = sorted(headings, key=lambda heading: heading.column.level[1])
    quantity = headings[0].quantity
    levels = [heading.column.level[1] for heading in headings]
    rows = [row.name for row in table.plan.suite.rows]
    at = _places(levels)
    closest = min(np.diff(at), default=1.0)
    for i, name in enumerate(rows):
        shown = [(place, table.fresh(h)[name][0]) for place, h in enumerate(headings) if name in table.fresh(h)]
        if not shown:
            continue
        values, lengths = shown_arrays((known for _, known in shown), quantity)
        side = min(0.05, 0.6 * closest / len(rows)) * (i - (len(rows) - 1) / 2)
        places = np.array([at[place] for place, _ in shown]) + side
        style: Any = {"color": OKABE_ITO[i % 7], "marker": MARKERS[i % len(MARKERS)]}
        style["linestyle"] = DASHES[i % len(DASHES)]
        axis.errorbar(places, values, lengths, label=name, markersize=4, linewidth=1, elinewidth=0.6, **style)
        for place, heading in zip(places, (headings[place] for place, _ in shown), strict=True):
            seeds = seed_values(quantity, table.fresh(heading)[name][1])
            look = SEED | {"mec": style["color"], "marker": style["marker"], "zorder": 1}
            axis.plot([place] * len(seeds), seeds, **look)
    floors = [lookalike_floor(quantity, table, heading) for heading in headings]
    marked = [(place, floor * quantity.scale) for place, floor in enumerate(floors) if floor is not None]
    for i, (place, level) in enumerate(marked):
        label = LOOKALIKES if i == 0 else None
        half = 0.3 * min(closest, 1.0)
        axis.plot([at[place] - half, at[place] + half], [level, level], color="#808080", linewidth=2, label=label)
    axis.set_xticks(at, [f"{level:g}" for level in levels])
    axis.set(ylabel=axis_label(quantity), ylim=(0, 100))
    axis.label_outer(remove_inner_ticks=False)
    axis.tick_params(labelbottom=True)
    held = held_text([heading for heading in table.headings if heading.column.level[0] == factor])
    axis.set_xlabel(wrapped(f"{factor}{', log scale' if _doubles(levels) else ''}\n{held.strip()}", LETTERS))
    grid(axis, "y", behind=False)


def _doubles(levels: Sequence[float]) -> bool:
    """Whether each of three levels or more is the same multiple of the one before."""
    known = np.array(levels, dtype=float)
    if len(known) < 3 or known[0] <= 0:
        return False
    return bool(np.ptp(known[1:] / known[:-1]) < 0.01 * known[1] / known[0])


def _places(levels: Sequence[float]) -> np.ndarray:
    """Where rising levels stand `[n]`, from 0 to n - 1: by value, by logarithm where they double."""
    known = np.log(levels) if _doubles(levels) else np.array(levels, dtype=float)
    return (len(known) - 1) * (known - known[0]) / ((known[-1] - known[0]) or 1.0)
