"""What the figures with pictures share: frames out of records, maps laid over them, strips placed by inches."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from reidbench.reporting.figures.style import WIDTH, new_figure, setting, which_training
from reidbench.reporting.tables.table import Table
from reidbench.spec import Record, UserError

Pixels = NDArray[np.float64]
"""Colours in 0..1, `[T, H, W, 3]`; a strip of frames side by side is `[H, W, 3]`."""

COLOURS = "magma"
"""From dark to light without a step, so that it reads in grey."""
STRENGTH = 0.55
"""The share of a map's colour in a pixel; the rest is the frame, in grey."""
MIXED = f"In the strips {100 * STRENGTH:.0f} % of a colour lie over the frame in grey: it is duller than on the bar."
"""What a note below a bar of colours says of those over frames."""
MARGIN = 0.1
LABELS = 1.2
"""Inches to the left of the strips, for their names."""
LINE = 0.17
"""Inches a line of small text takes."""
GAP = 2
"""Pixels between two frames of a strip."""
NAME = 16
"""Letters that fit to the left of the strips."""


@dataclass(frozen=True)
class Block:
    """Strips of one or more clips under each other: `titles` stand above, one a clip, `strips` one list a clip."""

    titles: tuple[str, ...]
    strips: tuple[tuple[Pixels, ...], ...]


def inspected(table: Table, measurement: str) -> dict[str, Sequence[Record]]:
    """The records of a measurement by row, one a seed, where they are complete and up to date."""
    heading = next((h for h in table.headings if h.column.measurement == measurement and table.fresh(h)), None)
    return {name: records for name, (_, records) in table.fresh(heading).items()} if heading else {}


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turns what goes wrong with maps and pictures of a damaged record into one line."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, OSError, Image.DecompressionBombError) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise UserError(f"{what}: its pictures cannot be read ({reason}); measure it again with --fresh") from error


def frames_of(text: str, count: int) -> Pixels:
    """The `count` frames of a strip that lies in a record as a JPEG in base64."""
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("JPEG",)) as image:
        pixels = np.asarray(image.convert("RGB")) / 255
    if not count or pixels.shape[1] % count:
        raise ValueError(f"{pixels.shape[1]} columns are not {count} frames")
    return np.stack(np.split(pixels, count, axis=1))


def laid_over(frames: Pixels, maps: Sequence[Any]) -> Pixels:
    """Maps `[h, w]` in 0..1, one a frame, in colour over the frames in grey; its positions stay visible as blocks."""
    grey = frames @ np.array([0.299, 0.587, 0.114])
    colours = matplotlib.colormaps[COLOURS]
    shown = np.empty_like(frames)
    for i, each in enumerate(maps):
        values = np.asarray(each, dtype=float)
        rows = np.arange(grey.shape[1]) * values.shape[0] // grey.shape[1]
        columns = np.arange(grey.shape[2]) * values.shape[1] // grey.shape[2]
        shown[i] = STRENGTH * colours(values[np.ix_(rows, columns)])[..., :3] + (1 - STRENGTH) * grey[i, ..., None]
    return shown


def side_by_side(frames: Pixels) -> Pixels:
    """Frames as one strip `[H, W, 3]` with white gaps."""
    white = np.ones((frames.shape[1], GAP, 3))
    parts = [part for frame in frames for part in (frame, white)]
    return np.concatenate(parts[:-1], axis=1)


def blank_figure(height: float) -> Figure:
    """A figure of a page's width whose axes are placed by hand."""
    figure = new_figure(WIDTH, height)
    figure.set_layout_engine("none")
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes whose sides are given in inches from the left and the top edge."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))


