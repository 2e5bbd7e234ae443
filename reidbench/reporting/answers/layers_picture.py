"""A picture of a model's modules: the roofline, the time of each kind, live memory along a pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection
from matplotlib.legend import Legend
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reidbench.files import replacing
from reidbench.reporting.answers.profile_text import peak_text
from reidbench.reporting.figures.style import MARKERS, OKABE_ITO, grid, new_figure, styled

if TYPE_CHECKING:
    from reidbench.profiling.layers import Layers, Part
    from reidbench.profiling.timeline import Span, Timeline

NAMED = 3
"""Modules whose names stand in the roofline: those that take longest."""

LEAST_POINT = 0.001
"""The share of the time from which on a module is a point there."""

COLUMN, LINE = 0.74, 0.055
"""Where the names begin, right of all points, and what each takes, in parts of the width and height."""

MOST_BAND = 0.7
"""The share of a pass from which on a call is no band itself: those that it makes are."""

LETTER = 0.008
"""The share of a pass that a letter of a band's name takes."""

WIDE = 0.025
"""The share of a pass from which on a call is wide enough for a short name."""

LONGEST = 24
"""Letters of a name in the roofline; of longer ones the end is shown."""


def draw_layers(layers: Layers, timeline: Timeline, label: str, path: Path) -> None:
    """Draws as a PNG or an SVG, by the ending of `path`. Raises UserError where it cannot be written."""
    with styled():
        figure = new_figure(9, 7.4)
        axes = figure.subplot_mosaic(
            [["roof", "kinds"], ["memory", "memory"]], width_ratios=[3, 2], height_ratios=[3, 2]
        )
        _roofline(axes["roof"], layers)
        _kinds(axes["kinds"], layers)
        _memory(axes["memory"], timeline)
        shape = "x".join(map(str, layers.shape))
        figure.suptitle(f"{label}, one batch {shape}\n{peak_text(layers.peak)}", fontsize=10)
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix.removeprefix("."), dpi=150)


def _roofline(axis: Axes, layers: Layers) -> None:
    """Parts with products as points below the roof, with the names of those that take longest."""
    whole = layers.within("").seconds
    parts = [part for part in layers.parts if part.macs and part.seconds > LEAST_POINT * whole]
    parts.sort(key=lambda part: -part.seconds)
    kinds = dict.fromkeys(part.kind for part in sorted(parts, key=lambda part: part.kind))
    for i, kind in enumerate(kinds):
        of_kind = [part for part in parts if part.kind == kind]
        x, y = ([getattr(part, field) * unit for part in of_kind] for field, unit in (("intensity", 1), ("rate", 1e-9)))
        areas = [8 + 2500 * part.seconds / whole for part in of_kind]
        style: Any = {"color": OKABE_ITO[i], "marker": MARKERS[i], "edgecolor": "black", "linewidth": 0.5}
        axis.scatter(x, y, areas, label=kind, zorder=3, alpha=0.75, **style)
    intensities = [part.intensity for part in parts]
    ridge = layers.peak.flops / layers.peak.bandwidth
    least, most = min([*intensities, ridge]) / 2, max([*intensities, ridge])
    ends = [least, ridge, most * (most / least) ** 0.4]  # right of all points is room for names
    roof = [layers.peak.attainable(x) / 1e9 for x in ends]
    axis.plot(ends, roof, color="black", linewidth=1.2, label="roof")
    rates = [layers.peak.flops / 1e9, *(part.rate / 1e9 for part in parts)]
    axis.set(xscale="log", yscale="log", xlim=(ends[0], ends[-1]), ylim=(min(rates) / 2, 2 * max(rates)))
    axis.set(
        xlabel="FLOP for each byte moved", ylabel="GFLOP/s attained", title="modules with products, by the roofline"
    )
    for direction in (axis.xaxis, axis.yaxis):
        _plain_ticks(direction)
    grid(axis)
    legend = _legend_below(axis, title="area: share of the time")
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([40])
    _name_points(axis, [(_short(part.name), part.intensity, part.rate / 1e9) for part in parts[:NAMED]], roof[-1])


def _name_points(axis: Axes, points: Sequence[tuple[str, float, float]], roof: float) -> None:
    """Names of points (name, x, y) in a column below the roof, in the order of their heights, with a line to each."""
    if not points:
        return
    place = axis.transScale + axis.transLimits
    heights = sorted((float(place.transform((x, y))[1]), name, x, y) for name, x, y in points)
    half = LINE * len(points) / 2
    middle = sum(height for height, *_ in heights) / len(points)
    middle = max(min(middle, float(place.transform((1, roof))[1]) - half - LINE / 2), half)
    for i, (_, name, x, y) in enumerate(heights):
        style: Any = {"fontsize": 7.5, "va": "center", "zorder": 4}
        line = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.6, "shrinkA": 1, "shrinkB": 0}
        axis.annotate(name, (x, y), (COLUMN, middle - half + LINE * (i + 0.5)), "data", "axes fraction", line, **style)


