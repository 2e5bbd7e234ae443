"""The figure of backends: what each makes of the rows' times, and of the ratio that the operations foretell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.deployment.backends import EAGER, ran_on
from reidbench.reporting.figures.style import (
    HATCHES,
    MARKERS,
    OKABE_ITO,
    entitle,
    grid,
    new_figure,
    rounds,
    shown_arrays,
)
from reidbench.reporting.tables.table import Heading, Table, heading_of, over_reference

LABEL_HEIGHT = 0.075
"""Of a panel, what the name of a line takes."""


def backends_figure(table: Table) -> Figure | None:
    """Above, each row's latency by backend; below, its ratio to the reference row, with that of the counted MACs."""
    times, ratios = (
        [h for h in table.headings if h.column.quantity == quantity and table.fresh(h)]
        for quantity in ("latency.latency", "latency.ratio")
    )
    if not times or not ratios:
        return None
    rows = [row.name for row in table.plan.suite.rows if any(row.name in table.fresh(h) for h in times)]
    figure = new_figure(7.2, 6.0)
    above, below = figure.subplots(2, 1, height_ratios=(1, 1.1))
    colours = dict(zip(rows, OKABE_ITO, strict=False))
    _time_bars(above, table, times, colours)
    _ratio_points(below, table, ratios, colours)
    detail = f"medians with 95 % intervals over {rounds(table, [*times, *ratios])}"
    entitle(figure, table, "latency of one clip by backend", detail)
    return figure


def _time_bars(axis: Axes, table: Table, headings: list[Heading], colours: Mapping[str, str]) -> None:
    width = 0.84 / len(colours)
    for i, (name, colour) in enumerate(colours.items()):
        columns, values, lengths = _values(table, headings, name)
        places = columns + (i - (len(colours) - 1) / 2) * width
        style: dict[str, Any] = {"color": colour, "hatch": HATCHES[i], "edgecolor": "black", "linewidth": 0.5}
        axis.bar(places, values, width, label=name, **style)
        axis.errorbar(places, values, lengths, fmt="none", ecolor="black", elinewidth=0.8, capsize=1.5)
    axis.set_ylabel("latency of a clip (ms)")
    _name_columns(axis, headings, len(colours))


def _ratio_points(axis: Axes, table: Table, headings: list[Heading], colours: Mapping[str, str]) -> None:
    reference = table.plan.suite.reference
    macs = over_reference(table, heading_of(table, "complexity.macs"))
    shares = {name: share for name, share in macs.items() if name in colours and name != reference}
    for i, (name, colour) in enumerate(colours.items()):
        if name == reference:
            continue
        columns, values, lengths = _values(table, headings, name)
        places = columns + 0.12 * (i - (len(colours) - 1) / 2)
        if name in shares:
            axis.axhline(shares[name], color=colour, linewidth=0.9, linestyle=(0, (4, 1 + i)), zorder=1)
        style: dict[str, Any] = {"fmt": MARKERS[i], "ms": 5, "color": colour, "elinewidth": 0.9, "capsize": 2}
        axis.errorbar(places, values, lengths, label=name, **style)
    axis.set_ylim(bottom=0)
    axis.set_ylabel(f"time, {reference} = 1")
    grid(axis, "y", behind=False)
    _name_columns(axis, headings, len(colours) - 1)
    _name_lines(axis, shares)


def _name_lines(axis: Axes, shares: Mapping[str, float]) -> None:
    """What each dashed line stands for, beside its end, those of close ones spread with a thin line to each."""
    beside: Any = {"transform": axis.get_yaxis_transform(), "clip_on": False}
    least, height = LABEL_HEIGHT * axis.get_ylim()[1], 0.0
    for name, share in sorted(shares.items(), key=lambda item: item[1]):
        height = max(share, height)
        axis.plot([1, 1.025], [share, height], color="#888888", linewidth=0.6, **beside)
        axis.text(1.03, height, f"{share:.2f} {name}", va="center", fontsize=8, **beside)
        height += least
    if shares:
        axis.text(1.03, 1, "dashed, the MACs:", transform=axis.transAxes, va="bottom", fontsize=8)


def _name_columns(axis: Axes, headings: list[Heading], entries: int) -> None:
    axis.set_xticks(range(len(headings)), [_name(heading) for heading in headings])
    axis.set_xlim(-0.55, len(headings) - 0.45)
    legend: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "frameon": False}
    if entries:
        axis.legend(**legend, fontsize=8, ncol=min(entries, 3), columnspacing=1.2, handletextpad=0.5)


def _values(table: Table, headings: list[Heading], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the columns that a row has a value in: their places [N], the values [N] and the lengths of bars [2, N]."""
    found = {place: table.fresh(h)[name][0] for place, h in enumerate(headings) if name in table.fresh(h)}
    return np.array(list(found), dtype=float), *shown_arrays(found.values(), headings[0].quantity)


def _name(heading: Heading) -> str:
    """The backend and precision of a column, in two lines."""
    device, precision, *backend = ran_on(heading.settings)
    return "\n".join([*(backend or [EAGER]), precision if device == "cpu" else f"{device} {precision}"])
