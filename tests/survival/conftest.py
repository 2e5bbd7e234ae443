"""An undisturbed run that others are compared with, and the counts of what was tried."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from running import CELLS, Calm, Place, bits
from survived import Figures


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """Made once for all workers of pytest-xdist: who comes later waits for it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "calm"
    place, took = Place(folder), folder / "seconds.txt"
    with FileLock(folder.with_suffix(".lock")):
        if not took.exists():
            began = time.monotonic()
            place.finish()
            took.write_text(str(time.monotonic() - began))
    found = bits(place.store)
    assert len(found) == CELLS and {status for _, status, *_ in found.values()} == {"ok"}
    return Calm(place, found, float(took.read_text()))


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Written at the end to the file that $REIDBENCH_SURVIVAL_REPORT names, where it names one."""
    found = Figures()
    yield found
    if file := os.environ.get("REIDBENCH_SURVIVAL_REPORT"):
        found.write(Path(file))
