"""Features of two files are paired only where queries and gallery are the same, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from reidbench.data.tracklets import Tracklet
from reidbench.retrieval.features import Embedded
from reidbench.retrieval.features_file import given_features
from reidbench.retrieval.pairs import unlike, unlike_under
from reidbench.retrieval.protocols import PROTOCOLS

IDENTITIES, CAMERAS = [1, 2, 1, 2, 3, 0], [1, 1, 2, 2, 2, 3]


def features(
    identities: Sequence[int] = IDENTITIES, cameras: Sequence[int] = CAMERAS, queries: int = 2, **dataset: object
) -> Embedded:
    count = len(identities)
    found = given_features(np.ones((count, 3)), np.array(identities), np.array(cameras), np.arange(count) < queries)
    return replace(found, dataset=replace(found.dataset, **dataset))  # type: ignore[arg-type]


def named(found: Embedded, names: str) -> Embedded:
    tracklets = zip(found.tracklets, names, strict=True)
    return replace(found, tracklets=tuple(Tracklet((name,), t.identity, t.camera) for t, name in tracklets))


def test_the_same_tracklets_are_alike() -> None:
    assert unlike(features(), features()) == ""
    assert unlike(named(features(), "abcdef"), named(features(), "abcdef")) == ""
    assert unlike(named(features(), "abcdef"), features()) == "", "one's own file has no names"
    assert unlike(features(fingerprint="f"), features(name="mars")) == "", "nor a fingerprint"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (features(queries=1), "holds 1 queries and 5 gallery tracklets, not 2 and 4"),
        (features([*IDENTITIES, 4], [*CAMERAS, 1]), "holds 2 queries and 5 gallery tracklets, not 2 and 4"),
        (features([2, 1, 1, 2, 3, 0]), "holds the same tracklets in another order"),
        (features([1, 2, 1, 2, 4, 0]), "holds person 4 in camera 2 as tracklet 5, not person 3 in camera 2"),
        (features(cameras=[1, 1, 2, 2, 2, 4]), "holds person 0 in camera 4 as tracklet 6, not person 0 in camera 3"),
        (features(fingerprint="g"), "is of other data, by its fingerprint"),
    ],
)
def test_others_are_told_apart(other: Embedded, told: str) -> None:
    assert unlike(features(fingerprint="f"), other) == told


def test_clothes_count_where_a_protocol_goes_by_them() -> None:
    given = (np.ones((6, 3)), np.array(IDENTITIES), np.array(CAMERAS), np.arange(6) < 2)
    one, other = (given_features(*given, [*"rrbbr", name]) for name in "rb")
    assert unlike(one, other) == unlike_under(PROTOCOLS["release"], one, other) == ""
    for name in ("clothes_changing", "same_clothes"):
        assert unlike_under(PROTOCOLS[name], one, one) == ""
        assert unlike_under(PROTOCOLS[name], one, other) == "the two do not say the same of what is worn"


def test_names_tell_tracklets_of_one_person_apart() -> None:
    other = named(features(), "0bxdef")
    told = "holds person 1 in camera 2 (x) as tracklet 3, not person 1 in camera 2 (c)"
    assert unlike(named(features(), "0bcdef"), other) == told, "though the first is called by its number"


def test_where_the_queries_are_is_asked_of_each_protocol() -> None:
    inside, outside = features(queries_in_gallery=True), features()
    told = {name: unlike_under(protocol, inside, outside) for name, protocol in PROTOCOLS.items()}
    assert told["release"] and not told["release_with_queries"] and not told["release_no_queries"]
    assert not any(unlike_under(protocol, inside, inside) for protocol in PROTOCOLS.values())
