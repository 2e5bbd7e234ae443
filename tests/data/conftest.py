from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

listed = os.scandir


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are listed in the opposite order, as another file system may list them."""

    @contextmanager
    def turned(path: os.PathLike[str]) -> Iterator[Iterator[os.DirEntry[str]]]:
        with listed(path) as entries:
            yield iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

    monkeypatch.setattr(os, "scandir", turned)
