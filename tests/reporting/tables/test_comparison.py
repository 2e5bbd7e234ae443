import math
from dataclasses import replace

import numpy as np
import pytest
from made_up import QUANTITIES

from reidbench.estimates import estimate
from reidbench.reporting.tables.comparison import (
    clear_best,
    compare,
    contrast,
    exceeds_noise,
    excludes_zero,
    rests_on_two,
    spread_over_seeds,
)
from reidbench.scatter import Noise
from reidbench.spec import Record
from reidbench.statistics import Estimate

MEAN_AP, EMBLEM = QUANTITIES["accuracy"]["mAP"], QUANTITIES["accuracy"]["mAP_emblem"]
KNOWN = Noise(0.001, 0.001, freedom=8)
LATENCY, RATIO = QUANTITIES["latency"]["latency"], QUANTITIES["latency"]["ratio"]
THROUGHPUT = QUANTITIES["throughput"]["throughput"]
PARAMS = QUANTITIES["complexity"]["params"]


def row(quantity, *samples, values=None, started="2026-01-01T00:00:00", peers=("fast", "slow")):
    measurement = next(name for name, known in QUANTITIES.items() if quantity in known.values())
    readings = [{name: list(map(float, series)) for name, series in sample.items()} for sample in samples]
    about = {"peers": list(peers)}
    records = [
        Record({"measurement": measurement}, str(i), "row", "ok", values or {}, own, about, "m", {}, started, 0)
        for i, own in enumerate(readings)
    ]
    known = estimate(quantity, "params", records)
    assert known is not None
    return known, records


def accuracy(offset, seeds=1, people=None):
    rng = np.random.default_rng(0)
    people = np.arange(30) if people is None else people
    easy = rng.random(30)
    return row(MEAN_AP, *({"ap": easy + offset + 0.01 * s, "identity": people} for s in range(seeds)))


def seeds_at(*offsets):
    easy = np.random.default_rng(0).random(30)
    return row(MEAN_AP, *({"ap": easy + offset, "identity": np.arange(30)} for offset in offsets))


def test_queries_are_paired_by_identity():
    gap = compare(MEAN_AP, accuracy(0.2, 3), accuracy(0.1, 3))
    assert gap.value == pytest.approx(0.1)
    assert exceeds_noise(MEAN_AP, gap)


def test_one_seed_a_row_never_exceeds_the_noise():
    gap = compare(MEAN_AP, accuracy(0.5), accuracy(0.1))
    assert gap.low > 0 and math.isnan(gap.sd)
    assert not exceeds_noise(MEAN_AP, gap)


def test_a_row_does_not_exceed_the_noise_against_its_like():
    gap = compare(MEAN_AP, accuracy(0.2, 3), accuracy(0.2, 3))
    assert gap.value == 0 and not exceeds_noise(MEAN_AP, gap)
    ends = [Estimate(0.1, 0.0, 0.2), Estimate(-0.1, -0.2, 0.0), Estimate(0.0, 0.0, 0.0)]
    assert not any(excludes_zero(each) for each in ends)


def test_two_seeds_that_lie_apart_make_an_interval_wider_than_those_of_the_rows():
    def rests(*offsets):
        first, second = seeds_at(*offsets), accuracy(0.1, len(offsets))
        return rests_on_two(compare(MEAN_AP, first, second), (first[0], second[0]))

    assert rests(0.1, 0.3) and not rests(0.1, 0.11), "not where they lie close"
    assert not rests(0.1, 0.3, 0.5) and not rests(0.1), "nor of three, nor of one, of which more is said"


def test_rows_over_other_queries_are_not_compared():
    assert compare(MEAN_AP, accuracy(0.5, 3), accuracy(0.1, 3, people=np.arange(30) + 1)) is None


def test_groups_of_rows_are_compared_by_their_means():
    first, second = [accuracy(0.2, 2), accuracy(0.4, 2)], [accuracy(0.1, 2)]
    gap = contrast(MEAN_AP, first, second)
    assert gap.value == pytest.approx(0.2) and exceeds_noise(MEAN_AP, gap)
    assert contrast(MEAN_AP, [*first, accuracy(0.4, 3)], second) is None, "with one seed more"
    assert contrast(MEAN_AP, first, [*second, (first[0][0], [])]) is None, "nothing was recorded of one"
    assert contrast(MEAN_AP, first, []) is None and contrast(MEAN_AP, [], second) is None


def marked(offset, marks):
    values = np.linspace(0, 1, 8)
    return row(EMBLEM, {EMBLEM.sample: values + offset * (np.arange(8) < 4), "identity": range(8), EMBLEM.where: marks})


def test_marked_queries_are_compared_where_both_rows_mark_the_same():
    half, other = [1] * 4 + [0] * 4, [0] * 4 + [1] * 4
    assert compare(EMBLEM, marked(0.2, half), marked(0, half)).value == pytest.approx(0.2)
    assert compare(EMBLEM, marked(0.2, other), marked(0, other)).value == 0
    assert compare(EMBLEM, marked(0.2, half), marked(0, other)) is None


