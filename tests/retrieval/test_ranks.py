"""Ranks counted in parts of the gallery: the same as in one, right to the rounding, and in the memory of a block."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reidbench.retrieval import blocks
from reidbench.retrieval.features import Features
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.retrieval.ranks import Ranked, ranked_queries
from reidbench.retrieval.similarity import similarity_blocks
from reidbench.spec import Protocol

RELEASE = PROTOCOLS["release"]
SCORES = ("ap", "first", "inp", "twin_auc", "valid")


def unit_features(count: int, dimension: int, seed: int, identities: int = 20) -> Features:
    """Random directions, as hard to tell apart as they come: every similarity is near 0."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = rng.integers(1, identities + 1, count)
    groups = np.char.add("g", (people // 2).astype(str))
    names = np.char.add(f"{seed}/", np.arange(count).astype(str))
    clothes = np.array(["red", "blue"])[rng.integers(0, 2, count)]
    return Features(vectors, people, rng.integers(1, 4, count), groups, clothes, names)


def in_parts(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(blocks, "BLOCK", block)
    monkeypatch.setattr(blocks, "FEW", 1 << 30)


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
@pytest.mark.parametrize("block", [1, 64, 999])
def test_parts_of_the_gallery_change_nothing(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole numbers, so that the distance matrix is the same whatever shape it is made in, and many entries tie."""
    query, gallery = unit_features(9, 4, 0), unit_features(120, 4, 1)
    query, gallery = (replace(f, vectors=np.rint(3 * f.vectors)) for f in (query, gallery))
    whole = evaluate(query, gallery, PROTOCOLS[name])
    in_parts(monkeypatch, block)
    if not PROTOCOLS[name].reranking:
        assert all(len(each.parts) > 1 for each in similarity_blocks(query, gallery, PROTOCOLS[name]))
    parts = evaluate(query, gallery, PROTOCOLS[name])
    for score in SCORES:
        np.testing.assert_array_equal(getattr(parts, score), getattr(whole, score))


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_a_part_made_twice_holds_the_same_numbers(distance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = unit_features(37, 515, 0), unit_features(401, 515, 1)
    in_parts(monkeypatch, 37 * 128)
    for block in similarity_blocks(query, gallery, Protocol("mine", distance=distance)):
        for part in block.parts:
            np.testing.assert_array_equal(block.part(part), block.part(part))


@pytest.mark.parametrize("block", [1 << 25, 40 * 128])
def test_every_rank_is_that_in_double_precision_but_for_near_ties(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = unit_features(40, 512, 0), unit_features(700, 512, 1)
    monkeypatch.setattr(blocks, "BLOCK", block)
    if block < 1 << 25:
        in_parts(monkeypatch, block)
    found = dict(ranked_queries(query, gallery, RELEASE))
    assert len(found) == len(query)
    alike = [_ranks_agree(query, gallery, row, ranked) for row, ranked in found.items()]
    assert np.mean(alike) > 0.9, "near ties are rare"


def _ranks_agree(query: Features, gallery: Features, row: int, found: Ranked) -> bool:
    """Whether a query's ranks are the plain ones in float64; asserts that differing ones are due to near ties."""
    similarities = gallery.vectors.astype(np.float64) @ query.vectors[row].astype(np.float64)
    own = gallery.identities == query.identities[row]
    matches = np.sort(similarities[own & (gallery.cameras != query.cameras[row])])[::-1]
    np.testing.assert_allclose(found.matches, matches, atol=1e-6)
    place = np.arange(1, len(matches) + 1)
    low, plain, high = (
        place + (similarities[~own] >= matches[:, None] + slack).sum(axis=1) for slack in (1e-6, 0, -1e-6)
    )
    assert (low <= found.ranks).all() and (found.ranks <= high).all()
    return bool((found.ranks == plain).all())


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[slice]:
    """The parts of the gallery whose similarities were made, in order."""
    found: list[slice] = []
    plain = similarity_blocks

    def counted(*arguments: object) -> object:
        for block in plain(*arguments):  # type: ignore[arg-type]
            yield replace(block, part=lambda columns, b=block: (found.append(columns), b.part(columns))[1])

    monkeypatch.setattr("reidbench.retrieval.ranks.similarity_blocks", counted)
    return found


def test_the_first_pass_makes_only_parts_that_hold_matches(made: list[slice], monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = unit_features(6, 8, 0), unit_features(400, 8, 1)
    identities = np.where(np.arange(400) < 40, gallery.identities, 0)
    gallery = replace(gallery, identities=identities, groups=np.full(400, ""))
    in_parts(monkeypatch, 6 * 50)
    assert dict(ranked_queries(query, gallery, RELEASE))
    assert made == [slice(0, 50), *(slice(start, start + 50) for start in range(0, 400, 50))]


def test_a_gallery_that_stays_whole_is_made_once(made: list[slice]) -> None:
    assert dict(ranked_queries(unit_features(6, 8, 0), unit_features(400, 8, 1), RELEASE))
    assert made == [slice(0, 400)]


def test_a_memory_mapped_gallery_takes_the_memory_of_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the features, and some numbers an entry for where each identity stands."""
    in_parts(monkeypatch, 1 << 15)
    query = replace(unit_features(64, 8, 0, 2000), groups=np.full(64, ""))
    peaks = []
    for count in (20_000, 80_000):
        held = unit_features(count, 8, 1, 2000)
        np.save(tmp_path / "gallery.npy", held.vectors)
        mapped = replace(held, vectors=np.load(tmp_path / "gallery.npy", mmap_mode="r"))
        tracemalloc.start()
        found = evaluate(query, mapped, RELEASE)
        peaks.append(tracemalloc.get_traced_memory()[1] - 64 * count)
        tracemalloc.stop()
        np.testing.assert_array_equal(found.ap, evaluate(query, held, RELEASE).ap)
    matrix = 4 * 64 * 80_000
    assert max(peaks) < 4 * 4 * (1 << 15) < matrix / 30
