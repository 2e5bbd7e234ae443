"""What can be measured: one function a measurement, found by its decorator. Torch is imported only inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reidbench.spec import Cell, Outcome, Quantity

TRAINED = ("device", "threads")
"""The settings of a column that whatever trains a model hears."""

RUN = ("device", "precision", "backend", "threads")
"""Those that whatever runs a network in time or memory hears."""

Progress = Callable[[Cell, int, int, str], None]
"""Called with (cell, done, total, note)."""

Outcomes = Iterator[tuple[Cell, Outcome | Exception]]
"""An error that comes with a cell is that cell's alone; one that is raised is that of all that have none yet."""


def mean_of(
    title: str, unit: str, better: str, about: str, sample: str, *, where: str = "", by: str = "identity"
) -> Quantity:
    """A mean over queries with identities as the unit of its interval; shares are shown in percent."""
    digits, scale = {"%": (1, 100.0), "pp": (2, 100.0)}.get(unit, (2, 1.0))
    return Quantity(title, unit, better, digits, scale, about, "mean", sample, by=by, where=where)
