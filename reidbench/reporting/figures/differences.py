"""The differences between rows that a report states, each with its own interval: rows share their queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.documents.block import titled
from reidbench.reporting.figures.front import set_rows
from reidbench.reporting.figures.rows import LOOK
from reidbench.reporting.figures.style import (
    entitle,
    identities,
    page_figure,
    row_labels,
    setting,
    shown_arrays,
    wrapped,
)
from reidbench.reporting.findings.differences import AGAINST, DIFFERENCE, Family, steps
from reidbench.reporting.tables.layout import several
from reidbench.reporting.tables.table import Table

LETTERS = 44
"""Of a row's name on one line."""


def differences_figure(table: Table) -> Figure | None:
    """The first accuracy of each row minus that of the row it is compared with, a panel for each such row."""
    heading = table.trained()
    found = [family for family in steps(table) if heading and family.quantity is heading.quantity]
    found = [family for family in found if family.differences]
    if heading is None or not found:
        return None
    counts = [len(family.differences) for family in found]
    figure = page_figure(1.4 + 0.28 * sum(counts) + 0.5 * len(found))
    axes: Any = figure.subplots(len(found), 1, squeeze=False, sharex=True, height_ratios=counts)[:, 0]
    for axis, family in zip(axes, found, strict=True):
        _panel(axis, family, row_labels(table))
    axes[-1].set_xlabel(titled(f"difference in {heading.quantity.title}", DIFFERENCE))
    over = several(table.plan)
    who, chance = identities(table, [heading]), "" if over else ", without the chance of training"
    covered = f"{f'{over} and ' if over else ''}{who}{chance}"
    detail = f"{setting(table, heading)}; whiskers: 95 % over {covered}; hollow: 0 is in it"
    entitle(figure, table, f"differences in {heading.quantity.title}, each with its own interval", detail)
    return figure


def _panel(axis: Axes, family: Family, labels: Mapping[str, str]) -> None:
    shown = family.differences
    values, lengths = shown_arrays((each.gap for each in shown), family.quantity)
    *_, other = family.title.partition(AGAINST)
    names = (labels.get(each.name, each.name).removeprefix(f"{other}, ") for each in shown)
    set_rows(axis, [wrapped(name, LETTERS) for name in names])
    axis.axvline(0, color="black", linewidth=0.8)
    for place, (each, value) in enumerate(zip(shown, values, strict=True)):
        axis.errorbar(value, place, xerr=lengths[:, [place]], fmt="none", ecolor="black", capsize=2.5)
        axis.plot(value, place, **LOOK if each.told else LOOK | {"mfc": "white"})
    axis.set_title(f"{AGAINST}{other}", loc="left")
