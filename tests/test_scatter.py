"""The noise between sessions, found again in made-up readings of which it is known."""

import json
from dataclasses import replace
from math import exp, isnan, sqrt
from pathlib import Path

import numpy as np
import pytest

from reidbench.scatter import Noise, covering, noise_by_device, noise_of, on_device, scatter
from reidbench.spec import Quantity
from reidbench.statistics import Estimate

ROWS = ("a", "b", "c", "d")


def sessions(count: int, shared: float, own: float, within: float, rounds: int = 20) -> dict[str, list[list[float]]]:
    generator = np.random.default_rng(3)
    common = generator.normal(0, shared, count)
    return {
        row: [list(generator.normal(generator.normal(each, own), within, rounds)) for each in common] for row in ROWS
    }


@pytest.mark.parametrize(("between", "within"), [(0.03, 0.05), (0.0, 0.05), (0.1, 0.01)])
def test_the_scatter_between_sessions_is_told_from_that_within(between: float, within: float) -> None:
    found = scatter(sessions(60, 0.0, between, within))
    assert found[0] == pytest.approx(between, abs=0.006) and found[1] == pytest.approx(within, rel=0.1)


@pytest.mark.parametrize(("shared", "own"), [(0.05, 0.01), (0.0, 0.03), (0.04, 0.0)])
def test_what_all_rows_share_is_told_from_what_is_their_own(shared: float, own: float) -> None:
    found = noise_of(sessions(200, shared, own, 0.02))
    assert found is not None
    assert found.shared == pytest.approx(shared, abs=0.006) and found.own == pytest.approx(own, abs=0.003)


def test_a_few_disturbed_rounds_leave_the_scatter_as_it_is() -> None:
    calm = sessions(60, 0.0, 0.03, 0.05)
    disturbed = {
        row: [[5.0, 5.0, *each[2:]] if number % 2 else each for number, each in enumerate(of_row)]
        for row, of_row in calm.items()
    }
    assert scatter(disturbed) == pytest.approx(scatter(calm), rel=0.15)


def test_one_session_says_nothing_of_the_scatter_between_them() -> None:
    assert all(isnan(value) for value in scatter(sessions(1, 0.0, 0.1, 0.1)))
    assert noise_of(sessions(1, 0.1, 0.1, 0.1)) is None and noise_of({}) is None


def test_a_single_row_keeps_all_of_its_noise_to_itself() -> None:
    both = sessions(100, 0.05, 0.01, 0.02)
    assert noise_of({"a": both["a"]}) == Noise(0.0, scatter({"a": both["a"]})[0], freedom=99)


def test_rows_with_unlike_numbers_of_rounds_are_compared_by_those_that_all_have() -> None:
    full = sessions(50, 0.05, 0.01, 0.02)
    shorter = {**full, "a": [readings[:-3] for readings in full["a"]]}
    assert noise_of(shorter).own == pytest.approx(noise_of(full).own, abs=0.002)
    with pytest.raises(ValueError, match="zip"):
        noise_of({**full, "a": full["a"][:-1]})


def test_the_noise_of_a_sum_follows_from_its_weights() -> None:
    """Simulated: three rows and the reference row, of which one is divided by the mean of the others."""
    generator = np.random.default_rng(5)
    shared, own = generator.normal(0, 0.05, 100_000), generator.normal(0, 0.01, (3, 100_000))
    rows = shared + own
    noise = Noise(0.05, 0.01)
    assert noise.of([1.0]) == pytest.approx(rows[0].std(), rel=0.02)
    over_three = rows[0] - (rows[1] + rows[2] + 0.0) / 3
    assert noise.of([1.0, -1 / 3, -1 / 3]) == pytest.approx(over_three.std(), rel=0.02)
    without_reference = rows[0] - (rows[1] + rows[2]) / 2
    assert noise.of([1.0, -0.5, -0.5]) == pytest.approx(without_reference.std(), rel=0.02)
    assert noise.of([1.0, -0.5, -0.5]) == pytest.approx(0.01 * sqrt(1.5))


