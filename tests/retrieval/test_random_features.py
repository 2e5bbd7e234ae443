from __future__ import annotations

from pathlib import Path

import numpy as np

from reidbench.data.tracklets import DISTRACTOR
from reidbench.retrieval import random_features as module
from reidbench.retrieval.random_features import TRACKLETS, random_features


def test_directions_are_distinct_and_of_unit_length(tmp_path: Path) -> None:
    query, gallery = random_features(tmp_path / "gallery.npy", 7, 3 * module.AT_ONCE + 5, 4)
    assert isinstance(gallery.vectors, np.memmap) and gallery.vectors.shape == (3 * module.AT_ONCE + 5, 4)
    for features in (query, gallery):
        np.testing.assert_allclose(np.linalg.norm(features.vectors, axis=1), 1, rtol=1e-6)
    assert len(np.unique(gallery.vectors, axis=0)) == len(gallery)


def test_what_a_gallery_has_beyond_that_of_mars_is_distractors(tmp_path: Path) -> None:
    query, gallery = random_features(tmp_path / "gallery.npy", 7, TRACKLETS + 90, 4)
    assert (gallery.identities[TRACKLETS:] == DISTRACTOR).all() and (gallery.identities[:TRACKLETS] > 0).all()
    assert set(query.identities) <= set(gallery.identities)


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    (_, one), (_, other) = (random_features(tmp_path / name, 3, 50, 8) for name in ("a.npy", "b.npy"))
    np.testing.assert_array_equal(one.vectors, other.vectors)
    np.testing.assert_array_equal(one.identities, other.identities)
