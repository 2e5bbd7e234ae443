"""Models as cells describe them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reidbench.profiling import session
from reidbench.spec import UserError

SMALL: dict[str, Any] = {"size": [32, 16], "depth": 18, "width": 8, "shrink": [1, 2]}


def test_models_are_built_alike_every_time() -> None:
    first, second = (session.build("baseline", SMALL) for _ in range(2))
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    assert not first.training


def test_an_impossible_option_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^model baseline: shrink=\(7,\)"):
        session.build("baseline", {**SMALL, "shrink": [7]})


def test_threads_come_back_after_a_failure() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), session.conditions(before + 1) as taken:
        assert taken.threads == before + 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
