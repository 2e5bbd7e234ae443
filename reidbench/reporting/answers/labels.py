"""Places the names beside the points of a figure so that none covers another, a point or an error bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot, inf, isnan
from operator import itemgetter

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

GAP = 8.0
"""Points (1/72 inch) between a marker and the nearest place of its label."""

FURTHER = 6.0
"""How far, in points, a label may move away from what stands close beside its marker."""

SHIFTS = [sign * step * 3.0 for step in range(31) for sign in (1, -1)]
"""How far, in points, a label may be moved up or down."""

SWAP = 60.0
"""What it costs, in points of distance, that two labels stand in the opposite order of their points."""

CROSSING = 1.0
"""What a point of a line's length behind a label costs, in points of distance: a label may cross a line at need."""

LEAST_RUN = 1e-6
"""Pixels along an axis below which a segment stands still there."""

MARK = 5.0
"""Half the side, in points, of the square that a marker keeps free."""

BAR = 3.0
"""The same to each side of an error bar."""


def place_labels(
    axis: Axes,
    labels: Sequence[tuple[str, float, float]],
    bars: Sequence[tuple[float, float, float]],
    lines: Sequence[Sequence[tuple[float, float]]],
    *,
    fontsize: float,
) -> list[Bbox]:
    """Writes each (name, x, y) near its point, with a thin line to it where it had to go far.

    `bars` are the error bars (x, low, high) to keep clear of, `lines` the drawn lines, each a list of (x, y), not to
    be written over where there is room. The layout of the figure must be final. Returns the boxes of the labels in
    pixels.
    """
    figure = axis.get_figure(root=True)
    assert figure is not None
    unit = figure.dpi / 72
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    frame = axis.get_window_extent(renderer)
    pixels = [tuple(map(float, axis.transData.transform((x, y)))) for _, x, y in labels]
    taken = [_square(x, y, MARK * unit) for x, y in pixels]
    for x, low, high in bars:
        if not isnan(low):
            taken.append(
                Bbox([axis.transData.transform((x, low)), axis.transData.transform((x, high))]).padded(BAR * unit)
            )
    drawn = [axis.transData.transform(line) for line in lines]
    segments = [(line[i], line[i + 1]) for line in drawn for i in range(len(line) - 1)]
    placed: list[Bbox] = []
    anchors: list[tuple[float, ...]] = []
    for i in sorted(range(len(labels)), key=lambda i: -pixels[i][1]):
        name, x, y = labels[i]
        text = axis.annotate(name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=fontsize, zorder=4)
        size = text.get_window_extent(renderer)
        distance, box, least = 0.0, frame, inf
        for away, candidate in sorted(_candidates(pixels[i], size.width, size.height, unit), key=itemgetter(0)):
            if away >= least:
                break
            cost = away + _covering(candidate, frame, [*taken, *placed])
            cost += SWAP * _swaps(pixels[i], candidate, anchors, placed)
            cost += CROSSING * sum(length_inside(candidate, *segment) for segment in segments) / unit
            if cost < least:
                distance, box, least = away, candidate, cost
        text.set_position(((box.x0 - pixels[i][0]) / unit, (box.y0 - pixels[i][1]) / unit))
        if distance > GAP + 8:
            _leader(axis, pixels[i], box)
        placed.append(box)
        anchors.append(pixels[i])
    return placed


def _candidates(point: Sequence[float], width: float, height: float, unit: float) -> Iterator[tuple[float, Bbox]]:
    """Places right and left of a point, shifted up and down, then above and below: (distance in points, box)."""
    x, y = point
    for shift in SHIFTS:
        for further in (0.0, FURTHER):
            gap = (GAP + abs(shift) / 6 + further) * unit
            for side, left in enumerate((x + gap, x - gap - width)):
                box = Bbox.from_bounds(left, y + shift * unit - height / 2, width, height)
                yield GAP + abs(shift) + further + 4 * side, box
    for sign in (1, -1):
        middle = y + sign * (GAP * unit + height / 2)
        yield GAP + 6, Bbox.from_bounds(x - width / 2, middle - height / 2, width, height)


def _covering(box: Bbox, frame: Bbox, others: Sequence[Bbox]) -> float:
    """What it costs to cover others or to lie outside of the axes, by the area in pixels."""
    covered = sum(_overlap(box, other) for other in others)
    outside = box.width * box.height - _overlap(box, frame)
    return 100 * (covered + outside)


def length_inside(box: Bbox, start: Sequence[float], end: Sequence[float]) -> float:
    """Length of a segment's part within a box (Liang and Barsky, 1984)."""
    first, last = 0.0, 1.0
    for low, high, begin, stop in ((box.x0, box.x1, start[0], end[0]), (box.y0, box.y1, start[1], end[1])):
        run = stop - begin
        if abs(run) < LEAST_RUN:
            if not low <= begin <= high:
                return 0.0
            continue
        enter, leave = sorted(((low - begin) / run, (high - begin) / run))
        first, last = max(first, enter), min(last, leave)
    return max(last - first, 0.0) * hypot(end[0] - start[0], end[1] - start[1])


def _swaps(point: Sequence[float], box: Bbox, anchors: Sequence[Sequence[float]], placed: Sequence[Bbox]) -> int:
    """Labels placed so far that are above this one although their point is below, or below although it is above."""
    middle = (box.y0 + box.y1) / 2
    return sum(
        (middle - (other.y0 + other.y1) / 2) * (point[1] - anchor[1]) < 0 and other.x0 < box.x1 and box.x0 < other.x1
        for anchor, other in zip(anchors, placed, strict=True)
    )


def _overlap(a: Bbox, b: Bbox) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width * height if width > 0 and height > 0 else 0.0


def _leader(axis: Axes, point: Sequence[float], box: Bbox) -> None:
    end = (min(max(point[0], box.x0), box.x1), min(max(point[1], box.y0), box.y1))
    ends = axis.transData.inverted().transform([tuple(point), end])
    axis.plot(ends[:, 0], ends[:, 1], color="#888888", linewidth=0.6, zorder=1, scalex=False, scaley=False)


def _square(x: float, y: float, half: float) -> Bbox:
    return Bbox.from_extents(x - half, y - half, x + half, y + half)
