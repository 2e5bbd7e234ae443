"""A picture of a dataset: tracklet lengths, cameras, matches, image sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reidbench.data.description import Description
from reidbench.files import replacing
from reidbench.reporting.figures.style import DASHES, HATCHES, MARKERS, OKABE_ITO, new_figure, styled

BINS = 24


def draw_dataset(found: Description, path: Path) -> None:
    """Draws a description as a PNG. Raises UserError where it cannot be written."""
    with styled():
        figure = new_figure(9, 6.4)
        panels: tuple[Callable[[Axes, Description], None], ...] = (_lengths, _cameras, _matches, _sizes)
        for axis, draw in zip(figure.subplots(2, 2).flat, panels, strict=True):
            draw(axis, found)
        figure.suptitle(found.about.partition(";")[0], fontsize=10)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=150)


def _lengths(axis: Axes, found: Description) -> None:
    """How many tracklets have how many frames, as outlines that can lie over each other."""
    everything = [length for part in found.parts.values() for length in part.lengths]
    shortest, longest = min(everything), max(everything)
    wide = longest > 10 * shortest
    spaced = np.geomspace if wide else np.linspace
    edges = np.unique(spaced(shortest, longest + 1, min(BINS, longest - shortest + 2)).round()).astype(int)
    for i, (name, part) in enumerate(found.parts.items()):
        counts, _ = np.histogram(part.lengths, edges)
        label = f"{name}: {min(part.lengths)} to {max(part.lengths)}"
        axis.stairs(counts, edges - 0.5, label=label, color=OKABE_ITO[i], linestyle=DASHES[i], linewidth=1.4)
    if wide:
        axis.set_xscale("log")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda frames, _: f"{frames:g}"))
    axis.set(xlabel="frames of a tracklet", ylabel="tracklets", title="tracklet lengths")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlim(max(edges[0] - 1, 0.5), edges[-1] * (1.2 if wide else 1.02))
    axis.set_ylim(0, 1.3 * axis.get_ylim()[1])
    axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper center")


def _cameras(axis: Axes, found: Description) -> None:
    """Tracklets of each camera, the parts on top of each other."""
    cameras = found.cameras
    places, below = np.arange(len(cameras)), np.zeros(len(cameras))
    for i, (name, part) in enumerate(found.parts.items()):
        counts = np.array([part.per_camera.get(camera, 0) for camera in cameras])
        style: Any = {"color": OKABE_ITO[i], "hatch": HATCHES[i], "edgecolor": "white", "linewidth": 0.4}
        axis.bar(places, counts, 0.8, below, label=name, **style)
        below += counts
    axis.set_xticks(places, [f"{camera}" for camera in cameras])
    axis.set(xlabel="camera", ylabel="tracklets", title="tracklets of each camera")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_ylim(0, 1.3 * below.max())
    axis.legend(frameon=False, fontsize=8, ncols=3, loc="upper center")


def _matches(axis: Axes, found: Description) -> None:
    """How many queries have how many matches, of each kind that is counted."""
    most = max(max(counts) for counts in found.matches.values())
    step = -(-(most + 1) // 20)
    edges = np.arange(0, most + 1 + step, step)
    width = 0.8 * step / len(found.matches)
    for i, (how, counts) in enumerate(found.matches.items()):
        none = sum(not number for number in counts)
        heights, _ = np.histogram(counts, edges)
        label = f"{how}: {none} without a match"
        axis.bar(
            edges[:-1] + (i - (len(found.matches) - 1) / 2) * width,
            heights,
            width,
            label=label,
            color=OKABE_ITO[i],
            hatch=HATCHES[i],
            edgecolor="white",
        )
    axis.set(xlabel="tracklets of the same person from other cameras", ylabel="queries", title="matches of a query")
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_major_locator(MaxNLocator(integer=True))
    axis.set_ylim(0, (1.1 + 0.1 * len(found.matches)) * axis.get_ylim()[1])
    axis.legend(frameon=False, fontsize=8, loc="upper right")


def _sizes(axis: Axes, found: Description) -> None:
    """Widths and heights of the sampled frames; a larger mark stands for more of them."""
    heights, widths = np.array(list(found.sizes)).T
    counts = np.array(list(found.sizes.values()))
    areas = 8 + 120 * counts / counts.sum()
    axis.scatter(widths, heights, areas, color=OKABE_ITO[0], alpha=0.6, linewidth=0, marker=MARKERS[0])
    legend = f", all {heights[0]} high and {widths[0]} wide" if len(counts) == 1 else " (a larger mark: more of them)"
    axis.set(xlabel="width (pixels)", ylabel="height (pixels)", title=f"sizes of {counts.sum()} sampled frames{legend}")
    axis.set_xlim(0, 1.25 * widths.max())
    axis.set_ylim(0, 1.25 * heights.max())
