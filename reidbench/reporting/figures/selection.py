"""The figure of TKS's selection weights by group of walkers, and of gaps between groups that differ in one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, isnan

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from reidbench.estimates import estimate
from reidbench.reporting.figures.images import inspected, readable
from reidbench.reporting.figures.style import (
    MARKERS,
    OKABE_ITO,
    SEED,
    entitle,
    error_lengths,
    grid,
    identities,
    new_figure,
    seed_values,
    setting,
    shown_values,
)
from reidbench.reporting.findings.differences import estimated_gap
from reidbench.reporting.tables.layout import several
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Quantity, Record

GROUPS = {"": "all", "fast": "fast\ngait", "slow": "slow\ngait", "clear": "clear\nview", "occluded": "occlu-\nded"}
GAPS = ("tempo_gap", "occlusion_gap")
SPREAD = 0.16
"""Distance between two seeds of one group, in groups."""


def selection_figure(table: Table) -> Figure | None:
    """The mean weight of each kernel by group, a panel a row and a mark a seed; below, the gaps between groups."""
    found = inspected(table, "selection")
    if not found:
        return None
    gaps = [h for h in table.headings if h.column.measurement == "selection" and h.column.field in GAPS]
    gaps = [heading for heading in gaps if table.fresh(heading)]
    count = len(found)
    heights = [2.9, *([0.9 + 0.3 * count] if gaps else [])]
    figure = new_figure(7.2, sum(heights))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    weights = parts[0, 0]
    axes = weights.subplots(1, count, squeeze=False)[0]
    with readable(f"figure selection of {table.plan.name}"):
        base = next(h for h in table.headings if h.column.measurement == "selection" and h.quantity.statistic == "mean")
        known = sorted({int(k) for records in found.values() for k in records[0].context["kernels"]})
        looks = {kernel: (MARKERS[i % len(MARKERS)], OKABE_ITO[i % len(OKABE_ITO)]) for i, kernel in enumerate(known)}
        apart = 0.0
        for axis, (name, records) in zip(axes, found.items(), strict=True):
            apart = max(apart, _weights(axis, base.quantity, records, looks))
            axis.set_title(name)
    axes[0].set_ylabel("mean weight (%)")
    _legend(weights, looks)
    if gaps:
        panels = parts[1, 0].subplots(1, len(gaps), squeeze=False, sharey=True)[0]
        for axis, heading in zip(panels, gaps, strict=True):
            _gaps(axis, table, heading, list(found))
    heading = next(h for h in table.headings if h.training)
    about = _about(table, apart, gaps=bool(gaps))
    entitle(figure, table, "weights that TKS gives its kernels", f"{setting(table, heading)}; {about}")
    return figure


def _about(table: Table, apart: float, *, gaps: bool) -> str:
    """What the marks are, those below too where `gaps` are drawn, and how little the axes of the weights span.

    No weight differs by more than `apart` points from even.
    """
    over = several(table.plan)
    persons = identities(table, [heading for heading in table.headings if heading.training])
    above = f"above: a mark a {'split' if table.plan.splits.several else 'seed'}, whiskers 95 % over {persons}"
    within = (
        f"the axes above are cut, all weights lie within {ceil(10 * apart) / 10:.1f} pp (percentage points) of even"
    )
    means = f"means, hollow circles {over}" if over else "values"
    below = f"below: diamonds are {means}, whiskers 95 % over persons or pairs{f' and {over}' if over else ''}"
    return "; ".join([above, within, *([below] if gaps else [])])


def _weights(axis: Axes, quantity: Quantity, records: Sequence[Record], looks: Mapping[int, tuple[str, str]]) -> float:
    """One mark a kernel, group and seed, with the interval over identities; the dashed line is the even weight.

    Returns how far the farthest mark is from it, in points.
    """
    kernels = records[0].context["kernels"]
    even, farthest = 100 / len(kernels), 0.0
    groups = [group for group in GROUPS if not group or all(record.samples.get(group) for record in records)]
    axis.axhline(even, color="#666666", linestyle="--", linewidth=0.9, zorder=1)
    for i, kernel in enumerate(kernels):
        marker, colour = looks[kernel]
        for place, group in enumerate(groups):
            asked = replace(quantity, sample=f"weight_{i}", where=group)
            for seed, record in enumerate(records):
                known = estimate(asked, "", [record])
                if known is None:
                    continue
                value, low, high = shown_values(known, quantity)
                farthest = max(farthest, abs(value - even))
                x = place + (seed - (len(records) - 1) / 2) * SPREAD
                lengths = error_lengths(value, low, high)
                axis.errorbar(x, value, lengths, fmt=marker, color=colour, ms=4.5, elinewidth=1, capsize=2, zorder=2)
    axis.set_xticks(range(len(groups)), [GROUPS[group] for group in groups])
    axis.set_xlim(-0.5, len(groups) - 0.5)
    axis.margins(y=0.12)
    grid(axis, "y")
    return farthest


def _legend(figure: SubFigure, looks: Mapping[int, tuple[str, str]]) -> None:
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=colour, label=f"kernel {kernel}")
        for kernel, (marker, colour) in looks.items()
    ]
    handles.append(Line2D([], [], color="#666666", linestyle="--", linewidth=0.9, label="even weights"))
    figure.legend(handles=handles, loc="outside lower center", ncol=len(handles), frameon=False, fontsize=8)


def _gaps(axis: Axes, table: Table, heading: Heading, rows: Sequence[str]) -> None:
    """Each row's gap with its interval over groups and seeds, and a hollow mark a seed; at 0 the groups are alike."""
    axis.axvline(0, color="#666666", linestyle="--", linewidth=0.9, zorder=1)
    for place, name in enumerate(rows):
        fresh = table.fresh(heading).get(name)
        if fresh is None:
            continue
        value, low, high = shown_values(estimated_gap(heading.quantity, fresh) or fresh[0], heading.quantity)
        if not isnan(low):
            lengths = error_lengths(value, low, high)
            axis.errorbar(value, place, xerr=lengths, fmt="none", ecolor="black", elinewidth=1.2, capsize=3)
        axis.plot(value, place, "D", color="black", ms=5, zorder=3)
        values = seed_values(heading.quantity, fresh[1])
        axis.plot(values, [place] * len(values), **SEED)
    axis.set_yticks(range(len(rows)), rows)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel("longest kernel's weight (pp)")
    axis.set_title(heading.quantity.title, loc="left")
    axis.margins(x=0.15)
