"""Settings of all tests, and small MARS trees written with the real file formats."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from few_walkers import FEW
from hypothesis import HealthCheck, settings
from PIL import Image
from scipy.io import savemat

from reidbench import registry

# A property does not fail because the machine is busy.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Where tests share the cores with others, a thread of OpenMP that waits for its next task gives its core away. It turns
# on the spot otherwise, which costs these tests twice their time. Read as torch is first imported, here and by what
# tests start; a benchmark has the machine for itself, and its threads as a user has them.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# In a git hook these name the repository that it is at work on: tests that call git would commit to that one.
for _name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"):
    os.environ.pop(_name, None)

# A shell starts its background jobs deaf to Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# While the tests are collected, hardly anything is garbage; from then on, see `pytest_collection_finish`.
gc.disable()

Row = tuple[int, int, int, int]
"""Identity, camera, track number, frames."""

TRAIN: tuple[Row, ...] = ((1, 1, 1, 5), (1, 2, 1, 9), (3, 1, 1, 16), (3, 2, 1, 8), (5, 1, 1, 3), (5, 3, 1, 40))
TEST: tuple[Row, ...] = (
    (-1, 1, 1, 2),
    (0, 1, 1, 4),
    (2, 1, 1, 6),
    (2, 2, 1, 8),
    (4, 1, 1, 9),
    (4, 1, 2, 3),
    (4, 2, 1, 17),
)
QUERIES: tuple[int, ...] = (3, 5)


def pytest_collection_finish() -> None:
    """No search for garbage goes again through what is imported and collected, 700,000 objects that live to the end.

    Python's own searches did, and the one that each profile of a model begins with: a quarter of a second every time.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def undisturbed_by_other_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests that run side by side do not wait for each other at the lock of one cache, nor for the disk.

    What is written is synced for a power cut, which no test has; that records are is held by the tests of the store.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setenv("REIDBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
            patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(autouse=True)
def plugins_of_one_test() -> Iterator[None]:
    """What a test adds to the registry goes with it."""
    before, known = list(registry._plugins), dict(registry.MEASUREMENTS)
    yield
    if registry._plugins != before:
        for name in registry.MEASUREMENTS.keys() - known.keys():
            module = registry.MEASUREMENTS[name].function.__module__
            if module.startswith("reidbench_plugin"):
                del registry.MEASUREMENTS[name]
                sys.modules.pop(module, None)
        registry._plugins[:] = before
        registry.forget_found()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of the test's own, and torch's threads afterwards as they were before."""
    import torch

    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def few_walkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic dataset of `FEW`."""
    from reidbench.data.synthetic import write_synthetic

    folder = tmp_path_factory.mktemp("walkers") / "few"
    write_synthetic(folder, **FEW)
    return folder


@pytest.fixture
def write_mars(tmp_path: Path) -> Callable[..., Path]:
    """Returns `write(folder="mars", train=..., test=..., queries=..., size=(height, width), traits=None) -> root`."""

    def write(
        folder: str = "mars",
        *,
        train: Sequence[Row] = TRAIN,
        test: Sequence[Row] = TEST,
        queries: Sequence[int] = QUERIES,
        size: tuple[int, int] = (16, 8),
        traits: Mapping[str, Any] | None = None,
    ) -> Path:
        root = tmp_path / folder
        (root / "info").mkdir(parents=True)
        for part, rows in (("train", train), ("test", test)):
            write_part(root, part, rows, size)
        savemat(root / "info" / "query_IDX.mat", {"query_IDX": np.array([queries], dtype=np.uint16)})
        if traits is not None:
            (root / "info" / "traits.json").write_text(json.dumps(traits))
        return root

    return write


@pytest.fixture
def mars_tree(write_mars: Callable[..., Path]) -> Path:
    return write_mars()


def write_part(root: Path, part: str, rows: Sequence[Row], size: tuple[int, int]) -> None:
    names: list[str] = []
    table: list[tuple[int, int, int, int]] = []
    for identity, camera, track, frames in rows:
        folder = "00-1" if identity == -1 else f"{identity:04d}"
        (root / f"bbox_{part}" / folder).mkdir(parents=True, exist_ok=True)
        table.append((len(names) + 1, len(names) + frames, identity, camera))
        coat = np.random.default_rng(identity + 1).integers(0, 200, (4, 2, 3))
        pixels = coat + np.random.default_rng([identity + 1, camera, track]).integers(0, 56, (frames, 4, 2, 3))
        for number in range(frames):
            name = f"{folder}C{camera}T{track:04d}F{number + 1:03d}.jpg"
            image = Image.fromarray(pixels[number].astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
            image.save(root / f"bbox_{part}" / folder / name, quality=90)
            names.append(name)
    (root / "info" / f"{part}_name.txt").write_text("".join(f"{name}\n" for name in names))
    savemat(root / "info" / f"tracks_{part}_info.mat", {f"track_{part}_info": np.array(table, dtype=np.int32)})
