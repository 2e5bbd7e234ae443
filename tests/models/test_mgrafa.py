"""MG-RAFA, which is approximate: its costs, its relations and its weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from reidbench.models.mgrafa import ReferenceAttention
from rule_made import costs

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}


def test_it_adds_few_parameters_and_little_cost() -> None:
    model, parameters, macs = costs("mgrafa", 8)
    added = parameters - sum(p.numel() for p in model.trunk.parameters())
    assert 0 < added < 2e6
    assert f"{macs / 8e9:.1f}" == "4.1"


def test_grids_are_coarser_from_group_to_group() -> None:
    with torch.device("meta"):
        model = registry.build("mgrafa")
    assert [attention.grid for attention in model.granularities] == [(16, 8), (8, 4), (4, 2), (2, 1)]


@torch.no_grad()
def test_the_weights_of_each_channel_sum_to_one_over_the_clip() -> None:
    module = ReferenceAttention(16, (2, 1)).eval()
    weights = module(torch.rand(2, 3, 16, 4, 2))
    assert weights.shape == (2, 3, 16, 4, 2) and weights.min() > 0
    torch.testing.assert_close(weights.sum((1, 3, 4)), torch.ones(2, 16))
    assert weights.std() > 0


@torch.no_grad()
def test_a_position_is_related_to_each_node_of_the_mean_map() -> None:
    module = ReferenceAttention(16, (2, 1)).eval()
    maps = torch.rand(2, 3, 16, 4, 2)
    seen = []
    module.relation.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(maps)
    nodes = module.reference(F.avg_pool2d(maps.mean(1), 2))
    for clip, frame, row, column in ((0, 0, 0, 0), (1, 2, 3, 1)):
        position = module.position(maps[clip, frame][None])[0, :, row, column]
        expected = torch.stack([position @ nodes[clip, :, node, 0] for node in range(2)])
        torch.testing.assert_close(seen[0][3 * clip + frame, :, row, column], expected)


@torch.no_grad()
def test_with_equal_weights_the_feature_is_the_mean() -> None:
    model = registry.build("mgrafa", **SLIM).eval()
    for attention in model.granularities:
        torch.nn.init.zeros_(attention.weigh[1].weight)
    clips = torch.randn(2, 3, 3, 64, 32)
    expected = model.trunk(clips.flatten(0, 1)).unflatten(0, (2, 3)).mean((1, 3, 4))
    torch.testing.assert_close(model(clips).feature, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("granularities", [0, 3])
def test_groups_that_do_not_divide_the_channels_are_refused(granularities: int) -> None:
    message = f"granularities={granularities}: it must divide the 256 channels"
    with pytest.raises(UserError, match=message):
        registry.build("mgrafa", granularities=granularities, **SLIM)
