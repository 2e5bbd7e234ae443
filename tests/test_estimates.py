"""What records say about a quantity, by its statistic."""

import math
from dataclasses import replace

import numpy as np
import pytest

from reidbench.clusters import mean_interval
from reidbench.estimates import estimate, groups_of, seed_means
from reidbench.spec import Quantity, Record
from reidbench.statistics import Estimate

MEAN = Quantity("mAP", "%", "higher", statistic="mean", sample="ap", by="identity")
MASKED = Quantity("mAP", "%", "higher", statistic="mean", sample="ap", by="identity", where="occluded")


def record(values=None, **samples) -> Record:
    return Record({}, "k", "row", "ok", values or {}, samples, {}, "made-up", {}, "", 0.0)


def test_estimate_of_one_value():
    quantity = Quantity("Params", "M", "lower")
    assert estimate(quantity, "params", [record({"params": 5.0})]).value == 5.0
    assert estimate(quantity, "params", [record({"macs": 5.0})]) is None
    assert estimate(quantity, "params", []) is None
    two = [record({"params": 5.0}), record({"params": 7.0})]
    found = estimate(quantity, "params", two)
    assert (found.value, found.n, found.sd) == (6.0, 2, pytest.approx(math.sqrt(2)))
    assert estimate(quantity, "params", [*two, record({"macs": 5.0})]) is None, "one of them lacks it"


def test_estimate_of_a_median_and_a_ratio():
    seconds = np.arange(1.0, 10.0)
    made = record(seconds=list(seconds), reference=list(2 * seconds))
    assert estimate(Quantity("", "ms", "lower", statistic="median", sample="seconds"), "latency", [made]).value == 5.0
    ratio = Quantity("", "", "lower", statistic="ratio", sample="seconds", over="reference")
    assert estimate(ratio, "ratio", [made]) == Estimate(0.5, 0.5, 0.5, 9, 0.0)
    assert estimate(ratio, "ratio", [record(seconds=[1.0])]) is None


def test_estimate_of_two_seeds_pools_the_queries_and_spreads_over_seeds():
    seeds = [record(ap=[0.2, 0.4], identity=[1, 2]), record(ap=[0.4, 0.6], identity=[1, 2])]
    found = estimate(MEAN, "mAP", seeds)
    assert (found.value, found.n) == (pytest.approx(0.4), 2)
    assert found.sd == pytest.approx(np.std([0.3, 0.5], ddof=1))
    persons = mean_interval([0.3, 0.5], share=True)
    assert (found.low, found.high) == pytest.approx((persons.low, persons.high)), "two persons, not 4 values"


def test_seed_means_are_of_each_record_by_itself_over_the_marked_readings():
    records = [record(ap=[0.2, 0.4, 1.0], far=[1, 1, 0]), record(ap=[0.6, 0.8, 0.0], far=[1, 0, 0])]
    plain = Quantity("mAP", "%", "higher", 1, 100, "", "mean", "ap")
    marked = Quantity("mAP", "%", "higher", 1, 100, "", "mean", "ap", where="far")
    assert seed_means(plain, records) == pytest.approx([1.6 / 3, 1.4 / 3])
    assert seed_means(marked, records) == pytest.approx([0.3, 0.6])
    assert seed_means(marked, [records[0], record(ap=[0.5], far=[0])]) == pytest.approx([0.3])
    known = estimate(marked, "mAP", records)
    assert known.sd == pytest.approx(np.std([0.3, 0.6], ddof=1)) and known.n == 2


def test_estimate_of_one_seed_has_an_interval_but_no_spread():
    found = estimate(MEAN, "mAP", [record(ap=[0.2, 0.4, 0.9], identity=[1, 2, 3])])
    assert found.n == 1 and math.isnan(found.sd) and found.low < found.value < found.high


def test_estimate_with_a_mark_uses_the_marked_queries_alone():
    made = record(ap=[0.2, 0.4, 0.9], identity=[1, 2, 3], occluded=[0, 1, 1])
    assert estimate(MASKED, "mAP_occluded", [made]).value == pytest.approx(0.65)
    assert estimate(MASKED, "mAP_occluded", [record(ap=[0.2], identity=[1], occluded=[0])]) is None
    assert estimate(MASKED, "mAP_occluded", [record(ap=[0.2], identity=[1])]) is None


def test_look_alikes_are_one_group_of_the_kind_that_its_size_tells():
    """Of persons 1 to 5 the first three and the last two look alike."""
    samples = {"identity": [1, 1, 2, 3, 4, 5], "group": [1, 1, 1, 1, 4, 4], "ap": [0.1, 0.3, 0.2, 0.9, 0.5, 0.6]}
    groups = groups_of(samples, "identity")
    assert groups.tolist() == [[3, 1]] * 4 + [[2, 4]] * 2
    assert groups_of({"identity": [3, 1]}, "identity").tolist() == [3, 1]
    assert groups_of(samples, "identity", join=False).tolist() == samples["identity"]
    assert groups_of({**samples, "frame": [1] * 6}, "frame").tolist() == [1] * 6
    assert estimate(MEAN, "mAP", [record(**samples)]) == replace(
        mean_interval(samples["ap"], groups, share=True), n=1, sd=pytest.approx(math.nan, nan_ok=True)
    )


def test_estimate_refuses_an_unknown_statistic():
    with pytest.raises(ValueError, match="mode"):
        estimate(Quantity("", "", "", statistic="mode", sample="x"), "x", [record(x=[1.0])])
