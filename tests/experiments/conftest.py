"""What trainings of a few steps share: their own cache, the threads of torch as they were, few walkers to train on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def root(few_walkers: Path) -> Path:
    return few_walkers


@pytest.fixture(autouse=True)
def by_itself(own_cache: None) -> None:
    """Each test has them."""
