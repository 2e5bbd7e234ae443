"""The figure of an accuracy row by row, measured and published side by side: for tables whose rows cost the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.front import set_rows
from reidbench.reporting.figures.style import (
    OKABE_ITO,
    OTHER_SCALE,
    SEED,
    axis_label,
    entitle,
    error_lengths,
    marks,
    measured_title,
    new_figure,
    published_title,
    row_labels,
    seed_values,
    shown_values,
)
from reidbench.reporting.tables.matching import as_number
from reidbench.reporting.tables.table import Heading, Table

LOOK: Any = {"color": OKABE_ITO[0], "linestyle": "none", "marker": "s", "ms": 6, "mew": 1.3}


def rows_figure(table: Table) -> Figure | None:
    """The first accuracy of each row with its interval and seeds; published values in a panel of their own, hollow."""
    heading = table.trained()
    if heading is None:
        return None
    rows = [row.name for row in table.plan.suite.rows]
    published = _published(table, heading)
    figure = new_figure(7.2, 1.1 + 0.3 * max(3, len(rows)))
    axes = figure.subplots(1, 2 if published else 1, squeeze=False, sharey=True)[0]
    for axis in axes:
        set_rows(axis, [row_labels(table)[name] for name in rows])
        axis.set_xlabel(axis_label(heading.quantity))
    _measured(axes[0], table, heading, rows)
    axes[0].set_title(measured_title(table, heading))
    if published:
        axes[1].plot(list(published.values()), [rows.index(name) for name in published], **LOOK | {"mfc": "white"})
        axes[1].set_title(f"{published_title(table, heading.column)}\n({OTHER_SCALE})")
        axes[1].tick_params(left=False)
    entitle(figure, table, f"{heading.quantity.title} by row", marks(table, [heading]))
    return figure


def _measured(axis: Axes, table: Table, heading: Heading, rows: Sequence[str]) -> None:
    for name, (known, records) in table.fresh(heading).items():
        place = rows.index(name)
        value, low, high = shown_values(known, heading.quantity)
        axis.errorbar(value, place, xerr=error_lengths(value, low, high), fmt="none", ecolor="black", capsize=2.5)
        axis.plot(value, place, **LOOK)
        seeds = seed_values(heading.quantity, records)
        axis.plot(seeds, [place + 0.28] * len(seeds), **SEED)


def _published(table: Table, heading: Heading) -> dict[str, float]:
    numbers = {name: as_number(entry.published) for name, entry in table.column(heading).items()}
    return {name: number for name, number in numbers.items() if number is not None}
