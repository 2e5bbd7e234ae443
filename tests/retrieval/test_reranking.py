"""Re-ranking against its definition, set by set and weight by weight, written from the paper's equations 1 to 12."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reidbench.retrieval import blocks
from reidbench.retrieval.reranking import K1, K2, LAMBDA, reranked_distances


def definition(vectors: np.ndarray, k1: int, k2: int, share: float) -> np.ndarray:
    """Final distances [N, N] (equation 12), by loops over Python sets."""
    everyone = range(len(vectors))
    vectors = vectors.astype(np.float64)
    squared = [[float(((vectors[p] - vectors[g]) ** 2).sum()) for g in everyone] for p in everyone]
    original = [[value / (max(row) or 1.0) for value in row] for row in squared]

    def nearest(p: int, k: int) -> list[int]:
        """N(p, k), and p itself before them: nobody is nearer to it."""
        return sorted(everyone, key=lambda g: (g != p, squared[p][g], g))[: k + 1]

    def reciprocal(p: int, k: int) -> set[int]:
        return {g for g in nearest(p, k) if p in nearest(g, k)}

    def robust(p: int) -> set[int]:
        own = reciprocal(p, k1)
        found = set(own)
        for q in own:
            half = reciprocal(q, round(k1 / 2))
            if 3 * len(own & half) > 2 * len(half):
                found |= half
        return found

    weights = []
    for p in everyone:
        members = robust(p)
        total = sum(exp(-original[p][g]) for g in members)
        weights.append([exp(-original[p][g]) / total if g in members else 0.0 for g in everyone])
    averaged = []
    for p in everyone:
        near = nearest(p, k2 - 1)
        averaged.append([sum(weights[q][g] for q in near) / len(near) for g in everyone])
    final = np.empty((len(vectors), len(vectors)))
    for p in everyone:
        for g in everyone:
            minima = sum(map(min, averaged[p], averaged[g]))
            maxima = sum(map(max, averaged[p], averaged[g]))
            final[p, g] = (1 - share) * (1 - minima / maxima) + share * original[p][g]
    return final


def clusters(seed: int, count: int, spread: float = 0.5) -> np.ndarray:
    """Vectors [count, 6] around a few centres, at unit length."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(5, 6))[rng.integers(0, 5, count)] + spread * rng.normal(size=(count, 6))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=25)
@given(
    st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 12), st.integers(1, 6), st.sampled_from([0.0, 0.3, 1.0])
)
@example(0, 40, 7, 3, 0.3)  # half of an odd number
@example(0, 40, 2, 6, 0.3)  # more neighbours to average over than for the sets
def test_against_the_definition(seed: int, count: int, k1: int, k2: int, share: float) -> None:
    vectors = clusters(seed, count)
    order = np.random.default_rng(seed).permutation(count)
    query, gallery = order[: count // 2 + 1], order[count // 3 :]
    found = np.stack(list(reranked_distances(vectors, query, gallery, k1=k1, k2=k2, share=share)))
    wanted = definition(vectors, k1, k2, share)[np.ix_(query, gallery)]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_with_the_papers_numbers_of_neighbours() -> None:
    vectors, everyone = clusters(0, 90), np.arange(90)
    found = np.stack(list(reranked_distances(vectors, everyone, everyone)))
    assert (K1, K2, LAMBDA) == (20, 6, 0.3)
    np.testing.assert_allclose(found, definition(vectors, 20, 6, 0.3), atol=1e-5)
    assert found.min() >= -1e-12 and found.max() <= 1 + 1e-12
    np.testing.assert_allclose(np.diag(found), 0, atol=1e-6)


def test_neighbours_that_agree_bring_two_tracklets_together() -> None:
    rng = np.random.default_rng(1)
    vectors = np.concatenate([rng.normal(centre, 1.0, (30, 8)) for centre in (0.0, 1.0)]).astype(np.float32)
    same = np.arange(60)[:, None] // 30 == np.arange(60) // 30
    away = ~np.eye(60, dtype=bool)
    original = ((vectors[:, None] - vectors) ** 2).sum(-1)
    reranked = np.stack(list(reranked_distances(vectors, np.arange(60), np.arange(60))))

    def mistaken(distances: np.ndarray) -> float:
        """How often somebody else is nearer than one of the same cluster."""
        return float(
            np.mean([(d[~s][:, None] < d[s & a]).mean() for d, s, a in zip(distances, same, away, strict=True)])
        )

    assert mistaken(reranked) < 0.6 * mistaken(original)


def test_the_share_of_the_original_distance_alone_is_its_order() -> None:
    vectors = clusters(3, 40)
    found = np.stack(list(reranked_distances(vectors, np.arange(40), np.arange(40), share=1.0)))
    squared = ((vectors[:, None] - vectors) ** 2).sum(-1)
    np.testing.assert_allclose(found, squared / squared.max(axis=1, keepdims=True), atol=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clusters(4, 50)
    whole = np.stack(list(reranked_distances(vectors, np.arange(20), np.arange(10, 50))))
    monkeypatch.setattr(blocks, "BLOCK", 130)
    again = np.stack(list(reranked_distances(vectors, np.arange(20), np.arange(10, 50))))
    np.testing.assert_allclose(again, whole, atol=1e-6)


def test_the_length_of_all_vectors_makes_no_difference() -> None:
    vectors, everyone = clusters(5, 40), np.arange(40)
    plain, short = (np.stack(list(reranked_distances(v, everyone, everyone))) for v in (vectors, vectors / 16))
    np.testing.assert_allclose(short, plain, atol=1e-6)


def test_of_neighbours_equally_near_the_first_come_first() -> None:
    """On a small grid most distances tie, and decide who is among the 21."""
    vectors = np.random.default_rng(6).integers(0, 3, (60, 3)).astype(np.float32)
    found = np.stack(list(reranked_distances(vectors, np.arange(60), np.arange(60))))
    np.testing.assert_allclose(found, definition(vectors, 20, 6, 0.3), atol=1e-5)


def test_everybody_at_one_point_has_no_distance() -> None:
    vectors = np.ones((30, 4), dtype=np.float32)
    found = np.stack(list(reranked_distances(vectors, np.arange(5), np.arange(30))))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, definition(vectors, 20, 6, 0.3)[:5], atol=1e-6)
