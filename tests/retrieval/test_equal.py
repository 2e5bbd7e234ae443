"""Which vectors hold the same numbers, in memory and in a file, and that they are then exactly as similar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reidbench.retrieval import blocks
from reidbench.retrieval.equal import SAMPLED, first_equals
from reidbench.retrieval.features import Features
from reidbench.retrieval.mapped import UnitVectors
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.similarity import similarity_rows
from reidbench.spec import Protocol

GALLERY = 150


def of_one_vector(match: int, *, length: int = 100, seed: int = 0) -> tuple[Features, Features]:
    """A query and a gallery for which a network gives one vector; the entry at `match` is of the query's identity."""
    vector = np.random.default_rng(seed).normal(size=length)
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    identities = np.where(np.arange(GALLERY) == match, 1, 2)
    names = np.arange(GALLERY + 1).astype(str)
    unsaid = np.full(GALLERY, "")
    gallery = Features(np.tile(vector, (GALLERY, 1)), identities, np.ones(GALLERY, np.int64), unsaid, unsaid, names[1:])
    one = np.zeros(1, np.int64)
    return Features(vector[None], one + 1, one, unsaid[:1], unsaid[:1], names[:1]), gallery


def test_the_first_of_those_that_are_equal_stands_for_them() -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 3 * SAMPLED)).astype(np.float32)
    vectors[[4, 6]], vectors[5] = vectors[1], vectors[2]
    vectors[3], vectors[3, SAMPLED] = vectors[0], 9.0  # alike where it is sampled
    wanted = [-1, 1, 2, -1, 1, 2, 1]
    assert first_equals(vectors).tolist() == first_equals(UnitVectors(vectors)).tolist() == wanted
    assert first_equals(vectors[:4]).tolist() == [-1] * 4
    assert first_equals(vectors[:, :1].round(9)).tolist() == [0, 1, 2, 0, 1, 2, 1]
    assert first_equals(vectors[:0]).tolist() == []


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("block", [1 << 25, 40])
def test_a_network_that_maps_everybody_to_one_point_scores_lowest_wherever_the_match_stands(
    distance: str, mapped: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", block)
    monkeypatch.setattr(blocks, "FEW", 1)
    for match in (0, 1, 63, 64, 100, 148, 149):
        for seed in range(4):
            query, gallery = of_one_vector(match, seed=seed)
            if mapped:
                gallery = replace(gallery, vectors=UnitVectors(3 * gallery.vectors))
            scores = evaluate(query, gallery, Protocol("mine", distance=distance))
            assert scores.first.tolist() == [GALLERY] and scores.ap.tolist() == [1 / GALLERY]


def test_copies_are_as_similar_to_every_query_and_the_others_as_they_were() -> None:
    rng = np.random.default_rng(0)
    query, gallery = of_one_vector(0, length=515)
    query, apart = (replace(f, vectors=rng.normal(size=f.vectors.shape).astype(np.float32)) for f in (query, gallery))
    copied = apart.vectors.copy()
    copied[[77, 149]] = copied[3]
    ((_, plain),) = similarity_rows(query, apart, Protocol())
    ((_, found),) = similarity_rows(query, replace(apart, vectors=copied), Protocol())
    assert found[3] == found[77] == found[149] == pytest.approx(plain[3], rel=1e-5)
    others = ~np.isin(np.arange(GALLERY), [3, 77, 149])
    np.testing.assert_array_equal(found[others], plain[others])