def _short(name: str) -> str:
    name = name.removeprefix("trunk.")
    if len(name) <= LONGEST:
        return name
    while len(name) >= LONGEST and "." in name:
        name = name.partition(".")[2]
    return f"…{name}"


def _plain_ticks(direction: Axis) -> None:
    """Numbers as they are written, where two powers of ten or more are seen at these, else also at 2 and 5."""
    low, high = direction.get_view_interval()
    direction.set_major_locator(LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0)))
    direction.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    direction.set_minor_formatter(NullFormatter())


def _legend_below(axis: Axes, **settings: Any) -> Legend:
    """Below the axis, where it covers nothing."""
    place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "ncols": 2, "columnspacing": 1.2}
    return axis.legend(frameon=False, fontsize=8, title_fontsize=8, **place, **settings)


def _kinds(axis: Axes, layers: Layers) -> None:
    """The time of each kind of part, and within it the least that the roof allows."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for part in layers.parts:
        parts[part.kind].append(part)
    whole = layers.within("").seconds
    order = sorted(parts, key=lambda kind: sum(part.seconds for part in parts[kind]))
    measured = [1e3 * sum(part.seconds for part in parts[kind]) for kind in order]
    least = [1e3 * sum(part.least for part in parts[kind]) for kind in order]
    places = range(len(order))
    axis.barh(places, measured, 0.7, color="#C8DCEB", edgecolor="black", linewidth=0.5, label="measured")
    axis.barh(places, least, 0.3, color="#0072B2", label="at the roof")
    for place, time, bound in zip(places, measured, least, strict=True):
        axis.text(max(time, bound), place, f" {time / whole / 10:.1f} %", va="center", fontsize=8)
    axis.set_yticks(places, order)
    axis.set(xlabel="time of a pass (ms)", title="time by kind", xlim=(0, 1.2 * max(*measured, *least)))
    _legend_below(axis)


def _memory(axis: Axes, timeline: Timeline) -> None:
    end = 1e3 * max(timeline.seconds[-1], max((call.end for call in timeline.calls), default=0.0))
    times, live = [1e3 * second for second in timeline.seconds], [size / 1e6 for size in timeline.live]
    top = timeline.peak / 1e6
    bands = _bands(timeline, end / 1e3)
    block = _common_block([call.name for call in bands if call.end - call.start > WIDE * end / 1e3])
    for i, call in enumerate(bands):
        start, stop = 1e3 * call.start, 1e3 * call.end
        axis.axvspan(start, stop, color="#E4E4E4" if i % 2 else "#F4F4F4", linewidth=0, zorder=0)
        name = call.name.removeprefix(block).removeprefix("trunk.")
        if stop - start > LETTER * len(name) * end:
            axis.text((start + stop) / 2, 1.36 * top, name, ha="center", va="top", fontsize=7.5)
    axis.step([*times, end], [*live, live[-1]], where="post", color="#0072B2", linewidth=1.2)
    moment = times[timeline.live.index(timeline.peak)]
    axis.plot(moment, top, "v", color="#D55E00", markeredgecolor="black", ms=7, zorder=4)
    late = moment > end / 2
    axis.text(
        moment,
        1.12 * top,
        f"{top:.1f} MB in {timeline.peak_module or 'the model itself'}",
        ha="right" if late else "left",
        fontsize=8,
        va="center",
    )
    calls = f"calls within {block[:-1]}" if block else "outermost calls"
    title = f"live activations along a pass (bands: {calls}; the profiler stretches the time)"
    axis.set(xlabel="time (ms)", ylabel="live memory (MB)", title=title, xlim=(0, end), ylim=(0, 1.42 * top))


def _bands(timeline: Timeline, end: float) -> list[Span]:
    """The outermost calls; in the place of one that takes nearly all of the pass, those that it makes."""
    bands = timeline.outermost()
    while longest := next((call for call in bands if call.end - call.start > MOST_BAND * end), None):
        inside = timeline.outermost(longest)
        if not inside:
            break
        place = bands.index(longest)
        bands[place : place + 1] = inside
    return bands


def _common_block(names: Sequence[str]) -> str:
    """The block that modules of these names all stand in, with a dot behind it; "" where there is none."""
    above = (name.split(".")[:-1] for name in names)
    alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*above, strict=False))
    return "".join(f"{first}." for first, *_ in alike)
