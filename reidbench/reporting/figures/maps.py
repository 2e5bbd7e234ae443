"""The figures of maps over frames: class activations of pairs, and the attention of DAO with its overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reidbench.reporting.figures.images import (
    COLOURS,
    LABELS,
    LINE,
    MARGIN,
    MIXED,
    Block,
    blank_figure,
    blocks_height,
    colour_bar,
    draw_blocks,
    frames_of,
    inspected,
    laid_over,
    made_of,
    note,
    place,
    readable,
    sheet_title,
    side_by_side,
    strip_name,
)
from reidbench.reporting.figures.style import (
    MARKERS,
    OKABE_ITO,
    SEED,
    WIDTH,
    axis_label,
    error_lengths,
    grid,
    seed_values,
    shown_values,
    title,
)
from reidbench.reporting.tables.table import Heading, Table, heading_of
from reidbench.spec import Record

EVENLY = "The queries shown are evenly spaced in the dataset's list."
HEAD = 0.55
"""Inches for the title of a sheet."""


def activation_figure(table: Table) -> Figure | None:
    """Class-activation maps over the frames of some pairs, a strip of each row below the frames."""
    found = inspected(table, "activation")
    if not found:
        return None
    first = {name: records[0] for name, records in found.items()}
    with readable(f"figure activation of {table.plan.name}"):
        blocks = [_pair_block(list(first.values()), i) for i in range(_shared(first, "pairs"))]
    if not blocks:
        return None
    figure = blank_figure(HEAD + blocks_height(blocks) + 4 * LINE + 0.15)
    sheet_title(figure, title(table, "where the similarity of a pair lies"), made_of(table, first, "maps"))
    bottom = draw_blocks(figure, blocks, HEAD, ["frames", *first])
    colour_bar(figure, bottom, 1.0, "activation, in parts of the highest of its frame")
    note(figure, bottom + 0.3, f"{EVENLY} Blocks are the positions of a map: {_grids(first)}. {MIXED}")
    return figure


def attention_figure(table: Table) -> Figure | None:
    """Attention maps frame by frame over some clips; below, the overlap of each row and the mean maps."""
    found, overlap = inspected(table, "attention"), heading_of(table, "attention.overlap")
    if not found or overlap is None:
        return None
    first = {name: records[0] for name, records in found.items()}
    with readable(f"figure attention of {table.plan.name}"):
        means = {name: np.array(record.context["mean_maps"], dtype=float) for name, record in first.items()}
        rows, columns = next(iter(means.values())).shape[1:]
        highest = _highest(first.values()) * rows * columns
        blocks = [_clip_block(list(first.values()), i, highest) for i in range(_shared(first, "tracklets"))]
        small = [int(frame) for frame in next(iter(first.values())).context["small_frames"]]
    if not blocks:
        return None
    figure = blank_figure(HEAD + blocks_height(blocks) + 0.75 + 2.2 + LINE)
    sheet_title(figure, title(table, "attention frame by frame"), made_of(table, first, "maps"))
    bottom = draw_blocks(figure, blocks, HEAD, ["frames", *first])
    colour_bar(figure, bottom, highest, "attention, in multiples of an even map's")
    grid = f"{rows} rows" if columns == 1 else f"{rows} x {columns} positions"
    note(figure, bottom + 0.3, f"{EVENLY} A map has {grid}; frames {_listed(small)} are the small ones. {MIXED}")
    _overlap_panel(place(figure, LABELS, bottom + 0.95 + LINE, 1.7, 1.35), table, overlap)
    _mean_panels(figure, means, small, highest, bottom + 0.95 + LINE)
    return figure


def _pair_block(records: Sequence[Record], number: int) -> Block:
    """The clips of one pair: its frames once, below them the maps of each record."""
    titles, strips = [], []
    for clip in range(2):
        shown = [record.context["pairs"][number]["clips"][clip] for record in records]
        what = "match" if clip else f"query {shown[0]['number'] + 1}"
        titles.append(f"{what}, camera {shown[0]['camera']}")
        frames = frames_of(shown[0]["frames"], len(shown[0]["maps"]))
        over = [side_by_side(laid_over(frames, each["maps"])) for each in shown]
        strips.append((side_by_side(frames), *over))
    return Block(tuple(titles), tuple(strips))


def _highest(records: Iterable[Record]) -> float:
    """The highest value of all maps shown; a map sums to 1."""
    return max(float(np.max(each["maps"])) for record in records for each in record.context["tracklets"])


def _clip_block(records: Sequence[Record], number: int, highest: float) -> Block:
    shown = [record.context["tracklets"][number] for record in records]
    frames = frames_of(shown[0]["frames"], len(shown[0]["maps"]))
    over = []
    for each in shown:
        maps = np.array(each["maps"], dtype=float)
        over.append(side_by_side(laid_over(frames, maps * maps[0].size / highest)))
    text = f"query {shown[0]['query'] + 1}, person {shown[0]['identity']}, camera {shown[0]['camera']}"
    return Block((text,), ((side_by_side(frames), *over),))


def _overlap_panel(axis: Axes, table: Table, heading: Heading) -> None:
    """The overlap of each row with its interval over identities, and a dot for each seed."""
    found = table.fresh(heading)
    for i, (known, records) in enumerate(found.values()):
        value, low, high = shown_values(known, heading.quantity)
        lengths = error_lengths(value, low, high)
        axis.errorbar(value, i, xerr=lengths, fmt="none", ecolor="black", elinewidth=1.2, capsize=3)
        axis.plot(value, i, MARKERS[i], color=OKABE_ITO[i], ms=6, zorder=3)
        seeds = seed_values(heading.quantity, records)
        axis.plot(seeds, [i + 0.22] * len(seeds), **SEED)
        axis.text(value, i - 0.16, f"{value:.{heading.quantity.digits}f}", fontsize=8, ha="center", va="bottom")
    axis.set_yticks(range(len(found)), [strip_name(name) for name in found])
    axis.set_ylim(len(found) - 0.5, -0.6)
    axis.margins(x=0.25)
    grid(axis, "x")
    axis.set_xlabel(f"{axis_label(heading.quantity)}; lower: more diverse")
    axis.set_title("Overlap between small frames", loc="left")


def _mean_panels(
    figure: Figure, means: dict[str, np.ndarray], small: Sequence[int], highest: float, top: float
) -> None:
    """The mean map of each place in the clip over all queries, rows of the frame from top to bottom."""
    left = LABELS + 2.35
    width = (WIDTH - left - MARGIN - 0.3 * (len(means) - 1)) / len(means)
    for i, (name, maps) in enumerate(means.items()):
        axis = place(figure, left + i * (width + 0.3), top, width, 1.35)
        by_row = maps.mean(2).T * maps[0].size
        axis.imshow(by_row, cmap=COLOURS, vmin=0, vmax=highest, aspect="auto")
        axis.set_xticks(range(len(maps)), [str(f + 1) if f in small else f"{f + 1}\nbig" for f in range(len(maps))])
        axis.set_yticks(range(by_row.shape[0]), [str(row + 1) for row in range(by_row.shape[0])])
        axis.tick_params(length=0)
        axis.set_xlabel("frame of the clip")
        axis.set_ylabel("row of the map" if i == 0 else "")
        axis.set_title(f"Mean map,\n{name}", loc="left", fontsize=8)


def _shared(records: dict[str, Record], what: str) -> int:
    """How many pictured things all records have, which must be the same ones."""
    lists = [record.context[what] for record in records.values()]
    return min(map(len, lists))


def _grids(records: dict[str, Record]) -> str:
    grids = {name: [f"{h}x{w}" for h, w in record.context["grids"]] for name, record in records.items()}
    return ", ".join(f"{' and '.join(reversed(sizes))} in {name}" for name, sizes in grids.items())


def _listed(frames: Sequence[int]) -> str:
    return ", ".join(str(frame + 1) for frame in frames)
