from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from reidbench.data.tracklets import DISTRACTOR, JUNK, Tracklet
from reidbench.retrieval import metrics as module
from reidbench.retrieval.features import Features
from reidbench.retrieval.metrics import QueryScores, evaluate, lookalike_floor, score_samples
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Protocol, UserError

RECTANGULAR = PROTOCOLS["release"]
TRAPEZOID = PROTOCOLS["mars_matlab"]


def features(
    vectors: np.ndarray, identities: list[int], cameras: list[int], groups: list[str] | None = None
) -> Features:
    named = groups or [""] * len(identities)
    return Features(vectors.astype(np.float32), np.array(identities), np.array(cameras), np.array(named))


def line(
    similarities: list[float], identities: list[int], cameras: list[int], groups: list[str] | None = None
) -> Features:
    """A gallery with these similarities to the query of `one`."""
    return features(np.array(similarities)[:, None], identities, cameras, groups)


def one(group: str = "") -> Features:
    """A query of identity 1 in camera 1."""
    return features(np.ones((1, 1)), [1], [1], [group])


def ranking(query: Features, gallery: Features, row: int, distractors: bool = True) -> np.ndarray:
    """The definition, step by step: 1 where an entry of the sorted, cleaned gallery is a match; ties pessimistic."""
    similarity = query.vectors[row] @ gallery.vectors.T
    entries = []
    for value, identity, camera in zip(similarity, gallery.identities, gallery.cameras, strict=True):
        same = identity == query.identities[row]
        if identity == JUNK or (same and camera == query.cameras[row]) or (identity == DISTRACTOR and not distractors):
            continue
        entries.append((-value, bool(same)))
    return np.array([same for _, same in sorted(entries)])


def brute_force(matches: np.ndarray, rule: str) -> tuple[float, int, float]:
    """Average precision walking down the list (the trapezoid as in the MARS MATLAB), first rank, inverse penalty."""
    good, ap, found, recall, precision = matches.sum(), 0.0, 0, 0.0, 1.0
    for position, match in enumerate(matches, start=1):
        found += int(match)
        new_recall, new_precision = found / good, found / position
        height = new_precision if rule == "rectangular" else (precision + new_precision) / 2
        ap += (new_recall - recall) * height
        recall, precision = new_recall, new_precision
    ranks = np.flatnonzero(matches) + 1
    return ap, int(ranks[0]), good / ranks[-1]


