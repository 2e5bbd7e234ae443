"""The figures of a report, each a function of a table, written as SVG and PNG, and for LaTeX as PDF.

They are legible in print, in grey and to the colour-blind. A suite names those it wants in `Suite.figures`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from reidbench.registry import lookup
from reidbench.reporting.figures.accuracy import accuracy_figure
from reidbench.reporting.figures.backends import backends_figure
from reidbench.reporting.figures.batches import batches_figure
from reidbench.reporting.figures.components import PANELS, components_figure
from reidbench.reporting.figures.costs import formula_figure, overhead_figure
from reidbench.reporting.figures.differences import differences_figure
from reidbench.reporting.figures.factors import factor_figure
from reidbench.reporting.figures.field import field_figure
from reidbench.reporting.figures.latency import latency_figure
from reidbench.reporting.figures.maps import activation_figure, attention_figure
from reidbench.reporting.figures.needs import (
    COMBINATION,
    FOCUS,
    GROUPS,
    LEVELS,
    TIMED,
    TRAINED,
    Need,
    at_levels,
    one_of,
)
from reidbench.reporting.figures.ranking import ranking_figure
from reidbench.reporting.figures.rows import rows_figure
from reidbench.reporting.figures.scale import scale_figure
from reidbench.reporting.figures.selection import selection_figure
from reidbench.reporting.figures.stages import STAGES, end_to_end_figure
from reidbench.reporting.figures.stamps import figure_stamp, is_drawn, write_drawn
from reidbench.reporting.figures.stress import stress_figure
from reidbench.reporting.figures.style import settle, styled
from reidbench.reporting.tables.table import Table

DPI = 150

MADE_BY = "drawn by reidbench"
"""What stands in every figure file: only such files are removed."""

ENDINGS = ("svg", "png")
"""What every figure is written as."""

INDENTATION = re.compile(rb" *\n *")
"""What an SVG can do without: a tenth of it."""

PRINTED = "pdf"
"""What a figure is written as besides, for LaTeX, where it is not made of pixels."""


@dataclass(frozen=True)
class Drawing:
    """A figure: `draw` returns None for a table that has no numbers for it; `caption` says what is to be seen.

    What a caption has in brackets is to be seen only where rows were trained several times over. A figure made of
    `pixels`, of frames and maps, has a large SVG, so that a report shows its PNG. `synthetic` is what the caption adds
    on the synthetic data. Of a suite without all that it `needs` it cannot be drawn from any records.
    """

    draw: Callable[[Table], Figure | None]
    caption: str
    needs: tuple[Need, ...]
    pixels: bool = False
    synthetic: str = ""


WHISKERS = "whiskers are 95 % intervals over query identities, without the chance of training"
SEEDS = "[; small hollow marks are the means of single seeds]"
FRONT = (
    "square: no row that costs the same or less is more accurate (the Pareto front); diamond: one is, but within the "
    "95 % interval of the difference; circle: one is, beyond it (of rows trained once it lacks the chance of training)"
)
LOOKALIKES = (
    "the level of look-alikes not told apart is that of finding every group of them and ordering it by chance, and not "
    "a lower bound: a row that also confuses groups lies below"
)

FIGURES = {
    "accuracy": Drawing(
        accuracy_figure,
        f"Accuracy against cost, one line for each row; {FRONT}; {WHISKERS}{SEEDS}",
        needs=(TRAINED, one_of("complexity.macs", "complexity.gflops")),
    ),
    "field": Drawing(
        field_figure,
        f"Accuracy, MACs and the median time of a frame, one line for each row; {FRONT}; in the panel of "
        f"accuracy by any of the costs; dotted, the reference row; {WHISKERS}{SEEDS}",
        needs=(TRAINED, one_of("complexity.macs", "latency.per_frame")),
    ),
    "rows": Drawing(
        rows_figure, f"Accuracy row by row, measured beside published; {WHISKERS}{SEEDS}", needs=(TRAINED,)
    ),
    "differences": Drawing(
        differences_figure,
        "Accuracy of each row minus that of the row it is compared with, with the 95 % interval of the difference, "
        "over the queries that both answer[ and over seeds]; filled where 0 lies outside it",
        needs=(TRAINED,),
    ),
    "latency": Drawing(
        latency_figure,
        "Median latency with its 95 % interval over rounds, of a frame where clips differ in length; after x the ratio "
        "to the reference row, time per frame",
        needs=(TIMED,),
    ),
    "factors": Drawing(
        factor_figure,
        f"Mean AP by what tells the identities apart; {WHISKERS}{SEEDS}; dashed, {LOOKALIKES}",
        needs=(GROUPS,),
    ),
    "overhead": Drawing(
        overhead_figure,
        "Time of a frame beside its MACs, each relative to the reference row's: a row whose time lies to the right of "
        "its MACs is slower than these foretell; medians with 95 % intervals",
        needs=(one_of("complexity.macs"), one_of("latency.ratio")),
    ),
    "formula": Drawing(
        formula_figure,
        "Cost over alpha relative to Base-B: by the formula, counted and measured, with 95 % intervals",
        needs=(one_of("formula.counted"),),
    ),
    "components": Drawing(
        components_figure,
        f"Left, accuracy of the reference row and of every combination; {WHISKERS}{SEEDS}. Right, what each component "
        "adds on average over the others, with 95 % intervals[ that hold the spread over seeds too]; a count has none",
        needs=(TRAINED, COMBINATION, one_of(*PANELS)),
    ),
    "backends": Drawing(
        backends_figure,
        "Above, latency of one clip by backend; below, its ratio to the reference row in the same session; dashed, the "
        "ratio of the counted MACs; medians with 95 % intervals",
        needs=(one_of("latency.latency"), one_of("latency.ratio")),
    ),
    "batches": Drawing(
        batches_figure,
        "Time of the row in focus relative to the reference row's over the clips computed at once, as far as both were "
        "tried, by one reading each after one that warms up; left of one clip the ratio of the latencies, medians "
        "with 95 % intervals; dashed horizontal, where they are counted, the ratio of the MACs",
        needs=(one_of("throughput.throughput"), FOCUS),
    ),
    "stress": Drawing(
        stress_figure,
        "Accuracy under one controlled factor at a time, in parentheses what a panel sets beside it; "
        f"{WHISKERS}{SEEDS}; thick, {LOOKALIKES}",
        needs=(LEVELS,),
    ),
    "end_to_end": Drawing(
        end_to_end_figure,
        "Where the time of a whole tracklet goes, medians by stage; at a bar's end the median of the whole with its "
        "95 % interval over rounds, and after x the ratio to the reference row; right, all stages but the network, "
        "on a scale of their own, with their sum",
        needs=tuple(one_of(f"end_to_end.{part}") for part in ("total", *STAGES)),
    ),
    "scale": Drawing(
        scale_figure,
        "Scoring (mAP, CMC, mINP) over the size of the gallery: a query's time, with the lines of a cost in proportion "
        "to the gallery, and memory beyond the features",
        needs=(at_levels("scoring.query", "scoring.added"),),
    ),
    "activation": Drawing(
        activation_figure,
        "Class-activation maps of pairs: the channels of stage 4 weighted by what they add to the cosine similarity of "
        "a query and its match (a test identity is no class); each frame relative to its own highest value",
        needs=(one_of("activation"),),
        pixels=True,
    ),
    "attention": Drawing(
        attention_figure,
        "Attention of DAO over frames, in multiples of an even map's; below, the overlap of the maps of small frames "
        "that go with one big frame (95 % interval over identities[, circles: seeds]) and the mean maps",
        needs=(one_of("attention.overlap"),),
        pixels=True,
    ),
    "selection": Drawing(
        selection_figure,
        "Mean selection weight of each kernel, averaged over channels, by group of tracklets, a mark a seed, with 95 % "
        "intervals over identities; below, what changes where only the tempo or only the occlusion differs[, with "
        "seeds in the intervals (circles: seeds)]",
        needs=(one_of("selection"),),
    ),
    "ranking": Drawing(
        ranking_figure,
        "The first ten of the ranking of evenly spaced queries, by a middle frame each",
        needs=(one_of("ranking"),),
        pixels=True,
        synthetic="; tempo twins look alike in one frame",
    ),
}


def draw_figures(table: Table, stem: Path, *, printed: bool = False) -> list[Path]:
    """Writes the figures of the suite that the table has numbers for, as `<stem>-<figure>.svg` and `.png`.

    Those that are `printed` by LaTeX are written as `.pdf` too. Returns the paths. Raises UserError for a figure that
    there is not.
    """
    stamp = figure_stamp(table)
    written: list[Path] = []
    for name in table.plan.suite.figures:
        drawing = lookup("figure", name, FIGURES)
        one = stem.with_name(f"{stem.name}-{name}")
        written += write_figure(partial(drawing.draw, table), one, stamp, printed=printed and not drawing.pixels)
    return written


def remove_others(stem: Path, drawn: Sequence[Path]) -> None:
    """Removes the figures of earlier reports named `stem` that are not among those `drawn` for the present one.

    The PDF of one that is stays for the LaTeX of an earlier report, whatever is written now.
    """
    kept = {path.with_suffix("") for path in drawn}
    stems = (stem.with_name(f"{stem.name}-{name}") for name in FIGURES)
    for path in (path for one in stems if one not in kept for path in _files(one, printed=True)):
        if path.is_file() and MADE_BY.encode() in path.read_bytes():
            path.unlink()


def write_figure(draw: Callable[[], Figure | None], stem: Path, stamp: str, *, printed: bool = False) -> list[Path]:
    """Draws a figure and writes it as `<stem>.svg` and `.png`; returns the paths, none where there is nothing to draw.

    One that is `printed` by LaTeX is written as `.pdf` too. A figure that was drawn with the same stamp, which stands
    for all that it depends on, stays.
    """
    files = _files(stem, printed=printed)
    if all(is_drawn(path, stamp) for path in files):
        return files
    marks = {
        ".svg": {"Date": None, "Identifier": MADE_BY},
        ".png": {"Software": None, "Comment": MADE_BY},
        f".{PRINTED}": {"CreationDate": None, "Keywords": MADE_BY},
    }
    with styled():
        figure = draw()
        if figure is None:
            return []
        settle(figure)
        for path in files:
            content = io.BytesIO()
            figure.savefig(content, format=path.suffix[1:], dpi=DPI, metadata=marks[path.suffix])
            drawn = content.getvalue()
            write_drawn(path, INDENTATION.sub(b"\n", drawn) if path.suffix == ".svg" else drawn, stamp)
    return files


def _files(stem: Path, *, printed: bool) -> list[Path]:
    return [stem.with_name(f"{stem.name}.{ending}") for ending in (*ENDINGS, *([PRINTED] if printed else []))]


def shown(paths: Iterable[Path]) -> list[Path]:
    """Of the files that `draw_figures` wrote one for each figure: the SVG, or the PNG of one made of pixels.

    Where that one is not among them, it is the other.
    """
    best: dict[str, Path] = {}
    for path in sorted(paths, key=lambda path: path.suffix != (".png" if _drawing(path).pixels else ".svg")):
        best.setdefault(path.stem, path)
    return list(best.values())


def _drawing(path: Path) -> Drawing:
    return FIGURES[path.stem.rpartition("-")[2]]


def caption(path: Path, *, over: str, synthetic: bool) -> str:
    """The caption of a file that `draw_figures` wrote; `over` says what there are several of: seeds, splits or "".

    `synthetic` says whether the rows were trained on the synthetic data.
    """
    drawing = _drawing(path)
    whole = (drawing.caption + (drawing.synthetic if synthetic else "")).replace("single seeds", f"single {over}")
    return re.sub(r"\[(.*?)\]", r"\1" if over else "", whole)
