"""Real suites with made-up records of every cell, so that each figure is drawn as a run would draw it."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from filling import Kept, fill

from reidbench.reporting.tables.table import Table
from reidbench.store import Store

Fill = Callable[..., Table]


@pytest.fixture(autouse=True)
def made_up_measurements() -> None:
    """The real ones, unlike in the folder above."""


@pytest.fixture
def filled(tmp_path: Path) -> Fill:
    """The table of a suite, measured by `values(cell)`: a mean AP for an accuracy cell, else seconds a frame."""
    return partial(fill, Store(tmp_path, "made-up"))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Fill:
    """As `filled`, made once for all tests of a file that ask for the same, and without files of records."""

    @cache
    def made(*asked: Any, **settings: Any) -> Table:
        return fill(Kept(tmp_path_factory.mktemp("store"), "made-up"), *asked, **settings)

    return made