def random_set(seed: int, queries: int = 6, entries: int = 40, levels: int = 4) -> tuple[Features, Features]:
    """Small whole-number vectors: similarities are exact, and many of them tie."""
    rng = np.random.default_rng(seed)

    def draw(count: int, lowest: int) -> Features:
        identities = rng.integers(lowest, 6, count)
        groups = np.where(identities > 0, np.char.add("g", (identities // 2).astype(str)), "")
        vectors = rng.integers(-levels, levels + 1, (count, 3)).astype(np.float32)
        return Features(vectors, identities, rng.integers(1, 4, count), groups)

    return draw(queries, 1), draw(entries, JUNK)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([RECTANGULAR, TRAPEZOID]), st.booleans(), st.sampled_from([1, 50]))
def test_against_the_definition(seed: int, protocol: Protocol, distractors: bool, levels: int) -> None:
    query, gallery = random_set(seed, levels=levels)
    found = evaluate(query, gallery, replace(protocol, distractors=distractors))
    for row in range(len(query)):
        matches = ranking(query, gallery, row, distractors)
        assert found.valid[row] == matches.any()
        if matches.any():
            wanted = brute_force(matches, protocol.ap)
            assert (found.ap[row], found.first[row], found.inp[row]) == pytest.approx(wanted)
        else:
            assert math.isnan(found.ap[row]) and math.isnan(found.inp[row]) and found.first[row] == 0


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_ap_against_sklearn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    query = features(rng.normal(size=(3, 8)), [1, 2, 3], [1, 1, 1])
    gallery = features(rng.normal(size=(50, 8)), list(rng.integers(1, 5, 50)), [2] * 50)
    found = evaluate(query, gallery, RECTANGULAR)
    similarity = query.vectors @ gallery.vectors.T
    for row in np.flatnonzero(found.valid):
        wanted = average_precision_score(gallery.identities == query.identities[row], similarity[row])
        assert found.ap[row] == pytest.approx(wanted)


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_the_gallerys_order_does_not_matter(seed: int) -> None:
    query, gallery = random_set(seed)
    order = np.random.default_rng(seed).permutation(len(gallery))
    shuffled = Features(*(getattr(gallery, n)[order] for n in ("vectors", "identities", "cameras", "groups")))
    a, b = evaluate(query, gallery, TRAPEZOID), evaluate(query, shuffled, TRAPEZOID)
    for name in ("ap", "first", "inp", "twin_auc", "valid"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_bounds(seed: int) -> None:
    query, gallery = random_set(seed)
    found = evaluate(query, gallery, RECTANGULAR)
    valid = found.valid
    assert ((found.ap[valid] > 0) & (found.ap[valid] <= 1)).all()
    assert ((found.inp[valid] > 0) & (found.inp[valid] <= 1)).all()
    np.testing.assert_array_equal(found.ap[valid] > 1 - 1e-12, found.inp[valid] == 1)


def test_a_worked_example() -> None:
    gallery = line([0.9, 0.8, 0.7, 0.6, 0.5], [2, 1, 2, 1, 3], [2, 2, 2, 3, 2])
    found = evaluate(one(), gallery, RECTANGULAR)
    assert found.ap[0] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert (found.first[0], found.inp[0]) == (2, 2 / 4)
    matlab = evaluate(one(), gallery, TRAPEZOID)
    assert matlab.ap[0] == pytest.approx(((0 + 1 / 2) / 2 + (1 / 3 + 2 / 4) / 2) / 2)


def test_the_query_itself_junk_and_its_own_camera_are_left_out() -> None:
    gallery = line([1.0, 0.95, 0.9, 0.8], [1, 1, JUNK, 1], [1, 1, 2, 2])
    found = evaluate(one(), gallery, RECTANGULAR)
    assert (found.ap[0], found.first[0], found.inp[0]) == (1, 1, 1)


def test_distractors_count_unless_dropped() -> None:
    gallery = line([0.9, 0.8], [DISTRACTOR, 1], [1, 2])
    assert evaluate(one(), gallery, RECTANGULAR).first[0] == 2
    assert evaluate(one(), gallery, replace(RECTANGULAR, distractors=False)).first[0] == 1


def test_a_constant_network_scores_lowest() -> None:
    gallery = line([0.5] * 10, [1, 1, *[2] * 8], [2] * 10)
    found = evaluate(one(), gallery, RECTANGULAR)
    assert found.first[0] == 9 and found.inp[0] == 0.2
    assert found.ap[0] == pytest.approx((1 / 9 + 2 / 10) / 2)


def test_no_query_with_a_match_is_refused() -> None:
    with pytest.raises(UserError, match="no query has a match in another camera"):
        evaluate(one(), line([0.5, 0.4], [1, 2], [1, 2]), RECTANGULAR)
    with pytest.raises(UserError, match="ap is '11-point'"):
        evaluate(one(), line([0.5], [1], [2]), replace(RECTANGULAR, ap="11-point"))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = random_set(1, queries=30)
    whole = evaluate(query, gallery, RECTANGULAR)
    monkeypatch.setattr(module, "BLOCK", 100)
    np.testing.assert_array_equal(evaluate(query, gallery, RECTANGULAR).ap, whole.ap)


def test_twin_auc_against_sklearn() -> None:
    rng = np.random.default_rng(0)
    similarities = rng.integers(0, 6, 30) / 8
    identities = [1 + int(i) for i in rng.integers(0, 4, 30)]
    groups = ["g" if i < 4 else "h" for i in identities]
    cameras = [int(c) for c in rng.integers(1, 4, 30)]
    found = evaluate(one("g"), line(list(similarities), identities, cameras, groups), RECTANGULAR)
    compared = [i for i in range(30) if identities[i] < 4 and cameras[i] != 1]
    wanted = roc_auc_score([identities[i] == 1 for i in compared], [similarities[i] for i in compared])
    assert found.twin_auc[0] == pytest.approx(wanted)


def test_twins_that_cannot_be_told_apart_are_even() -> None:
    gallery = line([0.5, 0.5, 0.9, 0.9], [1, 2, 2, 3], [2, 2, 1, 2], ["g", "g", "g", "h"])
    assert evaluate(one("g"), gallery, RECTANGULAR).twin_auc[0] == 0.5
    assert math.isnan(evaluate(one(), gallery, RECTANGULAR).twin_auc[0])
    assert math.isnan(evaluate(one("other"), gallery, RECTANGULAR).twin_auc[0])


def test_samples_hold_the_valid_queries_in_order() -> None:
    tracklets = [
        Tracklet(("a",), 1, 1, {"group": "g1", "factor": "emblem", "occluded": 1}),
        Tracklet(("b",), 2, 1, {"group": "g1", "factor": "tempo", "occluded": 0}),
        Tracklet(("c",), 3, 1),
        Tracklet(("d",), 4, 1, {"occluded": 0}),
    ]
    nan = math.nan
    scores = QueryScores(
        ap=np.array([0.5, nan, 1.0, 0.25]),
        first=np.array([3, 0, 1, 11]),
        inp=np.array([0.2, nan, 1.0, 0.1]),
        twin_auc=np.array([0.75, nan, nan, nan]),
        valid=np.array([True, False, True, True]),
    )
    assert score_samples(scores, tracklets) == {
        "ap": [0.5, 1.0, 0.25],
        "inp": [0.2, 1.0, 0.1],
        "top1": [0, 1, 0],
        "top5": [1, 1, 0],
        "top10": [1, 1, 0],
        "top20": [1, 1, 1],
        "has_twin": [1, 0, 0],
        "twin_auc": [0.75, 0, 0],
        "identity": [1, 3, 4],
        "occluded": [1, 0, 0],
        "factor:emblem": [1, 0, 0],
    }
    plain = score_samples(scores, [Tracklet(("a",), i, 1) for i in range(4)])
    assert not {"occluded", "factor:emblem"} & set(plain)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_are_named_as_they_are_listed(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert protocol.name == name and protocol.about
    assert protocol.clips in ("all", "first") and protocol.neck in ("after", "before")
    assert protocol.ap in ("rectangular", "trapezoid")


@pytest.mark.parametrize(("identities", "cameras"), [(1, 4), (2, 3), (4, 4)])
def test_the_floor_is_that_of_random_order_within_a_group(identities: int, cameras: int) -> None:
    traits = {"group": "g1"}
    group = [Tracklet(("f",), 1 + i, c, traits) for i in range(identities) for c in range(cameras)]
    others = [Tracklet(("f",), 50, 0, {"group": "g2"}), Tracklet(("f",), 51, 0)]
    ranked = np.array([t.identity == 1 for t in group if t.identity != 1 or t.camera != 0])
    rng = np.random.default_rng(0)
    simulated = []
    for _ in range(4000):
        ranks = 1 + np.flatnonzero(rng.permutation(ranked))
        simulated.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    assert lookalike_floor(group[0], [*group, *others]) == pytest.approx(np.mean(simulated), abs=0.01)
