"""Which rows of a table are worth their cost: those that no row of the same cost or less beats beyond the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from reidbench.reporting.figures.style import LOG_SCALE, OKABE_ITO, Style, grid, seed_values, shown_values
from reidbench.reporting.tables.comparison import compare, excludes_zero
from reidbench.reporting.tables.layout import several
from reidbench.reporting.tables.table import Heading, Table

KEPT: Style = {"color": OKABE_ITO[0], "marker": "s", "linestyle": "none", "ms": 5.5, "mew": 1.2, "zorder": 3}
CLOSE: Style = KEPT | {"color": OKABE_ITO[5], "marker": "D"}
BEATEN: Style = KEPT | {"color": "#A0A0A0", "marker": "o"}
MARKS = (KEPT, CLOSE, BEATEN)
"""How a row on the front is marked, one not told from it, and one behind it: they differ in shape and lightness too."""

WIDE = 8.0
"""Times the least cost, from which on an axis is logarithmic."""

Beats = Callable[["Point", "Point"], bool]


@dataclass(frozen=True)
class Point:
    """A row by its cost `x` and its accuracy `y` in the units shown; `low` and `high` are NaN without an interval.

    `seeds` are the means of several seeds.
    """

    name: str
    x: float
    y: float
    low: float = float("nan")
    high: float = float("nan")
    seeds: tuple[float, ...] = ()


def measured_points(table: Table, accuracy: Heading, cost: Heading) -> list[Point]:
    """The rows that have a fresh number in both columns."""
    ys, xs = table.fresh(accuracy), table.fresh(cost)
    points = []
    for name, (known, records) in ys.items():
        if name in xs:
            x = xs[name][0].value * cost.quantity.scale
            seeds = tuple(seed_values(accuracy.quantity, records))
            points.append(Point(name, x, *shown_values(known, accuracy.quantity), seeds))
    return points


def beyond_noise(table: Table, accuracy: Heading) -> Beats:
    """Whether one row is the more accurate by more than the 95 % interval of their paired difference."""
    fresh, quantity = table.fresh(accuracy), accuracy.quantity

    @cache
    def beats(one: Point, other: Point) -> bool:
        if not is_better(accuracy)(one, other):
            return False
        gap = compare(quantity, fresh[one.name], fresh[other.name])
        return gap is not None and excludes_zero(gap)

    return beats


def is_better(accuracy: Heading) -> Beats:
    """Whether one row is the more accurate as printed, of whose noise nothing is known."""
    sign = -1 if accuracy.quantity.better == "lower" else 1
    return lambda one, other: sign * one.y > sign * other.y


def front(points: Sequence[Point], beats: Beats) -> set[str]:
    """The names of the points that none of the same cost or less beats."""
    # The most accurate first, whichever way: what beats a point is found soon.
    tried = sorted(points, key=lambda point: abs(point.y), reverse=True)
    return {p.name for p in points if not any(q.x <= p.x and beats(q, p) for q in tried)}


def standings(points: Sequence[Point], beats: Beats, better: Beats) -> dict[str, int]:
    """Of each point its place in `MARKS`: of those that cost no more none is `better` (0), or none `beats` it (1)."""
    ahead, kept = front(points, better), front(points, beats)
    return {point.name: 0 if point.name in ahead else 1 if point.name in kept else 2 for point in points}


def front_handles(table: Table) -> list[Line2D]:
    """The marks in words."""
    seeds = f" ({over} included)" if (over := several(table.plan)) else ""
    words = (
        "none of its cost or less is better",
        f"one is, within the 95 % interval\nof the difference{seeds}",
        "one is, beyond it",
    )
    return [Line2D([], [], **mark, label=text) for mark, text in zip(MARKS, words, strict=True)]


def set_cost_scale(axis: Axes, costs: Sequence[float], label: str, room: float = 1.15) -> None:
    """An axis of costs from 0, or a logarithmic one, which its label then says, where the dearest row would press all
    others together.

    `room` is where it ends, as a multiple of the highest cost; a logarithmic one has about as much room.
    """
    least, most = min(costs), max(costs)
    logarithmic = least > 0 and most > WIDE * least
    axis.set_xlabel(label + (LOG_SCALE if logarithmic else ""))
    if logarithmic:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_xlim(least / 1.3, 1.3 * most * (most / least) ** (0.7 * (room - 1)))
    else:
        axis.set_xlim(0, room * most or 1)


def set_rows(axis: Axes, names: Sequence[str]) -> None:
    """A line a row, the first on top."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    grid(axis)


def missing(found: Sequence[Point], possible: int) -> str:
    """A line of a title that says how many of the possible rows are drawn, where some are not; else ""."""
    return f"\n{len(found)} of {possible} rows, the others lack a number" if len(found) < possible else ""
