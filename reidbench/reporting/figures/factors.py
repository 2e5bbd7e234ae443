"""The figure of factors: the accuracy of each row by what tells the identities apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from reidbench.reporting.figures.style import (
    HATCHES,
    LOOKALIKES,
    OKABE_ITO,
    axis_label,
    entitle,
    marks,
    new_figure,
    over_bar,
    row_labels,
    seed_values,
    setting,
    shown_arrays,
)
from reidbench.reporting.tables.table import Table, lookalike_floor


def factor_figure(table: Table) -> Figure | None:
    """Mean AP of each row overall and for each factor (`mAP_<factor>`), grouped, with each group's `LOOKALIKES`."""
    groups = [h for h in table.headings if h.training and h.column.field.partition("_")[0] == "mAP" and table.fresh(h)]
    if len(groups) < 2:
        return None
    rows = [row.name for row in table.plan.suite.rows]
    figure = new_figure(7.2, 3.6)
    axis = figure.subplots()
    width = 0.8 / len(groups)
    floors: dict[int, LineCollection] = {}
    for i, heading in enumerate(groups):
        fresh = table.fresh(heading)
        places = [rows.index(name) + (i - (len(groups) - 1) / 2) * width for name in fresh]
        values, errors = shown_arrays((known for known, _ in fresh.values()), heading.quantity)
        style: dict[str, Any] = {"color": OKABE_ITO[i], "hatch": HATCHES[i], "edgecolor": "black", "linewidth": 0.6}
        axis.bar(places, values, width, label=heading.column.title or heading.quantity.title, **style)
        axis.errorbar(places, values, errors, fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5)
        for place, (_, records) in zip(places, fresh.values(), strict=True):
            over_bar(axis, place, width, seed_values(heading.quantity, records))
        floor = lookalike_floor(heading.quantity, table, heading)
        if floor is not None:
            floors[heading.index] = _floor_marks(axis, places, floor * heading.quantity.scale, width)
    if floors:
        next(iter(floors.values())).set_label(LOOKALIKES)
    axis.set_xticks(range(len(rows)), [row_labels(table)[name] for name in rows], rotation=20, ha="right")
    axis.set_ylabel(axis_label(groups[0].quantity))
    axis.set_ylim(bottom=0)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=len(groups) + 1, frameon=False, fontsize=8)
    whole = [heading for heading in groups if not heading.quantity.where]
    detail = f"{setting(table, groups[0])}; {marks(table, whole)}; of a group, over its own"
    entitle(figure, table, "mAP by what tells the identities apart", detail)
    return figure


def _floor_marks(axis: Axes, places: Sequence[float], level: float, width: float) -> LineCollection:
    """A dashed segment over each bar, edged in white so that it shows on a dark bar."""
    starts, ends = [place - width / 2 for place in places], [place + width / 2 for place in places]
    edge = [withStroke(linewidth=3, foreground="white")]
    return axis.hlines(
        [level] * len(starts), starts, ends, "black", (0, (2.5, 1)), linewidth=1.4, path_effects=edge, zorder=3
    )
