"""Every protocol by its name, and what of it is in the identity of a record."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from reidbench.retrieval.features import Pooling
from reidbench.retrieval.protocols import MARS_MATLAB, PROTOCOLS, in_full
from reidbench.retrieval.reranking import K1, K2, LAMBDA
from reidbench.spec import LATER_FIELDS, Protocol, UserError

ROOT = Path(__file__).resolve().parents[2]
RECORDS = sorted(ROOT.glob("results/*/accuracy/*.json"))

FIRST = ("name", "about", "clips", "neck", "queries_in_gallery", "distractors", "ap")
"""The fields that every record has held from the first."""


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_are_named_as_they_are_listed(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert protocol.name == name and protocol.about
    assert protocol.clips in ("all", "first", "restricted") and protocol.neck in ("after", "before")
    assert protocol.ap in ("rectangular", "trapezoid") and protocol.distance in ("cosine", "euclidean")
    assert protocol.clothes in ("any", "other", "same")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"clips": "middle"}, "protocol mine: clips is 'middle'; choose all, first, restricted"),
        ({"neck": "affter"}, "protocol mine: neck is 'affter'; choose after, before"),
    ],
)
def test_values_that_no_embedding_knows_are_refused(wrong: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        Pooling.of(replace(Protocol("mine"), **wrong), 8)


def test_no_two_names_mean_the_same() -> None:
    meant = [replace(protocol, name="", about="") for protocol in PROTOCOLS.values()]
    assert len(set(meant)) == len(meant)


def test_each_departs_from_the_release_in_what_it_says_alone() -> None:
    release = asdict(PROTOCOLS["release"])
    for name, protocol in PROTOCOLS.items():
        changed = [key for key, value in asdict(protocol).items() if value != release[key]]
        assert len(changed) <= 3 + (name == "mars_matlab"), name


def test_what_a_protocol_says_of_frames_and_neighbours_is_what_it_does() -> None:
    assert f"all frames in {PROTOCOLS['four_frames'].frames}-frame chunks" in PROTOCOLS["four_frames"].about
    assert f"(Zhong et al., CVPR 2017; k1 {K1}, k2 {K2}, lambda {LAMBDA})" in PROTOCOLS["reranked"].about


def test_a_later_field_is_in_the_identity_only_where_it_is_set() -> None:
    assert tuple(PROTOCOLS["release"].identity) == FIRST
    assert {field.name for field in fields(Protocol)} == {*FIRST, *LATER_FIELDS}
    for name, value in (("frames", 4), ("distance", "euclidean"), ("reranking", True), ("clothes", "other")):
        identity = replace(Protocol(), **{name: value}).identity
        assert set(identity) == {*FIRST, name} and identity[name] == value


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_identity_gives_the_protocol_back(name: str) -> None:
    assert Protocol(**json.loads(json.dumps(PROTOCOLS[name].identity))) == PROTOCOLS[name]


def test_the_committed_records_are_of_todays_protocols() -> None:
    found = [json.loads(path.read_text())["cell"]["settings"]["protocol"] for path in RECORDS]
    assert found
    assert all(protocol == PROTOCOLS[protocol["name"]].identity for protocol in found)


def test_what_people_are_told_names_every_difference_to_release() -> None:
    """`Protocol.about` is part of keys; what it leaves out is told beside it."""
    assert PROTOCOLS["mars_matlab"].about == MARS_MATLAB and "queries" not in MARS_MATLAB
    for protocol in PROTOCOLS.values():
        if protocol.queries_in_gallery is not None:
            assert "the queries" in in_full(protocol.about), protocol.name
