"""The paper's cost formula: its value from a model's options, and beside it what is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.measurements.formula import formula, pixel_share
from reidbench.registry import resolve_options
from reidbench.spec import Cell, UserError

BASE = {"size": [64, 32], "depth": 18, "width": 8, "shrink": [1]}
REFERENCE = {"model": "baseline", "options": BASE, "shape": [1, 8, 3, 64, 32]}


@given(st.integers(0, 1000))
def test_the_decrease_is_the_papers(alpha: int) -> None:
    assert 1 - pixel_share({"alpha": alpha}) == pytest.approx(3 / 4 - 3 / (4 * alpha + 4))


def test_branches_share_the_frames_evenly() -> None:
    assert pixel_share({"shrink": (1,)}) == 1
    assert pixel_share({"shrink": (2,)}) == 1 / 4
    assert pixel_share({"shrink": [1, 2]}) == pixel_share({"alpha": 1})
    assert pixel_share({"shrink": (1, 2, 4)}) == pytest.approx((1 + 1 / 4 + 1 / 16) / 3)


def test_a_model_without_sizes_of_frames_is_refused() -> None:
    with pytest.raises(UserError, match="alpha or shrink"):
        pixel_share({"width": 64})


def test_counted_is_relative_to_the_reference_row() -> None:
    options = resolve_options("two_branch", {"size": [64, 32], "depth": 18, "width": 8, "alpha": 3, "small": "input"})
    rows = {
        "big": Cell("big", "formula", "baseline", BASE, {"shape": [1, 8, 3, 64, 32], "reference": REFERENCE}, "now"),
        "two": Cell("two", "formula", "bicnet", options, {"shape": [1, 4, 3, 64, 32], "reference": REFERENCE}, "now"),
    }
    found = {cell.row: outcome.values for cell, outcome in formula(list(rows.values()), lambda *_: None)}
    assert found["big"] == {"predicted": 1, "counted": 1, "excess": 0}
    assert found["two"]["predicted"] == 0.4375
    assert found["two"]["counted"] == pytest.approx(0.4375, rel=1e-3), "convolutions cost what their pixels do"
    assert found["two"]["excess"] == pytest.approx(found["two"]["counted"] / 0.4375 - 1)
