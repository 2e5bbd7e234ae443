"""What all figures share: colours, sizes, titles, and numbers in the unit shown. No pyplot, no screen."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from math import isnan
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context
from numpy.typing import ArrayLike

from reidbench import registry
from reidbench.data.splits import by_split, split_of
from reidbench.deployment.backends import ran_on
from reidbench.estimates import seed_means
from reidbench.reporting.documents.block import titled
from reidbench.reporting.findings.legend import persons_and_groups
from reidbench.reporting.tables.layout import ABOUT, several, training_text
from reidbench.reporting.tables.matching import has_ratio, sessions
from reidbench.reporting.tables.table import Heading, Table
from reidbench.scatter import on_device
from reidbench.spec import Column, Quantity, Record
from reidbench.statistics import Estimate

Style = dict[str, Any]

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = "osD^vPX*"
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
HATCHES = ("", "///", "\\\\\\", "xx", "---", "++", "|||", "/-")
"""Of lines alone: one hatch of dots takes half of an SVG."""

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,
    "svg.hashsalt": "reidbench",
    "pdf.fonttype": 42,  # of Type 3, matplotlib's own choice, publishers take none
    "savefig.facecolor": "white",
}


TITLE = 88
"""Characters of a title that fit on a line of a page."""

SMALL_PRINT = 105
"""Characters of small print that fit on a line of a page."""

SEED: Any = {"linestyle": "none", "marker": "o", "mfc": "white", "mec": "black", "ms": 3, "mew": 0.7, "zorder": 4}
"""How the mean of one seed is marked beside or over the mean of all."""

WHISKERS = "whiskers: 95 % intervals"

WIDTH = 7.2
"""Inches: the width of a page's text, which figures are made for."""

TALLEST = 1.4
"""How high a figure may be, in widths: a page of that shape has room for its caption."""

OWN_SCALES = "each panel has its own scale"
"""Said of a figure whose panels show one quantity over different spans."""

OTHER_SCALE = "another scale"
"""Said of a panel whose axis has another span than the one beside it, of the same quantity."""

LOG_SCALE = ",\nlog scale"
"""Ends the label of a logarithmic axis."""

LOOKALIKES = "look-alikes not told apart"
"""The level of a model that finds every group of look-alikes and tells none apart; one that confuses groups lies
below."""


HALF = 42
"""Letters of a title that fit half a figure."""


def styled() -> AbstractContextManager[None]:
    """A block whose figures look alike on every machine: by matplotlib's own settings and `STYLE` over them.

    What the user has set for figures (a matplotlibrc, a style sheet) holds again afterwards.
    """
    return context(["default", STYLE])


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def page_figure(height: float) -> Figure:
    """A figure of a page's width, of a height in inches but for what a page has no room for."""
    return new_figure(WIDTH, min(height, TALLEST * WIDTH))


def settle(figure: Figure) -> None:
    """Fixes the layout, where it is not yet: what is placed by pixels afterwards stays, and saving finds it done.

    The solver's last digits vary from one run to the next, and with them the names of an SVG's clip paths.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
        for axis in figure.axes:
            axis.set_position(np.round(axis.get_position(original=True).bounds, 6))


def shown_values(known: Estimate, quantity: Quantity) -> tuple[float, float, float]:
    return known.value * quantity.scale, known.low * quantity.scale, known.high * quantity.scale


def reach(known: Estimate, quantity: Quantity) -> float:
    """Where the bar with its interval ends."""
    value, _, high = shown_values(known, quantity)
    return value if isnan(high) else high


def shown_arrays(known: Iterable[Estimate], quantity: Quantity) -> tuple[np.ndarray, np.ndarray]:
    """The values `[n]` of several estimates, and the lengths of their error bars `[2, n]`."""
    values, low, high = np.array([shown_values(each, quantity) for each in known]).reshape(-1, 3).T
    return values, error_lengths(values, low, high)


def error_lengths(values: ArrayLike, low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """Lengths below and above `[2, n]`, of one point or of n; 0 where there is no interval."""
    values, low, high = map(np.atleast_1d, (values, low, high))
    return np.nan_to_num(np.maximum([values - low, high - values], 0))


def seed_values(quantity: Quantity, records: Sequence[Record]) -> np.ndarray:
    """The mean of each seed by itself, or of each random split, in the unit shown; none for a single one."""
    splits = by_split(records)
    if len(splits) > 1:
        return quantity.scale * np.array([np.mean(seed_means(quantity, own)) for own in splits.values()])
    return quantity.scale * np.array(seed_means(quantity, records) if len(records) > 1 else [])


def over_bar(axis: Axes, place: float, width: float, seeds: ArrayLike) -> None:
    """The marks of a row's seeds side by side over its upright bar."""
    values = np.asarray(seeds)
    axis.plot(place + 0.28 * width * (np.arange(len(values)) - (len(values) - 1) / 2), values, **SEED)


def grid(axis: Axes, along: Literal["both", "x", "y"] = "both", *, behind: bool = True) -> None:
    """Draws thin grey lines, behind all else or only behind what lies over the axes' own lines."""
    axis.grid(True, axis=along, color="#DDDDDD", linewidth=0.5)
    if behind:
        axis.set_axisbelow(True)


def axis_label(quantity: Quantity) -> str:
    return titled(quantity.title, quantity.unit)


