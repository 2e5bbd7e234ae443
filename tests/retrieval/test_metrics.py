from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from reidbench.data.tracklets import DISTRACTOR, JUNK, Tracklet
from reidbench.retrieval import blocks
from reidbench.retrieval.features import Features
from reidbench.retrieval.metrics import QueryScores, evaluate, lookalike_floor, score_samples
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Protocol, UserError

RECTANGULAR = PROTOCOLS["release"]
TRAPEZOID = PROTOCOLS["mars_matlab"]


def features(
    vectors: np.ndarray, identities: list[int], cameras: list[int], groups: list[str] | None = None
) -> Features:
    named, count = groups or [""] * len(identities), len(identities)
    columns = (np.array(identities), np.array(cameras), np.array(named), np.full(count, ""))
    return Features(vectors.astype(np.float32), *columns, np.arange(count).astype(str))


def line(
    similarities: list[float], identities: list[int], cameras: list[int], groups: list[str] | None = None
) -> Features:
    """A gallery with these similarities to the query of `one`."""
    return features(np.array(similarities)[:, None], identities, cameras, groups)


def one(group: str = "") -> Features:
    """A query of identity 1 in camera 1."""
    return features(np.ones((1, 1)), [1], [1], [group])


def ranking(query: Features, gallery: Features, row: int, distractors: bool = True, clothes: str = "any") -> np.ndarray:
    """The definition, step by step: 1 where an entry of the sorted, cleaned gallery is a match; ties pessimistic."""
    similarity = query.vectors[row] @ gallery.vectors.T
    entries = []
    rest = (gallery.identities, gallery.cameras, gallery.clothes)
    for value, identity, camera, worn in zip(similarity, *rest, strict=True):
        same = identity == query.identities[row]
        if identity == JUNK or (same and camera == query.cameras[row]) or (identity == DISTRACTOR and not distractors):
            continue
        changed = worn != query.clothes[row]
        if same and ((clothes == "other" and not changed) or (clothes == "same" and changed)):
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
    """Small whole-number vectors: similarities are exact, and many of them tie. The first query has every match."""
    rng = np.random.default_rng(seed)

    def draw(count: int, lowest: int) -> Features:
        identities = rng.integers(lowest, 6, count)
        groups = np.where(identities > 0, np.char.add("g", (identities // 2).astype(str)), "")
        vectors = rng.integers(-levels, levels + 1, (count, 3)).astype(np.float32)
        cameras, clothes = rng.integers(1, 4, count), np.array(["u0", "u1"])[rng.integers(0, 2, count)]
        return Features(vectors, identities, cameras, groups, clothes, np.arange(count).astype(str))

    query, gallery = draw(queries, 1), draw(entries, JUNK)
    for each, count, camera, worn in ((query, 1, 1, ["u0"]), (gallery, 2, 2, ["u0", "u1"])):
        each.identities[:count], each.cameras[:count], each.groups[:count], each.clothes[:count] = 1, camera, "g0", worn
    return query, gallery


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.sampled_from([RECTANGULAR, TRAPEZOID]),
    st.booleans(),
    st.sampled_from([1, 50]),
    st.sampled_from(["any", "other", "same"]),
)
def test_against_the_definition(seed: int, protocol: Protocol, distractors: bool, levels: int, clothes: str) -> None:
    query, gallery = random_set(seed, levels=levels)
    found = evaluate(query, gallery, replace(protocol, distractors=distractors, clothes=clothes))
    for row in range(len(query)):
        matches = ranking(query, gallery, row, distractors, clothes)
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
def test_ap_with_ties_against_sklearn(seed: int) -> None:
    """Of equal similarities those that are no match come first, and matches one by one.

    sklearn, which takes equal ones as one step, is told so by scores that are a half, and a trifle, less for a match.
    """
    rng = np.random.default_rng(seed)
    similarities, identities = rng.integers(0, 6, 40), rng.integers(1, 4, 40)
    if not (identities == 1).any():
        identities[0] = 1
    found = evaluate(one(), line(list(similarities), list(identities), [2] * 40), RECTANGULAR)
    matches = identities == 1
    scores = similarities - matches * (0.5 + np.arange(40) / 1000)
    assert found.ap[0] == pytest.approx(average_precision_score(matches, scores))


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_no_other_order_of_ties_scores_lower(seed: int) -> None:
    query, gallery = random_set(seed, levels=1)
    shaken = np.random.default_rng(seed).uniform(0, 1e-3, len(gallery)).astype(np.float32)
    apart = replace(gallery, vectors=np.concatenate([gallery.vectors, shaken[:, None]], axis=1))
    query_apart = replace(query, vectors=np.concatenate([query.vectors, np.ones((len(query), 1), np.float32)], axis=1))
    tied, untied = evaluate(query, gallery, RECTANGULAR), evaluate(query_apart, apart, RECTANGULAR)
    valid = tied.valid
    assert (tied.ap[valid] <= untied.ap[valid] + 1e-12).all() and (tied.inp[valid] <= untied.inp[valid]).all()
    assert (tied.first[valid] >= untied.first[valid]).all()


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(sorted(PROTOCOLS)))
def test_junk_in_the_gallery_changes_nothing_under_any_protocol(seed: int, name: str) -> None:
    query, gallery = random_set(seed)
    clean = gallery.take(gallery.identities != JUNK)
    one, other = evaluate(query, gallery, PROTOCOLS[name]), evaluate(query, clean, PROTOCOLS[name])
    np.testing.assert_array_equal(one.ap, other.ap)
    np.testing.assert_array_equal(one.first, other.first)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([RECTANGULAR, TRAPEZOID]))
