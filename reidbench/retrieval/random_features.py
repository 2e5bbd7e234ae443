"""Features of nobody, of any number, in a memory-mapped file: to time scoring where no dataset is as large."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reidbench.data.cache import leaves_room
from reidbench.data.tracklets import DISTRACTOR
from reidbench.files import refused
from reidbench.retrieval.features import Features
from reidbench.spec import UserError

IDENTITIES, CAMERAS, TRACKLETS = 625, 6, 8_062
"""Of the test part of MARS: persons, cameras, and tracklets in the gallery that are no distractors."""

AT_ONCE = 8_192
"""Vectors drawn; those of a longer gallery are the same with their numbers moved round, another way in each lot."""


def random_features(path: Path, queries: int, gallery: int, dimension: int) -> tuple[Features, Features]:
    """Queries, and a gallery whose vectors are in the file `path`, both directions drawn at random, always the same.

    The gallery begins as that of MARS does; what it has beyond is distractors, as where a gallery has grown. Raises
    UserError where the file would take the disk's last tenth, or cannot be written.
    """
    need = 4 * gallery * dimension
    if not leaves_room(path.parent, need):
        raise UserError(
            f"{path}: {gallery:,} vectors of {dimension} take {need / 1e9:.1f} GB, and a tenth of the disk is to stay "
            "free; free some space, or set REIDBENCH_CACHE to a folder on another disk"
        )
    rng = np.random.default_rng(0)
    query, lot = _directions(rng, queries, dimension), _directions(rng, min(gallery, AT_ONCE), dimension)
    header = {"descr": "<f4", "fortran_order": False, "shape": (gallery, dimension)}
    try:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for number, start in enumerate(range(0, gallery, AT_ONCE)):
                file.write(np.roll(lot, number, axis=1)[: gallery - start].data)
    except OSError as error:
        raise refused(path, error) from error
    people = rng.integers(1, IDENTITIES + 1, gallery)
    people[TRACKLETS:] = DISTRACTOR
    vectors = np.load(path, mmap_mode="r")
    return _named("q", query, rng.integers(1, IDENTITIES + 1, queries), rng), _named("g", vectors, people, rng)


def _directions(rng: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    vectors = rng.standard_normal((count, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _named(letter: str, vectors: np.ndarray, identities: np.ndarray, rng: np.random.Generator) -> Features:
    count = len(vectors)
    names, unsaid = np.char.add(letter, np.arange(count).astype(str)), np.full(count, "")
    return Features(vectors, identities, rng.integers(1, CAMERAS + 1, count), unsaid, unsaid, names)
