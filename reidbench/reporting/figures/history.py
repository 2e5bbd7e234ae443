"""The figure of one cell over the commits that recorded it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from reidbench.reporting.figures.style import MARKERS, OKABE_ITO, axis_label, grid, new_figure, shown_arrays
from reidbench.spec import Quantity

WIDEST_LABELS = 12
"""Commits that are all named at the axis; of more, only some are."""


def history_figure(
    row: str, quantity: Quantity, series: Mapping[str, Sequence[tuple[str, Any]]], commits: Sequence[str]
) -> Figure:
    """A line a series over the commits of all, with 95 % intervals; `series` holds (commit, estimate), and `commits`
    are in order.
    """
    figure = new_figure(7.2, 3.0 + 0.2 * len(series))
    axis = figure.subplots()
    for index, (label, points) in enumerate(series.items()):
        shift = (index - (len(series) - 1) / 2) * 0.06
        places = [commits.index(commit) + shift for commit, _ in points]
        values, lengths = shown_arrays((known for _, known in points), quantity)
        axis.errorbar(
            places,
            values,
            yerr=lengths,
            color=OKABE_ITO[index % len(OKABE_ITO)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=5,
            linewidth=1,
            capsize=2,
            label=label,
        )
    step = -(-len(commits) // WIDEST_LABELS)
    axis.set_xticks(range(0, len(commits), step), commits[::step])
    axis.set_xlim(-0.5, len(commits) - 0.5)
    axis.set_ylabel(axis_label(quantity))
    axis.set_title(f"{row}: {quantity.title} over the commits that recorded it, with 95 % intervals", loc="left")
    grid(axis, "y")
    figure.legend(loc="outside lower center", ncol=1, frameon=False, fontsize=8)
    return figure
