"""What all figures share: colours, sizes, titles, and numbers in the unit shown. No pyplot, no screen."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from reidbench.reporting.blocks import protocol_text, seeds_text
from reidbench.reporting.tables import Heading, Table
from reidbench.spec import Quantity, Record
from reidbench.statistics import Estimate, estimate

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = "osD^vPX*"
HATCHES = ("", "///", "...", "xx", "\\\\\\", "++", "oo", "--")
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
    "savefig.facecolor": "white",
}


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def settle(figure: Figure) -> None:
    """Fixes the layout now, so that what is placed by pixels afterwards stays where it is."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def shown_values(known: Estimate, quantity: Quantity) -> tuple[float, float, float]:
    return known.value * quantity.scale, known.low * quantity.scale, known.high * quantity.scale


def reach(known: Estimate, quantity: Quantity) -> float:
    """Where the bar with its interval ends."""
    value, _, high = shown_values(known, quantity)
    return value if isnan(high) else high


def error_lengths(values: ArrayLike, low: ArrayLike, high: ArrayLike) -> np.ndarray:
    """Lengths below and above `[2, n]`, of one point or of n; 0 where there is no interval."""
    values, low, high = map(np.atleast_1d, (values, low, high))
    return np.nan_to_num(np.maximum([values - low, high - values], 0))


def seed_values(heading: Heading, records: Sequence[Record]) -> list[float]:
    """The value of each seed's record by itself, in the unit shown."""
    found = [estimate(heading.quantity, heading.column.field, [record]) for record in records]
    return [one.value * heading.quantity.scale for one in found if one]


def axis_label(quantity: Quantity) -> str:
    return f"{quantity.title} ({quantity.unit})" if quantity.unit else quantity.title


def setting(table: Table, heading: Heading) -> str:
    settings = heading.settings
    if heading.training:
        dataset = settings.get("dataset", {}).get("name", table.plan.dataset)
        preset = table.plan.preset
        return f"{dataset}{protocol_text(settings)}, preset {preset.name}, {seeds_text(preset.seeds)}"
    threads = f", {settings['threads']} threads" if settings.get("device") == "cpu" and "threads" in settings else ""
    return f"{settings.get('device', '')}, {settings.get('precision', '')}{threads}"


def title(table: Table, what: str) -> str:
    return f"{table.plan.name} on {table.machine}: {what}"
