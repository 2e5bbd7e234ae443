"""The whole profile of one model from Python."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

import reidbench
from reidbench.spec import Output, UserError

SHAPE = (1, 2, 3, 32, 16)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)

    def forward(self, clips: Tensor) -> Output:
        return Output(self.conv(clips.flatten(0, 1)).amax((2, 3)).unflatten(0, clips.shape[:2]).mean(1))


def test_profiles_a_module_and_leaves_it_alone() -> None:
    model = Small().train()
    costs = reidbench.profile(model, shape=SHAPE, precision="bf16", rounds=8)
    assert costs["model"] == "Small"
    assert costs["parameters"] == 4 * 3 * 9
    assert set(costs["macs"].values()) == {4 * 3 * 9 * 32 * 16}
    assert costs["absent"] == {}
    assert len(costs["latency"]["seconds"]) == 8
    low, high = costs["latency"]["interval"]
    assert low <= costs["latency"]["median"] <= high
    assert costs["memory"]["peak"] > costs["memory"]["added"] >= 0
    assert json.loads(json.dumps(costs, allow_nan=False)) == costs
    assert model.training
    assert model.conv.weight.dtype == torch.float32


def test_profiles_a_registered_model_by_name_without_moving_the_random_state() -> None:
    state = torch.get_rng_state()
    costs = reidbench.profile("baseline", shape=SHAPE, rounds=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert costs["model"] == "baseline"
    assert costs["latency"]["interval"] is None
    assert costs["parameters"] == pytest.approx(23.51e6, abs=0.01e6)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'baseline'"):
        reidbench.profile("baselin")