def test_one_more_distractor_never_helps(seed: int, protocol: Protocol) -> None:
    query, gallery = random_set(seed)
    vector = np.random.default_rng(seed).integers(-4, 5, (1, 3)).astype(np.float32)
    more = Features(
        np.concatenate([gallery.vectors, vector]),
        *(
            np.append(getattr(gallery, n), v)
            for n, v in (("identities", 0), ("cameras", 1), ("groups", ""), ("clothes", ""), ("names", "x"))
        ),
    )
    fewer, found = evaluate(query, gallery, protocol), evaluate(query, more, protocol)
    valid = fewer.valid
    np.testing.assert_array_equal(found.valid, valid)
    assert (found.ap[valid] <= fewer.ap[valid] + 1e-12).all() and (found.first[valid] >= fewer.first[valid]).all()
    without = evaluate(query, more, replace(protocol, distractors=False))
    np.testing.assert_array_equal(without.ap, evaluate(query, gallery, replace(protocol, distractors=False)).ap)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(["cosine", "euclidean"]))
def test_turning_all_vectors_alike_changes_nothing(seed: int, distance: str) -> None:
    rng = np.random.default_rng(seed)
    query = features(rng.normal(size=(4, 5)), [1, 2, 3, 1], [1, 1, 1, 2])
    gallery = features(rng.normal(size=(40, 5)), list(rng.integers(1, 5, 40)), list(rng.integers(1, 4, 40)))
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0].astype(np.float32)
    turned = [replace(f, vectors=f.vectors @ turn) for f in (query, gallery)]
    protocol = replace(RECTANGULAR, distance=distance)
    np.testing.assert_allclose(evaluate(*turned, protocol).ap, evaluate(query, gallery, protocol).ap, atol=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_the_gallerys_order_does_not_matter(seed: int) -> None:
    query, gallery = random_set(seed)
    order = np.random.default_rng(seed).permutation(len(gallery))
    a, b = evaluate(query, gallery, TRAPEZOID), evaluate(query, gallery.take(order), TRAPEZOID)
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
    with pytest.raises(UserError, match="protocol release: clothes is 'none'; choose any, other, same"):
        evaluate(one(), line([0.5], [1], [2]), replace(RECTANGULAR, clothes="none"))


def test_where_queries_match_each_other_the_protocol_that_searches_among_them_is_named() -> None:
    nobody = line([0.5], [9], [1])
    with pytest.raises(UserError, match=r"in another camera; use another protocol$"):
        evaluate(line([0.5, 0.4, 0.3], [1, 1, 2], [1, 1, 2]), nobody, RECTANGULAR)
    each_other = line([0.5, 0.4], [1, 1], [1, 2])
    with pytest.raises(UserError, match=r"in another camera; .* use release_with_queries$"):
        evaluate(each_other, nobody, RECTANGULAR)
    with pytest.raises(UserError, match=r"in another camera and other clothes; use another protocol$"):
        evaluate(each_other, nobody, PROTOCOLS["clothes_changing"])
    assert PROTOCOLS["release_with_queries"].queries_in_gallery
    assert evaluate(each_other, each_other, RECTANGULAR).valid.all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = random_set(1, queries=30)
    whole = evaluate(query, gallery, RECTANGULAR)
    monkeypatch.setattr(blocks, "BLOCK", 100)
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


def test_a_query_without_look_alikes_takes_none_from_the_others() -> None:
    gallery = line([0.9, 0.5, 0.7], [1, 2, 3], [2, 2, 2], ["g", "g", ""])
    query = features(np.ones((2, 1)), [1, 2], [1, 1], ["g", ""])
    np.testing.assert_array_equal(evaluate(query, gallery, RECTANGULAR).twin_auc, [1, math.nan])


def test_samples_hold_the_valid_queries_in_order() -> None:
    tracklets = [
        Tracklet(("a",), 1, 1, {"group": "g1", "factor": "emblem", "occluded": 1}),
        Tracklet(("b",), 2, 1, {"group": "g2", "factor": "tempo", "occluded": 0}),
        Tracklet(("c",), 3, 1, {"group": "g2"}),
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
        "group": [1, 2, 4],
        "occluded": [1, 0, 0],
        "factor:emblem": [1, 0, 0],
    }
    plain = score_samples(scores, [Tracklet(("a",), i, 1) for i in range(4)])
    assert not {"group", "occluded", "factor:emblem"} & set(plain)


def test_the_factors_of_look_alikes_come_in_order() -> None:
    names = ["tempo", "emblem", "gait", "order", "bag", "side"]
    scores = QueryScores(*(np.ones(6) for _ in range(4)), valid=np.ones(6, bool))
    samples = score_samples(scores, [Tracklet(("a",), 1, 1, {"factor": name}) for name in names])
    assert [name for name in samples if name.startswith("factor:")] == [f"factor:{name}" for name in sorted(names)]


@pytest.mark.parametrize("rule", ["rectangular", "trapezoid"])
@pytest.mark.parametrize(("identities", "cameras"), [(1, 4), (2, 3), (4, 2), (4, 4)])
def test_the_floor_is_that_of_random_order_within_a_group(identities: int, cameras: int, rule: str) -> None:
    group = [(1 + i, c, "g1") for i in range(identities) for c in range(cameras)]
    columns = map(np.array, zip(*group, (50, 0, "g2"), (51, 0, ""), strict=True))
    gallery = Features(np.zeros((len(group) + 2, 1), np.float32), *columns, *np.full((2, len(group) + 2), ""))
    ranked = np.array([identity == 1 for identity, camera, _ in group if identity != 1 or camera != 0])
    rng = np.random.default_rng(0)
    simulated = []
    for _ in range(4000):
        ranks = 1 + np.flatnonzero(rng.permutation(ranked))
        found = np.arange(1, len(ranks) + 1)
        above = np.where(ranks > 1, (found - 1) / np.maximum(1, ranks - 1), 1)
        simulated.append(np.mean(found / ranks if rule == "rectangular" else (found / ranks + above) / 2))
    assert lookalike_floor(gallery, 0, gallery, Protocol(ap=rule)) == pytest.approx(np.mean(simulated), abs=0.01)


@pytest.mark.parametrize("rule", ["rectangular", "trapezoid"])
@pytest.mark.parametrize("cameras", [2, 3, 5])
def test_the_floor_of_a_query_without_look_alikes_is_1(cameras: int, rule: str) -> None:
    gallery = line([0.0] * (cameras + 1), [*[1] * cameras, 2], list(range(cameras + 1)))
    assert lookalike_floor(gallery, 0, gallery, Protocol(ap=rule)) == 1