def test_noise_known_from_few_sessions_reaches_further() -> None:
    point, few = Estimate(0.0, 0.0, 0.0), Noise(0.03, 0.04, freedom=4)
    assert Noise(0.03, 0.04).widen(point, [1.0]).high == pytest.approx(1.960 * 0.05, rel=0.001)
    assert few.widen(point, [1.0]).high == pytest.approx(2.776 * 0.05, rel=0.001)
    assert few.widen(point, [1.0], 1 / 4, 0.99).low == pytest.approx(-4.604 * 0.05 / 2, rel=0.001)


def calibration(folder: Path, **parts: object) -> Path:
    (folder / "calibration.json").write_text(json.dumps({"about": {"device": "cuda"}, **parts}))
    return folder


def test_the_noise_is_that_of_the_calibrated_device(tmp_path: Path) -> None:
    series = sessions(18, 0.05, 0.01, 0.02)
    found = noise_by_device(calibration(tmp_path, log_ratios=series))
    assert found == {"cuda": noise_of(series)} and found["cuda"].freedom == 17
    assert on_device(found, {"device": "cuda"}) and on_device(found, {"device": "cpu"}) is None


TWO = {"a": [[0.1, 0.2], [0.1, 0.3]], "b": [[0.1, 0.2], [0.1, 0.3]]}


@pytest.mark.parametrize(
    "parts",
    [
        *({"log_ratios": series} for series in ({}, [], None, {"a": [[0.1]]}, {**TWO, "b": [[0.1, 0.2]]})),
        *({"log_ratios": {**TWO, "b": [[0.1, value], [0.1, 0.3]]}} for value in ("x", None, {})),
        *(
            {"log_ratios": {**TWO, "b": [[0.1, value], [0.1, 0.3]]}}
            for value in (float("nan"), float("inf"), int("9" * 400))
        ),
        {"log_ratios": {"a": [[], []]}},
        {"log_ratios": {"a": [[0.0, 0.0], [9.0, 9.0]]}},
        {"log_ratios": TWO, "about": {"device": ["cpu"]}},
        {"log_ratios": TWO, "about": {}},
    ],
)
def test_what_cannot_be_read_is_not_known(tmp_path: Path, parts: dict[str, object]) -> None:
    assert noise_by_device(calibration(tmp_path, log_ratios=TWO)), "from which the others differ"
    assert noise_by_device(calibration(tmp_path, **parts)) == {}


@pytest.mark.parametrize("text", ["", "[]", "null", '{"about": 3}'])
def test_what_is_no_calibration_is_not_known(tmp_path: Path, text: str) -> None:
    (tmp_path / "calibration.json").write_text(text)
    assert noise_by_device(tmp_path) == noise_by_device(tmp_path / "nowhere") == {}


def test_a_ratio_covers_its_rounds_and_other_sessions_in_quadrature() -> None:
    rounds = Estimate(0.5, 0.5 * exp(-0.03), 0.5 * exp(0.03), 15)
    found = Noise(0.04 / 1.959964, 0.0).covered(rounds)
    assert (found.low, found.high) == pytest.approx((0.5 * exp(-0.05), 0.5 * exp(0.05)))
    assert (found.value, found.n) == (0.5, 15)
    few = Noise(0.04 / 12.7062, 0.0, freedom=1).covered(rounds)
    assert (few.low, few.high) == pytest.approx((found.low, found.high)), "two sessions say little of others"
    assert isnan(Noise(0.04, 0.0).covered(Estimate(0.5)).low), "of too few readings there is none to widen"
    from_nothing = Estimate(0.5, 0.0, 0.7)
    assert Noise(0.04, 0.0).covered(from_nothing) == from_nothing, "which has no logarithm"


def test_only_a_ratio_to_the_reference_row_covers_other_sessions() -> None:
    known, noise = Estimate(0.5, 0.4, 0.6), Noise(0.04, 0.01)
    ratio = Quantity("", "", "lower", statistic="ratio", sample="seconds", over="reference")
    assert covering(noise, ratio, known) == noise.covered(known) != known
    assert covering(None, ratio, known) == known and covering(noise, ratio, None) is None
    assert covering(noise, replace(ratio, over=""), known) == known, "a time itself"
    itself = Estimate(1.0, 1.0, 1.0)
    assert covering(noise, ratio, itself) == itself, "the reference row's own ratio is 1 in every session"
