import json
import math

import pytest

from reidbench.reporting.tables.scatter import Scatter, on_device, scatter_by_device
from reidbench.statistics import Estimate


def test_the_scatter_is_that_of_the_calibrated_device(tmp_path):
    about = {"device": "cuda", "sessions": 28}
    (tmp_path / "calibration.json").write_text(json.dumps({"noise": 0.037, "about": about, "trials": []}))
    found = scatter_by_device(tmp_path)
    assert found == {"cuda": Scatter(0.037, 28)}
    assert on_device(found, {"device": "cuda"}) and on_device(found, {"device": "cpu"}) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"noise": 0.1, "about": {}}', '{"noise": 0.1, "about": {"device": "cpu", "sessions": 1e400}}'),
        *(
            f'{{"noise": {noise}, "about": {{"device": "cpu", "sessions": 3}}}}'
            for noise in ("null", "true", '"0.03"', "-0.1", "1e9", "NaN", "Infinity", "9" * 400)
        ),
    ],
)
def test_what_cannot_be_read_is_not_known(tmp_path, text):
    (tmp_path / "calibration.json").write_text(text)
    assert scatter_by_device(tmp_path) == scatter_by_device(tmp_path / "nowhere") == {}


def test_a_ratio_covers_its_rounds_and_other_sessions_in_quadrature():
    found = Scatter(0.04 / 1.959964, 9).covered(Estimate(0.5, 0.5 * math.exp(-0.03), 0.5 * math.exp(0.03), 15))
    assert (found.low, found.high) == pytest.approx((0.5 * math.exp(-0.05), 0.5 * math.exp(0.05)))
    assert (found.value, found.n) == (0.5, 15)
    assert math.isnan(Scatter(0.04, 9).covered(Estimate(0.5)).low), "of too few readings there is none to widen"


def test_a_ratio_is_told_from_1_beyond_twice_the_scatter_either_way():
    tells = Scatter(0.05, 9).tells
    assert [tells(ratio) for ratio in (0.89, 0.92, 1.0, 1.09, 1.12, 0.0)] == [True, False, False, False, True, False]
