"""Times over other rows' times, from readings whose ratios can be worked out by hand."""

from dataclasses import replace
from math import ceil, exp, log
from typing import Any

import pytest

from reidbench.regression.pairing import Pair
from reidbench.regression.times import judge_time, log_ratios
from reidbench.regression.verdicts import Limits
from reidbench.scatter import Noise
from reidbench.spec import Quantity, Record

TIME = Quantity("Latency", "x", "lower", statistic="ratio", sample="per_frame", over="reference")
RATE = Quantity("Throughput", "/s", "higher", statistic="median", sample="frames_per_second")
LIMITS = Limits(least=0.05)


def record(load: float = 0.0, **samples: list[float]) -> Record:
    return Record({}, "k", "row", "ok", {}, samples, {"other_load": load}, "machine", {}, "2026", 1.0)


def test_a_time_is_divided_by_the_reference_row_round_by_round() -> None:
    own = record(per_frame=[2.0, 9.0], reference=[1.0, 3.0])
    assert log_ratios(own, None, TIME) == {"": pytest.approx([log(2), log(3)])}


def test_a_rate_is_the_inverse_of_the_seconds_of_each_batch_that_both_have() -> None:
    own = record(seconds_batch_1=[2.0, 4.0], seconds_batch_2=[1.0], frames_per_second=[7.0])
    other = record(seconds_batch_1=[1.0, 1.0], seconds_batch_4=[1.0], frames_per_second=[1.0])
    assert log_ratios(own, other, RATE) == {"seconds_batch_1": pytest.approx([log(1 / 2), log(1 / 4)])}


def test_a_rate_without_seconds_of_batches_is_compared_itself() -> None:
    own, other = record(frames_per_second=[8.0, 9.0]), record(frames_per_second=[4.0, 3.0])
    assert log_ratios(own, other, RATE) == {"frames_per_second": pytest.approx([log(2), log(3)])}


@pytest.mark.parametrize("reference", [[], [1.0], [1.0, 0.0]])
def test_readings_that_do_not_go_together_or_are_no_times_are_left_out(reference: list[float]) -> None:
    assert log_ratios(record(per_frame=[2.0, 3.0], reference=reference), None, TIME) == {}
    assert log_ratios(record(frames_per_second=[2.0]), None, RATE) == {}


def pair(here: list[float], there: list[float], *, sessions: int = 1, **changes: Any) -> Pair:
    """A row of these times over a reference row's of 1, alike in each session."""
    sides = [tuple(record(per_frame=own, reference=[1.0] * len(own)) for _ in range(sessions)) for own in (here, there)]
    beside = ({},) * sessions
    found = Pair("Slim", "latency.ratio", "Latency", TIME, "time", *sides, "Base", ("Base",), beside, beside)
    return replace(found, **changes)


def around(center: float, spread: float, count: int = 20) -> list[float]:
    return [center * exp(spread * (2 * i / (count - 1) - 1)) for i in range(count)]


@pytest.mark.parametrize(
    ("factor", "word"), [(1.2, "worse"), (1.06, "worse"), (1.04, "same"), (0.96, "same"), (0.94, "better")]
)
def test_a_time_that_hardly_scatters_is_called_by_the_limit_alone(factor: float, word: str) -> None:
    found = judge_time(pair(around(factor, 0.001), around(1, 0.001)), LIMITS, None, 0.99)
    assert found["word"] == word and found["note"] == ""
    assert found["change"] == pytest.approx(factor - 1)
    assert found["low"] < found["change"] < found["high"]
    assert (found["before"], found["after"]) == pytest.approx((1, factor))


def test_a_disturbed_session_on_either_side_is_noted() -> None:
    quiet = pair(around(1, 0.001), around(1, 0.001))
    for side in ("here", "there"):
        (found,) = getattr(quiet, side)
        busy = replace(found, context={"other_load": 1.5})
        note = judge_time(replace(quiet, **{side: (busy,)}), LIMITS, None, 0.99)["note"]
        assert note == "other processes used 1.5 cores in a session"


def test_nothing_in_common_is_not_compared() -> None:
    found = judge_time(pair([1.0] * 9, []), LIMITS, None, 0.99)
    assert (found["word"], found["note"]) == ("not comparable", "no readings of the same batch on both sides")


@pytest.mark.parametrize(
    ("factor", "sessions", "note"),
    [
        # A difference has a noise of sqrt(2 / sessions) x 0.04, its interval 1.96 times that, the strict one 2.576.
        (1.0, 1, "about 6 sessions a side would tell (now 1 here, 1 there)"),  # (0.1109 / log 1.05)^2 = 5.2
        (1.1, 1, "about 3 sessions a side would tell (now 1 here, 1 there)"),  # (0.1457 / log 1.1)^2 = 2.3
        (1 / 1.1, 1, "about 3 sessions a side would tell (now 1 here, 1 there)"),
        (0.985, 1, "about 10 sessions a side would tell (now 1 here, 1 there)"),  # (0.1109 / (log 0.985 - log 0.95))^2
        (1.0, 3, "about 6 sessions a side would tell (now 3 here, 3 there)"),
        (1.145, 1, "about 2 sessions a side would tell (now 1 here, 1 there)"),  # 1.2 are more than the one there is
        (1.0495, 1, "the change is too near the limit for 20 sessions a side to tell (now 1 here, 1 there)"),
        (1.0235, 1, "about 19 sessions a side would tell (now 1 here, 1 there)"),
    ],
)
def test_what_it_takes_to_tell_follows_from_the_noise_of_one_session(factor: float, sessions: int, note: str) -> None:
    made = pair(around(factor, 0.0001), around(1, 0.0001), sessions=sessions)
    found = judge_time(made, LIMITS, Noise(0.0, 0.04), 0.99)
    assert (found["word"], found["note"]) == ("cannot tell", note)


