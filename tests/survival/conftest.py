"""An undisturbed run that others are compared with, and the counts of what was tried."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import CELLS, Calm, Place, bits
from survived import Figures


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    place = Place(tmp_path_factory.mktemp("calm"))
    began = time.monotonic()
    place.finish()
    seconds = time.monotonic() - began
    found = bits(place.store)
    assert len(found) == CELLS and {status for _, status, *_ in found.values()} == {"ok"}
    return Calm(place, found, seconds)


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Written at the end to the file that $REIDBENCH_SURVIVAL_REPORT names, where it names one."""
    found = Figures()
    yield found
    if file := os.environ.get("REIDBENCH_SURVIVAL_REPORT"):
        found.write(Path(file))