def setting(table: Table, heading: Heading) -> str:
    settings = heading.settings
    if heading.training:
        return training_text(settings, table.plan)
    return ", ".join(ran_on(settings, settings.get("threads", 0) if settings.get("device") == "cpu" else 0))


def which_training(record: Record) -> str:
    """The seed of a record, and the random split where the dataset has any: "seed 0", "seed 0 of split 3"."""
    settings = record.cell["settings"]
    split = split_of(settings)
    return f"seed {settings.get('seed', 0)}" + ("" if split is None else f" of split {split}")


def identities(table: Table, headings: Iterable[Heading]) -> str:
    """Whose choice the intervals of accuracies cover: "80 identities, look-alikes as one"."""
    fresh = (readings for heading in headings for readings in table.fresh(heading).values())
    persons, groups = persons_and_groups(record for _, records in fresh for record in records)
    return (f"{persons} identities" if persons else "identities") + ("" if groups is None else ", look-alikes as one")


def marks(table: Table, headings: Iterable[Heading]) -> str:
    """What whiskers and the marks of `SEED` are in a figure of the accuracies of some columns."""
    over = several(table.plan)
    whiskers = f"whiskers: 95 % over {identities(table, headings)}, without the chance of training"
    return whiskers + (f"; small hollow marks: {over}" if over else "")


def rounds(table: Table, headings: Iterable[Heading]) -> str:
    """What the intervals of columns of times are over: "6 to 15 rounds", of ratios with "and between sessions" where
    that is known."""
    headings = list(headings)
    known = [found for heading in headings for found, _ in table.fresh(heading).values() if not isnan(found.low)]
    if not known:
        return "too few rounds for an interval"
    least, most = min(found.n for found in known), max(found.n for found in known)
    between = any(h.quantity.over == "reference" and on_device(table.noise, h.settings) for h in headings)
    return f"{least if least == most else f'{least} to {most}'} rounds" + (" and between sessions" if between else "")


def published_title(table: Table, column: Column) -> str:
    """Where the published values of a column come from."""
    found = [published for row in table.plan.suite.rows if (published := row.publication(column.published))]
    return "published: " + ", ".join(dict.fromkeys(f"{p.dataset}, {p.source}" for p in found))


def timed(table: Table, heading: Heading) -> str:
    """The setting of a time, with a warning where its rows were not measured in turns with each other."""
    measurement = heading.column.measurement
    count = sessions(measurement, (record for _, records in table.fresh(heading).values() for record in records))
    advice = ": compare the ratios, not the times" if has_ratio(measurement) else ", between which a machine drifts"
    return setting(table, heading) + (f"\n(from {count} sessions{advice})" if count > 1 else "")


def comparable_times(table: Table, heading: Heading) -> tuple[Quantity, dict[str, Estimate]]:
    """What a column of times is, and its fresh values; of clips that differ in length, the times of a frame."""
    known = {name: found for name, (found, _) in table.fresh(heading).items()}
    frames = {row.name: row.frames for row in table.plan.suite.rows if row.name in known}
    if heading.column.quantity != "latency.latency" or len(set(frames.values())) < 2:
        return heading.quantity, known
    of_a_frame = {
        name: replace(clip, value=clip.value / frames[name], low=clip.low / frames[name], high=clip.high / frames[name])
        for name, clip in known.items()
    }
    return registry.measurements()[heading.column.measurement].quantities["per_frame"], of_a_frame


def wrapped(text: str, letters: int) -> str:
    """Each line of a text over as many as it takes."""
    return "\n".join(textwrap.fill(line, letters) for line in text.splitlines())


def measured_title(table: Table, heading: Heading) -> str:
    """The title of a panel of measured values, in lines that fit half a figure."""
    return textwrap.fill(f"measured: {setting(table, heading)}", HALF)


def row_labels(table: Table) -> dict[str, str]:
    """The rows' names as the tables mark them, those of approximate methods."""
    return {row.name: f"{row.name} {ABOUT}" if row.approximate else row.name for row in table.plan.suite.rows}


NUMBERED = re.compile(r"(table|figure)(\d+)")
"""The name of a suite that stands for a table or a figure of a paper."""


def title(table: Table, what: str) -> str:
    """What a figure is called: what it shows, after the number of the paper's table or figure that it is of, if any.

    The document in which it stands counts its own tables and figures.
    """
    numbered = NUMBERED.fullmatch(table.plan.name)
    if numbered:
        return textwrap.fill(f"Paper's {' '.join(numbered.groups()).capitalize()}: {what}", TITLE)
    first, _, _ = what.partition(" ")
    return textwrap.fill(what[0].upper() + what[1:] if first.islower() else what, TITLE)


def entitle(figure: Figure, table: Table, what: str, detail: str = "") -> None:
    """Writes the title of a figure, and below it in small print a detail and the machine; fixes the layout."""
    about = f"{ABOUT} approximate" if any(row.model and row.approximate for row in table.plan.suite.rows) else ""
    told = "; ".join(filter(None, (detail, about, f"on {table.machine}")))
    small = textwrap.fill(told, SMALL_PRINT, break_on_hyphens=False)
    # Empty lines hold the place of the small print while the layout is made, which knows of no second title.
    words = title(table, what)
    head = figure.suptitle(words + "\n" * (1 + small.count("\n")), fontsize=10)
    settle(figure)
    bottom = head.get_window_extent().y0 / figure.bbox.height
    head.set_text(words)
    figure.text(0.5, bottom, small, ha="center", va="bottom", fontsize=8, color="#444444")