def test_the_spread_over_seeds_of_a_column_is_from_the_least_to_the_largest_of_its_rows():
    rows = {name: (Estimate(0.5, sd=sd), []) for name, sd in (("a", 0.3), ("b", math.nan), ("c", 0.1), ("d", 0.2))}
    assert spread_over_seeds(rows) == (0.1, 0.3)
    assert all(map(math.isnan, spread_over_seeds({"b": rows["b"]})))


def test_one_session_is_paired_round_by_round():
    drift = np.linspace(1, 2, 20)
    fast = row(LATENCY, {"seconds": 0.99 * drift, "reference": drift})
    slow = row(LATENCY, {"seconds": drift, "reference": drift})
    assert compare(LATENCY, fast, slow).high < 0
    assert clear_best(LATENCY, {"fast": fast, "slow": slow}, KNOWN) == "fast"


def test_a_time_leads_only_by_more_than_sessions_of_the_two_rows_scatter():
    rows = {"fast": timed(LATENCY, 0.9), "slow": timed(LATENCY, 1)}
    own, shared = (0.0, 0.04), (0.06, 0.0)
    lead = -math.log(0.9)
    assert 1.96 * math.hypot(*own) * math.sqrt(2) > lead > 1.96 * 0.03 * math.sqrt(2)
    assert [clear_best(LATENCY, rows, Noise(0.0, size)) for size in (0.03, 0.04)] == ["fast", ""]
    assert clear_best(LATENCY, rows, Noise(*shared)) == "fast", "what both share does not part them"
    assert clear_best(LATENCY, rows, Noise(*shared), "slow") == "", "but the reference row does not share in it"
    assert clear_best(LATENCY, rows, Noise(*own), "slow") == "fast", "nor adds noise of its own"
    assert clear_best(LATENCY, rows, Noise(0.0, 0.03, freedom=2)) == "", "three sessions do not tell so well"
    assert clear_best(LATENCY, rows) == "", "how much they scatter is not known"


def test_a_lead_has_to_exceed_the_rounds_and_the_sessions_together():
    def rows(*rounds):
        made = {"fast": {"seconds": np.repeat(rounds, 10)}, "slow": {"seconds": np.ones(20)}}
        return {name: row(LATENCY, {**sample, "reference": np.ones(20)}) for name, sample in made.items()}

    unsteady, steady, noise = rows(0.8, 0.99), rows(0.895, 0.895), Noise(0.0, 0.035)
    assert compare(LATENCY, unsteady["fast"], unsteady["slow"]).high < 0
    assert clear_best(LATENCY, unsteady, Noise(0.0, 0.0)) == clear_best(LATENCY, steady, noise) == "fast"
    assert clear_best(LATENCY, unsteady, noise) == "", "either is exceeded alone"


def timed(quantity, factor, **session):
    """A row of a session whose readings are all `factor` times those of a reference row."""
    drift = np.linspace(1, 2, 20)
    return row(quantity, {quantity.sample: factor * drift, "reference": drift}, **session)


@pytest.mark.parametrize("quantity", [LATENCY, RATIO, THROUGHPUT])
@pytest.mark.parametrize("other", [{"started": "2026-01-01T00:01:00"}, {"peers": ["later"]}])
def test_two_sessions_are_not_compared_however_far_apart(quantity, other):
    low, high = timed(quantity, 0.1), timed(quantity, 1)
    later = timed(quantity, 0.5, **other)
    best = "high" if quantity is THROUGHPUT else "low"
    assert compare(quantity, low, later) is None
    assert clear_best(quantity, {"low": low, "high": high}, KNOWN) == best
    assert clear_best(quantity, {"low": low, "high": high, "later": later}, KNOWN) == ""


def test_a_throughput_is_paired_round_by_round_and_leads_by_more_than_sessions_differ():
    rows = {"high": timed(THROUGHPUT, 1.1), "low": timed(THROUGHPUT, 1)}
    gap = compare(THROUGHPUT, rows["high"], rows["low"])
    assert 0 < gap.low < gap.high < 0.21, "of rates that double meanwhile"
    assert [clear_best(THROUGHPUT, rows, Noise(0.0, size)) for size in (0.03, 0.04)] == ["high", ""]


def test_a_group_with_a_row_that_has_no_session_is_not_compared():
    fast, slow = timed(LATENCY, 0.5), timed(LATENCY, 1)
    assert contrast(LATENCY, [fast, fast], [slow]).high < 0
    assert contrast(LATENCY, [fast, (fast[0], [])], [slow]) is None


def test_rows_that_missed_a_round_are_not_compared():
    whole, short = (row(THROUGHPUT, {"per_second": np.ones(rounds)}) for rounds in (20, 19))
    assert compare(THROUGHPUT, whole, short) is None


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


def test_what_is_neither_better_nor_worse_has_no_best_row():
    rows = {"high": accuracy(0.5, 3), "low": accuracy(0.1, 3)}
    assert clear_best(MEAN_AP, rows) == "high" and clear_best(replace(MEAN_AP, better=""), rows) == ""


def test_a_row_alone_is_not_the_best():
    assert clear_best(MEAN_AP, {"only": accuracy(0.5, 3)}, None) == ""