def write(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    """Text whose upper left corner is given in inches."""
    w, h = figure.get_size_inches()
    figure.text(left / w, 1 - top / h, text, **{"fontsize": 8, "va": "top", **style})


def sheet_title(figure: Figure, text: str, detail: str) -> None:
    """The title of a sheet, and below it in small print what it is made of."""
    write(figure, MARGIN, 0.07, text, fontsize=10)
    write(figure, MARGIN, 0.27 + 0.16 * text.count("\n"), detail)


def made_of(table: Table, records: Mapping[str, Record], what: str) -> str:
    """What a sheet says of itself in small print: the setting, the training whose `what` are shown, the machine."""
    heading = next(h for h in table.headings if h.training)
    which = which_training(next(iter(records.values())))
    return f"{setting(table, heading)}; the {what} are those of {which}; on {table.machine}"


def strip_name(name: str) -> str:
    """A name over several lines that fits to the left of the strips."""
    return textwrap.fill(name, NAME)


def note(figure: Figure, top: float, text: str) -> None:
    """Small print below the strips, over as many lines as it takes."""
    write(figure, LABELS, top, textwrap.fill(text, 100), linespacing=1.3)


def show(figure: Figure, left: float, top: float, width: float, pixels: Pixels) -> float:
    """A picture at a place and a width in inches; returns its height."""
    height = width * pixels.shape[0] / pixels.shape[1]
    axis = place(figure, left, top, width, height)
    axis.imshow(pixels, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    return height


def block_height(block: Block, width: float) -> float:
    """The inches that `draw_block` takes, the space below included."""
    each = (width - MARGIN * (len(block.strips) - 1)) / len(block.strips)
    first = block.strips[0]
    return LINE + sum(each * strip.shape[0] / strip.shape[1] + 0.04 for strip in first) + 0.16


def draw_block(figure: Figure, block: Block, left: float, top: float, width: float, names: Sequence[str]) -> None:
    """Draws a block at a place and a width in inches, with the names of its strips to the left of it."""
    each = (width - MARGIN * (len(block.strips) - 1)) / len(block.strips)
    for clip, (title, strips) in enumerate(zip(block.titles, block.strips, strict=True)):
        x, y = left + clip * (each + MARGIN), top + LINE
        write(figure, x, top, title)
        for strip, name in zip(strips, names or [""] * len(strips), strict=True):
            height = show(figure, x, y, each, strip)
            if name and clip == 0:
                write(figure, left - 0.06, y + height / 2, strip_name(name), ha="right", va="center")
            y += height + 0.04


def draw_blocks(figure: Figure, blocks: Sequence[Block], top: float, names: Sequence[str]) -> float:
    """Two blocks a line, with the names of the strips at the left edge; returns where the last line ends, in inches."""
    width = (WIDTH - LABELS - 3 * MARGIN) / 2
    for i, block in enumerate(blocks):
        left = LABELS + (i % 2) * (width + 2 * MARGIN)
        draw_block(figure, block, left, top, width, names if i % 2 == 0 else ())
        if i % 2 or i == len(blocks) - 1:
            top += max(block_height(each, width) for each in blocks[i - i % 2 : i + 1])
    return top


def blocks_height(blocks: Sequence[Block]) -> float:
    width = (WIDTH - LABELS - 3 * MARGIN) / 2
    return sum(max(block_height(each, width) for each in blocks[i : i + 2]) for i in range(0, len(blocks), 2))


def colour_bar(figure: Figure, top: float, highest: float, label: str) -> None:
    """A small horizontal bar of the colours of a map, from 0 to its highest value, with a label to its right.

    It shows them as they are before they are laid over frames, which `MIXED` says.
    """
    axis = place(figure, LABELS, top, 1.2, 0.11)
    scale = ScalarMappable(Normalize(0, highest), COLOURS)
    figure.colorbar(scale, cax=axis, orientation="horizontal", ticks=np.unique([0, min(1, highest), highest]))
    axis.set_xticklabels([f"{tick:.2g}" for tick in axis.get_xticks()])
    axis.tick_params(length=2, pad=1)
    write(figure, LABELS + 1.35, top - 0.03, label)
