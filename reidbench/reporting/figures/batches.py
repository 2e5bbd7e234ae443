"""The figure of batches: how the ratio of two rows' times goes with the number of clips that are computed at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.deployment.backends import BACKENDS, EAGER
from reidbench.reporting.figures.style import (
    DASHES,
    MARKERS,
    OKABE_ITO,
    entitle,
    grid,
    new_figure,
    rounds,
    setting,
    shown_arrays,
)
from reidbench.reporting.findings.throughputs import ratios_by_batch
from reidbench.reporting.findings.verdict import short_name
from reidbench.reporting.tables.table import Heading, Table, heading_of, over_reference
from reidbench.spec import IEEE

ORDER = ("fp32", IEEE, "bf16", "fp16", "int8")
"""Precisions, by their colours and dashes."""

NEAREST, SPREAD = 0.2, 0.7
"""How far left of one clip the latency ratios begin, and over what they are spread, in doublings."""


def batches_figure(table: Table) -> Figure | None:
    """The time of the row in focus relative to the reference row's over the clips in a batch, one line a setting.

    Left of one clip, the ratio of the latencies with its interval, where that was measured in the same setting.
    """
    lines = {h.index: found for h in table.headings if (found := ratios_by_batch(table, h))}
    if not lines:
        return None
    suite = table.plan.suite
    focus, reference = (short_name(name, suite) for name in (suite.focus, suite.reference))
    figure = new_figure(7.2, 3.8)
    axis = figure.subplots()
    axis.axhline(1, color="black", linewidth=0.8)
    share = over_reference(table, heading_of(table, "complexity.macs")).get(suite.focus)
    if share is not None:
        axis.axhline(share, color="black", linewidth=0.8, linestyle="--", label=f"MACs: {share:.2f}")
    for heading in (heading for heading in table.headings if heading.index in lines):
        found, style = lines[heading.index], _style(heading)
        axis.plot(list(found), list(found.values()), label=setting(table, heading), ms=5, lw=1.2, **style)
    about = _latencies(axis, table, [heading for heading in table.headings if heading.index in lines])
    axis.set_xscale("log", base=2)
    every = sorted({batch for found in lines.values() for batch in found})
    axis.set_xticks(every, [str(batch) for batch in every])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.set_xlabel("clips computed at once")
    axis.set_ylabel(f"time of {focus}, {reference} = 1")
    grid(axis, "y")
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    entitle(figure, table, f"time of {focus} over that of {reference}, by the number of clips", about)
    return figure


def _latencies(axis: Axes, table: Table, headings: Sequence[Heading]) -> str:
    """Draws the latency ratios of the row in focus in the settings of `headings`, and says what marks are readings."""
    told, focus = "one reading a point, no interval", table.plan.suite.focus
    ratios = {
        tuple(h.ran_on): h for h in table.headings if h.column.quantity == "latency.ratio" and focus in table.fresh(h)
    }
    timed = [(heading, ratios[place]) for heading in headings if (place := tuple(heading.ran_on)) in ratios]
    for i, (heading, ratio) in enumerate(timed):
        values, lengths = shown_arrays([table.fresh(ratio)[focus][0]], ratio.quantity)
        style = _style(heading) | {"ls": "none"}
        axis.errorbar(
            0.5 ** (NEAREST + SPREAD * (len(timed) - i) / len(timed)),
            values,
            lengths,
            ms=5,
            elinewidth=0.9,
            capsize=2.5,
            **style,
        )
    if not timed:
        return told
    over = rounds(table, [ratio for _, ratio in timed])
    what = "the ratio of the latencies: medians with 95 % intervals"
    return f"{told}; left of 1 clip, in the legend's order, {what} over {over}"


def _style(heading: Heading) -> dict[str, Any]:
    """A colour and a dash for each precision, a mark for each backend, hollow for a CPU: the same in every figure."""
    device, precision = heading.settings["device"], heading.settings["precision"]
    kind, mark = ORDER.index(precision), [*BACKENDS].index(heading.settings.get("backend", EAGER))
    filling = {"mfc": "white"} if device == "cpu" else {}
    return {"color": OKABE_ITO[kind], "marker": MARKERS[mark], "ls": DASHES[kind], **filling}
