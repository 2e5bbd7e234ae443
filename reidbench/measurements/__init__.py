"""What can be measured: one function a measurement, found by its decorator. Torch is imported only inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reidbench.spec import Cell, Outcome

Progress = Callable[[Cell, int, int, str], None]
"""Called with (cell, done, total, note)."""

Outcomes = Iterator[tuple[Cell, Outcome | Exception]]
"""An error that comes with a cell is that cell's alone; one that is raised is that of all that have none yet."""