def test_the_side_with_fewer_sessions_says_how_many_more_it_takes() -> None:
    made = pair(around(1.0, 0.0001), around(1, 0.0001), sessions=3)
    short = replace(made, there=made.there[:2], beside_there=made.beside_there[:2])
    note = judge_time(short, LIMITS, Noise(0.0, 0.04), 0.99)["note"]
    assert note == "about 5 sessions a side would tell (now 3 here, 2 there)"  # 2 (1.96 x 0.0365 / log 1.05)^2 = 4.3


def test_the_noise_is_that_of_all_rows_that_enter() -> None:
    """Of the row's own and a half of another's; what all rows but the reference row share cancels by half."""
    made = pair(around(1, 0.0001), around(1, 0.0001), divisors=("Base", "A"))
    others = ({"A": record(per_frame=[1.0] * 20, reference=[1.0] * 20)},)
    made = replace(made, beside_here=others, beside_there=others)
    for noise, between in ((Noise(0.02, 0.0), 0.02 / 2), (Noise(0.0, 0.02), 0.02 * 1.25**0.5)):
        found = judge_time(made, LIMITS, noise, 0.99)
        reach = 1.96 * 2**0.5 * between
        assert (found["low"], found["high"]) == pytest.approx((exp(-reach) - 1, exp(reach) - 1), rel=0.01)
    base = judge_time(replace(made, row="Base", divisors=("A",)), LIMITS, Noise(0.0, 0.02), 0.99)
    assert base["high"] == pytest.approx(exp(1.96 * 2**0.5 * 0.02) - 1, rel=0.01), "its own is none against itself"


def test_sessions_towards_the_same_are_counted_to_the_nearer_limit() -> None:
    """5 % less is further from none, in logarithms, than 5 % more: 4.95 % less is within reach of it."""
    found = judge_time(pair(around(0.9505, 0.00001), around(1, 0.00001)), LIMITS, Noise(0.0, 0.0004), 0.99)
    assert found["word"] == "cannot tell" and found["note"].startswith("about 5 sessions a side would tell")


@pytest.mark.parametrize(
    ("factor", "side", "room"),
    [(1.0, -1, log(1.05)), (1.0, 1, log(1.05)), (1.1, -1, log(1.1)), (1 / 1.1, 1, log(1.1))],
)
def test_of_an_uneven_interval_the_longer_side_counts(factor: float, side: int, room: float) -> None:
    """Most readings lie at the factor, the others ever further on one side of it."""
    tail = [factor * exp(side * 0.9 * step / 12) for step in range(1, 13)]
    uneven, even = around(factor, 0.0001, 18) + tail, around(1, 0.0001, 30)
    found = judge_time(pair(uneven, even), LIMITS, None, 0.95)
    low, high = (abs(log(1 + found[name]) - log(factor)) for name in ("low", "high"))
    assert max(low, high) > 100 * min(low, high)
    assert (found["before"], found["after"]) == pytest.approx((1, factor), rel=1e-3), "medians, not means"
    assert judge_time(pair(even, uneven), LIMITS, None, 0.95)["before"] == pytest.approx(factor, rel=1e-3)
    needed = ceil((max(low, high) / room) ** 2)
    assert found["note"] == f"about {needed} sessions a side would tell (now 1 here, 1 there)"


def rates(here: Record, there: Record, base: list[Record]) -> Pair:
    beside = [({"Base": each},) for each in base]
    return Pair("Slim", "throughput.x", "Throughput", RATE, "time", (here,), (there,), "Base", ("Base",), *beside)


def test_a_rate_is_judged_by_the_batches_of_both_sides() -> None:
    one = [1.0] * 20
    here = record(seconds_batch_1=around(0.5, 0.001), seconds_batch_2=one)
    there = record(seconds_batch_1=around(1, 0.001), seconds_batch_4=one)
    base = [record(seconds_batch_1=one, seconds_batch_2=one), record(seconds_batch_1=one, seconds_batch_4=one)]
    found = judge_time(rates(here, there, base), LIMITS, None, 0.99)
    assert found["word"] == "better" and found["change"] == pytest.approx(1.0)
    assert found["before"] is None and found["after"] is None, "of several batches there is no one value"


def test_a_divisor_without_the_same_rounds_leaves_nothing_to_compare() -> None:
    made = pair(around(1, 0.0001), around(1, 0.0001), divisors=("Base", "A"))
    for missed in (record(per_frame=[1.0] * 19, reference=[1.0] * 19), record()):
        found = judge_time(
            replace(made, beside_here=({"A": missed},), beside_there=({"A": missed},)), LIMITS, None, 0.99
        )
        assert found["note"] == "no readings of the same batch on both sides"
