from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from reidbench.retrieval import blocks
from reidbench.retrieval.features import Features
from reidbench.retrieval.mapped import UnitVectors
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.retrieval.reranking import reranked_distances
from reidbench.retrieval.similarity import similarity_blocks, similarity_rows
from reidbench.spec import Protocol, UserError


def features(count: int, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 8)).astype(np.float32)
    names = np.char.add(f"{seed}/", np.arange(count).astype(str))
    return Features(vectors, rng.integers(1, 9, count), rng.integers(1, 4, count), *np.full((2, count), ""), names)


def rows(query: Features, gallery: Features, protocol: Protocol) -> np.ndarray:
    found = list(similarity_rows(query, gallery, protocol))
    assert [row for row, _ in found] == list(range(len(query)))
    return np.stack([similarities for _, similarities in found])


@pytest.mark.parametrize("block", [1, 70, 1 << 25])
def test_the_order_is_that_of_the_distance(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", block)
    query, gallery = features(7, 0), features(30, 1)
    np.testing.assert_allclose(rows(query, gallery, PROTOCOLS["release"]), query.vectors @ gallery.vectors.T, rtol=1e-4)
    found = rows(query, gallery, PROTOCOLS["euclidean"])
    wanted = cdist(query.vectors, gallery.vectors)
    np.testing.assert_array_equal(np.argsort(-found, axis=1), np.argsort(wanted, axis=1))
    cosine = np.argsort(cdist(query.vectors, gallery.vectors, "cosine"), axis=1)
    assert (cosine != np.argsort(wanted, axis=1)).any(), "these vectors tell the two distances apart"


def test_reranking_takes_each_tracklet_once() -> None:
    query, rest = features(6, 0), features(40, 1)
    both = np.concatenate([query.vectors, rest.vectors])
    among = Features(*(np.concatenate([getattr(f, name) for f in (query, rest)]) for name in vars(query)))
    wanted = -np.stack(list(reranked_distances(both, np.arange(6), np.arange(46))))
    np.testing.assert_allclose(rows(query, among, PROTOCOLS["reranked"]), wanted, atol=1e-6)
    np.testing.assert_allclose(rows(query, rest, PROTOCOLS["reranked"]), wanted[:, 6:], atol=1e-6)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_blocks_hold_what_rows_do_under_every_protocol(name: str) -> None:
    query, gallery = features(7, 0), features(30, 1)
    found = np.empty((7, 30))
    for block in similarity_blocks(query, gallery, PROTOCOLS[name]):
        for part in block.parts:
            found[block.rows, part] = block.part(part)
    np.testing.assert_array_equal(found, rows(query, gallery, PROTOCOLS[name]))


@pytest.mark.parametrize(("block", "width"), [(64, 8), (4, 1)])
def test_a_part_of_a_mapped_gallery_is_no_more_vectors_than_fill_a_block(
    block: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 8 numbers each, and one at least."""
    monkeypatch.setattr(blocks, "BLOCK", block)
    query, gallery = features(2, 0), features(20, 1)
    mapped = replace(gallery, vectors=UnitVectors(gallery.vectors))
    (made,) = similarity_blocks(query, mapped, PROTOCOLS["release"])
    assert {part.stop - part.start for part in made.parts[:-1]} == {width}


@pytest.mark.parametrize("made", [similarity_blocks, similarity_rows])
def test_an_unknown_distance_is_refused(made: Callable[..., Iterator[object]]) -> None:
    with pytest.raises(UserError, match="protocol mine: distance is 'manhattan'; choose cosine or euclidean"):
        next(made(features(2, 0), features(2, 1), Protocol("mine", distance="manhattan")))
