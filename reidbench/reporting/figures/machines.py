"""The figure of the machines: the ratio of two rows' times in every way that they were run in."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from reidbench.reporting.figures.style import OKABE_ITO, Style, error_lengths, grid, page_figure
from reidbench.reporting.findings.machines import Comparison, Way, title
from reidbench.statistics import Estimate

BAND = "#DDDDDD"
ONE: Style = {"fmt": "o", "ms": 5, "color": OKABE_ITO[0], "label": "one clip at a time"}
MANY: Style = {
    "fmt": "D",
    "ms": 4.5,
    "mfc": "white",
    "color": OKABE_ITO[1],
    "label": "many at once, each row at its best batch",
}
APART = 0.14
"""How far the two lie above and below their line."""

PALE = 0.35
"""How opaque is drawn what is in doubt."""

TICKS = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8)


def machines_figure(found: Comparison) -> Figure:
    """A line a way of running, under the name of its machine; the ratio on a logarithmic axis."""
    lines = list(_lines(found))
    figure = page_figure(1.5 + 0.19 * len(lines))
    axis = figure.subplots()
    axis.set_xscale("log")
    if printed := found.published:
        axis.axvspan(
            printed.low, printed.high, color=BAND, zorder=0, label=f"published: {printed.low:.2f} to {printed.high:.2f}"
        )
    axis.axvline(1, color="black", linewidth=0.8, zorder=1)
    if found.share is not None:
        label = f"multiply-accumulates: {found.share:.2f}"
        axis.axvline(found.share, color="black", linewidth=0.9, linestyle="--", zorder=1, label=label)
    for place, (_, way) in enumerate(lines):
        for known, shift, style, doubtful in _points(way) if way else ():
            lengths = error_lengths(known.value, known.low, known.high)
            pale = PALE if doubtful else 1
            axis.errorbar(known.value, place + shift, xerr=lengths, elinewidth=0.9, capsize=2, alpha=pale, **style)
    axis.set_yticks(range(len(lines)), [name for name, _ in lines])
    axis.set_ylim(len(lines) - 0.4, -0.6)
    for text, (_, way) in zip(axis.get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if way else "bold")
    axis.tick_params(axis="y", length=0)
    low, high = axis.get_xlim()
    axis.set_xticks([tick for tick in TICKS if low <= tick <= high])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(f"time of a frame of {found.row} over {found.reference}'s, log scale")
    grid(axis, "x")
    handles, labels = axis.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncol=2, frameon=False, fontsize=8)
    figure.suptitle(title(found), fontsize=10)
    return figure


def _points(way: Way) -> Iterator[tuple[Estimate, float, Style, bool]]:
    """Each ratio of a way: where it lies beside its line, how it is drawn, and whether its times are in doubt."""
    if way.ratio:
        yield way.ratio, -APART, ONE, bool(way.doubts)
    if way.at_once:
        yield way.at_once, APART, MANY, bool(way.doubts_at_once)


def _lines(found: Comparison) -> Iterator[tuple[str, Way | None]]:
    """From the top down, each machine headed by a line without a way."""
    for place in found.places:
        yield place.name, None
        yield from ((", ".join(way.ran_on), way) for way in place.ways)
