"""The table of one model under several protocols: narrow enough, true to the samples, with a reason for what is not."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest

from reidbench.clusters import mean_interval
from reidbench.estimates import groups_of
from reidbench.experiments.scoring import Scored
from reidbench.reporting.answers.scores import (
    WIDTH,
    difference,
    printed_scores,
    score_values,
    scored_text,
    scored_values,
)
from reidbench.reporting.tables.intervals import ALIKE_MEANS
from reidbench.retrieval.protocols import PROTOCOLS, in_full
from reidbench.spec import Outcome


@pytest.fixture(autouse=True)
def made_up_measurements() -> None:
    """These tables are of the true quantities, not of the made-up ones beside."""


def outcome(seed: int, queries: int = 60, lower: float = 0.0) -> Outcome:
    ap = np.clip(np.random.default_rng(0).uniform(0.3, 1, queries) - lower, 0, 1)
    found = {f"top{rank}": np.random.default_rng(seed + rank).integers(0, 2, queries) for rank in (1, 5, 10, 20)}
    samples = {"ap": ap, "inp": ap / 2, **found, "identity": np.arange(queries) // 3}
    context = {"queries": queries, "queries_without_match": 60 - queries, "gallery": 100}
    return Outcome(samples={name: values.astype(float).tolist() for name, values in samples.items()}, context=context)


@pytest.fixture
def scored() -> list[Scored]:
    failed = {"first_clip": "protocol first_clip: the clips are too short"}
    found = []
    for place, (name, protocol) in enumerate(PROTOCOLS.items()):
        queries = 51 if name == "release_no_queries" else 60
        found.append(
            Scored(protocol, reason=failed[name])
            if name in failed
            else Scored(protocol, outcome(place, queries, lower=0.01 * place))
        )
    return found


def test_the_text_fits_and_names_every_protocol(scored: list[Scored]) -> None:
    text = scored_text(scored, "bicnet_tks with " + "a/" * 60 + "model.pt, dataset mars (a subset)")
    lines = text.splitlines()
    assert max(map(len, lines[3:])) <= WIDTH
    for one in scored:
        assert sum(line.startswith(f"{one.protocol.name} ") for line in lines) == (2 if one.outcome else 1)
        assert f"\n{one.protocol.name}: " in text
    assert "first_clip: not scored: the clips are too short." in lines
    assert "mAP - release (pp)" in text and "mINP (%)" in text


def test_the_values_are_those_of_the_samples(scored: list[Scored]) -> None:
    lines = {line["protocol"]: line for line in scored_values(scored)}
    assert lines.keys() == PROTOCOLS.keys()
    for one in scored:
        line = lines[one.protocol.name]
        assert line["about"] == in_full(one.protocol.about)
        if one.outcome is None:
            assert line["reason"] and "mAP" not in line
            continue
        samples = one.outcome.samples
        known = mean_interval(samples["ap"], groups_of(samples, "identity"), share=True)
        assert line["mAP"] == {
            "value": 100 * known.value,
            "low": 100 * known.low,
            "high": 100 * known.high,
        }
        assert line["queries"] == len(samples["ap"])
        assert {"top1", "top5", "top10", "top20", "mINP"} <= line.keys()
    assert lines["release"]["difference"] == {"value": 0, "low": 0, "high": 0}
    moved = lines["release_with_queries"]["difference"]
    assert moved["value"] == pytest.approx(-2.0, abs=0.1) and moved["high"] < 0


def test_the_difference_is_that_of_the_two_printed_numbers(scored: list[Scored]) -> None:
    """Also where a protocol counts fewer queries: then it is not the mean over those that both count."""
    release, fewer = scored[0], scored[1]
    gap = difference(fewer, release)
    assert release.outcome and fewer.outcome and gap
    means = [np.mean(one.outcome.samples["ap"]) for one in (fewer, release)]
    assert gap.value == pytest.approx(means[0] - means[1])
    assert gap.low < gap.value < gap.high


def test_people_see_rounded_values_with_titles() -> None:
    known = {
        "mAP": {"value": 12.3456, "low": 10.0499, "high": 14.96},
        "top1": {"value": 50.06, "low": 0.0, "high": 99.99},
        "top5": {"value": 100.0, "low": nan, "high": nan},
    }
    assert printed_scores(known) == {
        "mAP (%)": "12.3 (10.0 to 15.0)",
        "top-1 (%)": "50.1 (0.0 to 100.0)",
        "top-5 (%)": "100.0 (no interval: all persons score the same)",
    }


def test_what_all_persons_have_is_printed_without_an_interval_where_it_is_not_all_or_none(scored: list[Scored]) -> None:
    found = next(one for one in scored if one.outcome)
    assert found.outcome is not None and ALIKE_MEANS not in " ".join(scored_text([found], "").split())

    def with_top20(share: float) -> Scored:
        samples = {**found.outcome.samples, "top20": [share] * len(found.outcome.samples["ap"])}
        return replace(found, outcome=replace(found.outcome, samples=samples))

    text = scored_text([with_top20(0.5)], "")
    assert "50.0 [none]" in text and ALIKE_MEANS in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= WIDTH
    values = scored_values([with_top20(0.5)])[0]["top20"]
    assert values["value"] == 50 and isnan(values["low"]) and isnan(values["high"])
    every = scored_values([with_top20(1.0)])[0]["top20"]
    assert every["value"] == every["high"] == 100 and 75 < every["low"] < 95, "15 persons say that much"


def test_tables_of_wide_intervals_are_split(scored: list[Scored]) -> None:
    few = [replace(one, outcome=with_few_persons(one.outcome)) if one.outcome else one for one in scored]
    text = scored_text(few, "")
    assert max(map(len, text.splitlines())) <= WIDTH
    heads = [line.split() for line in text.splitlines() if line.startswith("protocol ")]
    assert len(heads) == 3 and [name for head in heads for name in head if name.startswith("top-")] == [
        *("top-1", "top-5", "top-10", "top-20")
    ]
    for one in few:
        assert sum(line.startswith(f"{one.protocol.name} ") for line in text.splitlines()) == (3 if one.outcome else 1)


def with_few_persons(found: Outcome) -> Outcome:
    """The same with ranks that all but one in twelve persons have, so that their intervals are printed in brackets."""
    persons = np.array(found.samples["identity"])
    ranks = {f"top{rank}": (persons > 0).astype(float).tolist() for rank in (1, 5, 10, 20)}
    return replace(found, samples={**found.samples, **ranks})


def test_what_was_not_measured_is_left_out() -> None:
    assert score_values(outcome(0)).keys() == {"mAP", "mINP", "top1", "top5", "top10", "top20"}
