import math

import numpy as np
import pytest
from made_up import QUANTITIES

from reidbench.estimates import estimate
from reidbench.reporting.comparison import clear_best, compare, exceeds_noise
from reidbench.reporting.sessions import Scatter
from reidbench.spec import Quantity, Record

MEAN_AP, EMBLEM = QUANTITIES["accuracy"]["mAP"], QUANTITIES["accuracy"]["mAP_emblem"]
KNOWN = Scatter(0.001, 9)
LATENCY, RATIO = QUANTITIES["latency"]["latency"], QUANTITIES["latency"]["ratio"]
THROUGHPUT = Quantity("Throughput", "frames/s", "higher", statistic="median", sample="rates")
PARAMS = QUANTITIES["complexity"]["params"]


def row(quantity, *samples, values=None):
    records = [
        Record(
            {}, str(i), "row", "ok", values or {}, {k: list(map(float, v)) for k, v in s.items()}, {}, "m", {}, "", 0
        )
        for i, s in enumerate(samples)
    ]
    known = estimate(quantity, "params", records)
    assert known is not None
    return known, records


def accuracy(offset, seeds=1, people=None):
    rng = np.random.default_rng(0)
    people = np.arange(30) if people is None else people
    easy = rng.random(30)
    return row(MEAN_AP, *({"ap": easy + offset + 0.01 * s, "identity": people} for s in range(seeds)))


def test_queries_are_paired_by_identity():
    gap = compare(MEAN_AP, accuracy(0.2, 3), accuracy(0.1, 3))
    assert gap.value == pytest.approx(0.1)
    assert exceeds_noise(MEAN_AP, gap)


def test_one_seed_a_row_never_exceeds_the_noise():
    gap = compare(MEAN_AP, accuracy(0.5), accuracy(0.1))
    assert gap.low > 0 and math.isnan(gap.sd)
    assert not exceeds_noise(MEAN_AP, gap)


def test_rows_over_other_queries_are_not_compared():
    assert compare(MEAN_AP, accuracy(0.5, 3), accuracy(0.1, 3, people=np.arange(30) + 1)) is None


def test_one_session_is_paired_round_by_round():
    drift = np.linspace(1, 2, 20)
    fast = row(LATENCY, {"seconds": 0.99 * drift, "reference": drift})
    slow = row(LATENCY, {"seconds": drift, "reference": drift})
    assert compare(LATENCY, fast, slow).high < 0
    assert clear_best(LATENCY, {"fast": fast, "slow": slow}, KNOWN) == "fast"


def test_a_time_leads_only_by_more_than_twice_what_sessions_scatter():
    drift = np.linspace(1, 2, 20)
    rows = {name: row(LATENCY, {"seconds": x * drift, "reference": drift}) for name, x in (("fast", 0.9), ("slow", 1))}
    assert [clear_best(LATENCY, rows, Scatter(noise, 9)) for noise in (0.05, 0.06)] == ["fast", ""]
    assert clear_best(LATENCY, rows, None) == "", "how much they scatter is not known"


@pytest.mark.parametrize("quantity", [LATENCY, RATIO])
def test_two_sessions_are_not_compared_however_far_apart(quantity):
    drift = np.linspace(1, 2, 20)
    fast = row(quantity, {"seconds": 0.1 * drift, "reference": drift})
    slow = row(quantity, {"seconds": drift, "reference": drift})
    later = row(quantity, {"seconds": 2 * drift, "reference": 1.001 * drift})
    assert compare(quantity, fast, later) is None
    assert clear_best(quantity, {"fast": fast, "slow": slow}, KNOWN) == "fast"
    assert clear_best(quantity, {"fast": fast, "slow": slow, "later": later}, KNOWN) == ""


def test_a_throughput_has_no_reference_readings_and_no_best_row():
    high, low = (row(THROUGHPUT, {"rates": np.linspace(1, 1.1, 20) * factor}) for factor in (9, 1))
    assert clear_best(THROUGHPUT, {"high": high, "low": low}, KNOWN) == ""


def test_a_session_of_few_rounds_has_no_best_row():
    few = np.ones(3)
    fast, slow = (row(LATENCY, {"seconds": factor * few, "reference": few}) for factor in (0.1, 1))
    assert clear_best(LATENCY, {"fast": fast, "slow": slow}, KNOWN) == ""


def test_a_tie_has_no_best_row():
    drift = np.linspace(1, 2, 20)
    same = row(RATIO, {"seconds": drift, "reference": drift})
    assert clear_best(RATIO, {"a": same, "b": same}, KNOWN) == ""


def test_numbers_without_a_measured_noise_have_no_best_row():
    small, large = row(PARAMS, {}, values={"params": 1.0}), row(PARAMS, {}, values={"params": 2.0})
    assert clear_best(PARAMS, {"small": small, "large": large}, None) == ""


def test_a_row_alone_is_not_the_best():
    assert clear_best(MEAN_AP, {"only": accuracy(0.5, 3)}, None) == ""
