"""What one file of features scores less another one: the paired difference of the samples, on lines that fit."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from reidbench.clusters import paired_difference
from reidbench.experiments.scoring import Scored
from reidbench.reporting.answers.paired_scores import MEANS, NOT_APART, paired_differences, paired_json, paired_text
from reidbench.reporting.answers.scores import WIDTH
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Outcome


@pytest.fixture(autouse=True)
def made_up_measurements() -> None:
    """These tables are of the true quantities, not of the made-up ones beside."""


def outcome(better: float = 0.0) -> Outcome:
    noise = np.random.default_rng(1 + round(10 * better)).normal(size=60)
    ap = np.random.default_rng(0).uniform(0.2, 0.85, 60) + better + 0.01 * noise
    samples = {"ap": ap, "inp": ap / 2, **{f"top{rank}": ap > 0.5 for rank in (1, 5, 10, 20)}}
    samples["identity"] = np.arange(60) // 3
    context = {"queries": 60, "queries_without_match": 0, "gallery": 100}
    return Outcome(samples={name: values.astype(float).tolist() for name, values in samples.items()}, context=context)


def scored(better: float = 0.0) -> list[Scored]:
    *usual, last = PROTOCOLS.values()
    return [*(Scored(each, outcome(better)) for each in usual), Scored(last, reason=f"protocol {last.name}: too few")]


def test_a_difference_is_paired_over_the_persons() -> None:
    first, second = outcome(), outcome(0.1)
    gap = paired_differences(first, second)["mAP"]
    known = paired_difference(second.samples["ap"], first.samples["ap"], first.samples["identity"])
    assert (gap.value, gap.low, gap.high) == (known.value, known.low, known.high)
    assert gap.value == pytest.approx(0.1, abs=0.01) and 0.09 < gap.low < gap.high < 0.11, (
        "far narrower than either interval"
    )
    assert paired_differences(first, second).keys() >= {"mAP", "top1", "top5", "top10", "top20", "mINP"}
    second.samples["identity"][0] = 99.0
    assert paired_differences(first, second) == {}


def test_json_holds_every_difference_in_the_unit_shown() -> None:
    *lines, last = paired_json(scored(), scored(0.1))
    assert "less_first" not in last and last["reason"]
    for line in lines:
        gap = line["less_first"]["mAP"]
        assert gap["value"] == pytest.approx(10, abs=1) and 9 < gap["low"] < gap["value"] < gap["high"] < 11
        assert line["mAP"]["value"] - paired_json(scored(), scored())[0]["mAP"]["value"] == pytest.approx(gap["value"])


def test_the_text_fits_and_says_what_is_not_compared() -> None:
    text = paired_text(scored(), scored(0.1), "model a, features b.npz, less a.npz")
    lines = text.splitlines()
    assert max(map(len, lines)) <= WIDTH and lines[0] == "model a, features b.npz, less a.npz"
    *usual, last = PROTOCOLS
    for name in usual:
        found = [line.split() for line in lines if line.startswith(f"{name} ")]
        assert [line[1] for line in found] == ["mAP", "top-1"] and found[0][5].startswith("+")
    assert f"{last}: not compared: too few." in lines
    assert " ".join(MEANS.split()) in " ".join(text.split())


def test_where_every_person_scores_the_same_there_is_no_interval() -> None:
    gap = paired_differences(outcome(), outcome())["top1"]
    assert gap.value == 0 and isnan(gap.low) and isnan(gap.high)
    text = paired_text(scored(), scored(), "b less a")
    assert text.count("+0.0 [none]") == 2 * (len(PROTOCOLS) - 1) and text.count(NOT_APART.partition(",")[0]) == 1
    assert max(map(len, text.splitlines())) <= WIDTH
