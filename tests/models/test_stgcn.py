"""STGCN, which is approximate: its costs, its adjacency and its branches."""

from __future__ import annotations

import pytest
import torch
from reidbench.models.stgcn import PatchGraph, adjacency
from torch.utils.flop_counter import FlopCounterMode

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}


@torch.no_grad()
def test_costs_and_the_feature_are_about_as_known() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = registry.build("stgcn").eval()
        feature = model(torch.empty(1, 8, 3, 256, 128)).feature
    assert feature.shape == (1, 6144)
    assert f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f}" == "45"
    assert f"{counter.get_total_flops() / 16e9:.1f}" == "4.1"


def test_the_adjacency_is_normalised_by_the_degrees_of_both_nodes() -> None:
    related = torch.randn(2, 5, 3, dtype=torch.float64)
    squared = torch.matmul(related, related.transpose(1, 2)) ** 2
    connected = squared / squared.sum(2, keepdim=True) + torch.eye(5)
    roots = torch.diag_embed(connected.sum(2) ** -0.5)
    torch.testing.assert_close(adjacency(related), roots @ connected @ roots)
    torch.testing.assert_close(adjacency(1e30 * related), adjacency(related))


def test_nodes_that_are_all_zero_keep_to_themselves() -> None:
    torch.testing.assert_close(adjacency(torch.zeros(1, 3, 2)), torch.eye(3)[None] / 2)


@torch.no_grad()
def test_layers_from_the_second_on_add_to_their_input() -> None:
    module = PatchGraph(6, 4, 3).eval()
    nodes = torch.randn(2, 5, 6)
    for norm in module.norms[1:]:
        torch.nn.init.zeros_(norm.weight)
    one = PatchGraph(6, 4, 1).eval()
    one.load_state_dict({key: value for key, value in module.state_dict().items() if key in one.state_dict()})
    torch.testing.assert_close(module(nodes), one(nodes))


@torch.no_grad()
def test_only_the_branch_of_single_frames_knows_their_order() -> None:
    model = registry.build("stgcn", **SLIM).eval()
    clips = torch.randn(2, 8, 3, 64, 32)
    whole, time, frame = model(clips).feature.split(model.parts, 1)
    turned = model(clips.flip(1)).feature.split(model.parts, 1)
    torch.testing.assert_close(turned[0], whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(turned[1], time, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(turned[2].unflatten(1, (8, -1)).flip(1), frame.unflatten(1, (8, -1)))
    assert not torch.allclose(turned[2], frame)


def test_clips_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="a clip of 4 frames: the model was built for frames=8"):
        registry.build("stgcn", **SLIM)(torch.zeros(1, 4, 3, 64, 32))


@pytest.mark.parametrize("option", ["frames", "patches", "layers"])
def test_none_of_something_is_refused(option: str) -> None:
    with pytest.raises(UserError, match=f"{option}=0: give at least 1"):
        registry.build("stgcn", **{option: 0}, **SLIM)
