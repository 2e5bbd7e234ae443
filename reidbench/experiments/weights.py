"""Where the weights of a training are kept, so that cells that only measure something else train once. No torch.

Kept weights are part of the cache: they may be deleted at any time, and are then trained again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from reidbench import machine
from reidbench.data.cache import cache_folder, scratch_folder
from reidbench.files import alone
from reidbench.spec import Cell, canonical_json

MEASURING = ("protocol", "version", "training", "backend", "precision")
"""The settings of a cell that say what is measured of a trained model; all others decide how it is trained."""


def training_key(cell: Cell) -> str:
    """Twelve hexadecimal digits over everything that decides the weights of a cell's model, this machine included.

    Cells with the same key differ in what they measure alone. The trainer counts as versioned with the measurement
    `accuracy`: other measurements carry that version as the setting "training". Weights of another machine or of other
    versions of torch and its kind are never taken, for records say that they were measured here.
    """
    settings = cell.identity["settings"]
    identity = {
        "model": cell.model,
        "options": cell.options,
        "source": cell.source,
        "settings": {name: value for name, value in settings.items() if name not in MEASURING},
        "trainer": settings.get("training", settings.get("version")),
        "machine": machine.describe(),
        "versions": machine.versions(),
    }
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:12]


def weights_file(cell: Cell) -> Path:
    """The file in the cache that keeps the weights of a cell's training."""
    return cache_folder() / "trained" / f"{machine.slug(cell.model)}-{training_key(cell)}.pt"


def forget(cells: Iterable[Cell]) -> None:
    """Removes what is kept of the cells' trainings, finished or not, so that they are really done again.

    Waits for another process that is at such a training, rather than take its checkpoints away.
    """
    for cell in cells:
        file = weights_file(cell)
        with alone(file):
            file.unlink(missing_ok=True)
            drop_scratch(cell)


def drop_scratch(cell: Cell) -> None:
    """Removes what a later attempt at a cell's training could go on from. Call it inside the lock of the weights."""
    shutil.rmtree(scratch_folder(training_key(cell)), ignore_errors=True)
