"""The figure of ranked results: queries with the first ten that each row answers, right and wrong told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reidbench.reporting.figures.images import (
    LINE,
    MARGIN,
    Pixels,
    blank_figure,
    frames_of,
    inspected,
    made_of,
    place,
    readable,
    sheet_title,
    strip_name,
    write,
)
from reidbench.reporting.figures.style import OKABE_ITO, WIDTH, title
from reidbench.reporting.tables.table import Table


class Frame(NamedTuple):
    """How an entry is framed: by line as well as by colour, and with a sign below it."""

    colour: str
    line: Any
    width: float
    sign: str
    meaning: str


FRAMES = {
    "match": Frame(OKABE_ITO[0], "-", 2.6, "✓", "right: the query's identity from another camera"),
    "look-alike": Frame(OKABE_ITO[1], (0, (3, 1.5)), 1.8, "≈", "wrong: a look-alike of the query"),
    "other": Frame(OKABE_ITO[6], (0, (1, 1)), 1.8, "✗", "wrong: somebody else"),
}
TOP = 10
HEAD = 0.6
QUERY = 0.95
"""Inches that the query and its text take; also where the names of the rows begin."""
NAMES = 1.05
GAP = 0.09


def ranking_figure(table: Table) -> Figure | None:
    """For each shown query a line a row: the first ten of its gallery."""
    found = inspected(table, "ranking")
    if not found:
        return None
    first = {name: records[0] for name, records in found.items()}
    with readable(f"figure ranking of {table.plan.name}"):
        shown = {name: record.context["rankings"] for name, record in first.items()}
        queries = min(map(len, shown.values()))
        width = (WIDTH - 2 * MARGIN - QUERY - NAMES) / TOP - GAP
        pixels = frames_of(next(iter(shown.values()))[0]["picture"], 1)[0] if queries else None
        if pixels is None:
            return None
        height = width * pixels.shape[0] / pixels.shape[1]
        line = height + 0.24
        block = len(first) * line + 0.2
        figure = blank_figure(HEAD + queries * block + (len(FRAMES) + 1) * LINE + 0.2)
        what = title(table, "the first ten answers to some queries")
        sheet_title(figure, what, made_of(table, first, "rankings"))
        for number in range(queries):
            top = HEAD + number * block
            _query(figure, shown, number, top, (width, height), line)
        _key(figure, HEAD + queries * block)
    return figure


def _query(
    figure: Figure,
    shown: Mapping[str, Sequence[Mapping[str, Any]]],
    number: int,
    top: float,
    size: tuple[float, float],
    line: float,
) -> None:
    asked = next(iter(shown.values()))[number]
    middle = top + (len(shown) * line - size[1]) / 2 - 0.1
    _frame(figure, MARGIN, middle, size, frames_of(asked["picture"], 1)[0], None)
    about = [f"query {asked['number'] + 1}", f"person {asked['identity']}", f"camera {asked['camera']}"]
    if asked["factor"]:
        about.append(f"{asked['factor']} twins")
    about.append(f"{asked['matches']} match{'es' * (asked['matches'] != 1)}")
    write(figure, MARGIN + size[0] + 0.05, middle, "\n".join(about))
    for row, (name, rankings) in enumerate(shown.items()):
        y = top + row * line
        write(figure, MARGIN + QUERY + NAMES - 0.06, y + size[1] / 2, strip_name(name), ha="right", va="center")
        for rank, entry in enumerate(rankings[number]["ranking"][:TOP]):
            x = MARGIN + QUERY + NAMES + rank * (size[0] + GAP)
            look = FRAMES[entry["kind"]]
            _frame(figure, x, y, size, frames_of(entry["picture"], 1)[0], look)
            write(figure, x + size[0] / 2, y + size[1] + 0.03, f"{rank + 1} {look.sign}", ha="center")


def _frame(
    figure: Figure, left: float, top: float, size: tuple[float, float], pixels: Pixels, look: Frame | None
) -> None:
    axis = place(figure, left, top, *size)
    axis.imshow(pixels, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    if look:
        edge = {"edgecolor": look.colour, "linestyle": look.line, "linewidth": look.width}
        axis.add_patch(Rectangle((0, 0), 1, 1, fill=False, transform=axis.transAxes, clip_on=False, **edge))


def _key(figure: Figure, top: float) -> None:
    """What the frames mean."""
    for i, look in enumerate(FRAMES.values()):
        axis = place(figure, MARGIN + 0.02, top + i * LINE + 0.02, 0.22, 0.11)
        axis.set_axis_off()
        edge = {"edgecolor": look.colour, "linestyle": look.line, "linewidth": look.width}
        axis.add_patch(Rectangle((0, 0), 1, 1, fill=False, transform=axis.transAxes, clip_on=False, **edge))
        write(figure, MARGIN + 0.34, top + i * LINE, f"{look.sign}  {look.meaning}")
    text = "The queries shown are evenly spaced in the dataset's list; of each tracklet its middle frame."
    write(figure, MARGIN, top + len(FRAMES) * LINE + 0.05, text)
