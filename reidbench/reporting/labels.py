"""Places the names beside the points of a figure so that none covers another, a point or an error bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

GAP = 8.0
"""Points (1/72 inch) between a marker and the nearest place of its label."""

SHIFTS = [sign * step * 3.0 for step in range(31) for sign in (1, -1)]
"""How far, in points, a label may be moved up or down."""

SWAP = 60.0
"""What it costs, in points of distance, that two labels stand in the opposite order of their points."""

MARK = 5.0
"""Half the side, in points, of the square that a marker keeps free."""


def place_labels(
    axis: Axes,
    labels: Sequence[tuple[str, float, float]],
    bars: Sequence[tuple[float, float, float]] = (),
    *,
    fontsize: float = 8.0,
) -> list[Bbox]:
    """Writes each (name, x, y) near its point, with a thin line to it where it had to go far.

    `bars` are the error bars (x, low, high) to keep clear of. The layout of the figure must be final. Returns the boxes
    of the labels in pixels.
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
                Bbox([axis.transData.transform((x, low)), axis.transData.transform((x, high))]).padded(2 * unit)
            )
    placed: list[Bbox] = []
    anchors: list[tuple[float, ...]] = []
    for i in sorted(range(len(labels)), key=lambda i: -pixels[i][1]):
        name, x, y = labels[i]
        text = axis.annotate(name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=fontsize, zorder=4)
        size = text.get_window_extent(renderer)
        distance, box = min(
            _candidates(pixels[i], size.width, size.height, unit),
            key=lambda found: (
                _cost(found[1], frame, [*taken, *placed], found[0])
                + SWAP * _swaps(pixels[i], found[1], anchors, placed)
            ),
        )
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
        gap = (GAP + abs(shift) / 6) * unit
        for side, left in enumerate((x + gap, x - gap - width)):
            box = Bbox.from_bounds(left, y + shift * unit - height / 2, width, height)
            yield GAP + abs(shift) + 4 * side, box
    for sign in (1, -1):
        middle = y + sign * (GAP * unit + height / 2)
        yield GAP + 6, Bbox.from_bounds(x - width / 2, middle - height / 2, width, height)


def _cost(box: Bbox, frame: Bbox, others: Sequence[Bbox], distance: float) -> float:
    """Area covered or outside of the axes, in pixels; then the distance from the point."""
    covered = sum(_overlap(box, other) for other in others)
    outside = box.width * box.height - _overlap(box, frame)
    return 100 * (covered + outside) + distance


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
