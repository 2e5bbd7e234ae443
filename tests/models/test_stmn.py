"""STMN: its costs, its memories, what `mended` mends, and the numbers of the authors' release.

The golden numbers were computed once in float64 by the authors' own code (github.com/cvlab-yonsei/STMN), its trunk cut
to blocks (1, 1, 1, 2) and its clips to 3 frames, with the weights and clips of `rule_made`.
"""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from reidbench.models.resnet import ResNet
from reidbench.models.stmn import Memory, _spread, _without_last_relu
from rule_made import costs, pick, rule_clips, rule_model
from torch import nn

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"width": 8, "blocks": (1, 1, 1, 1)}
GOLDEN = {"blocks": (1, 1, 1, 2), "frames": 3, "classes": 10}

FEATURE = [0.0276399901502, 0.0304191275688, 0.2801389469729, -0.0008471843542, -0.0044233974305, 6.2704426606973]
NECK_OUTPUT = [0.024464845659, 0.004525094201, 0.092233446430, 0.050018379749, 0.078931720475, 5.421413764444]
TRAINING_LOGITS = [
    [3.8201229435, 4.8445677951, 4.5622162990, -6.9262544100, 0.4064363838, 16.2816923809],
    [-8.9569943304, 18.5676037151, 1.8794344830, 0.0512005813, 18.0476244357, 66.1688438932],
]
TRAINING_LOSSES = {"spatial_memory": 0.140677917294, "temporal_memory": 0.276324883469}


def test_parameters_and_cost_are_the_releases() -> None:
    assert costs("stmn", 6, frames=6)[1:] == (87_071_838, 47_503_661_086)


@pytest.fixture(scope="module")
def golden() -> nn.Module:
    """With the weights of the rule, which take a second to make; who changes it takes a copy."""
    return rule_model(registry.build("stmn", **GOLDEN))


@torch.no_grad()
def test_feature_equals_the_releases(golden: nn.Module) -> None:
    model = golden.eval()
    feature = model(rule_clips(3, (128, 64))).feature
    assert pick(feature) == pytest.approx(FEATURE, rel=1e-9)
    assert pick(model.neck(feature)) == pytest.approx(NECK_OUTPUT, rel=1e-9)


@torch.no_grad()
def test_training_outputs_equal_the_releases(golden: nn.Module) -> None:
    model = copy.deepcopy(golden).train()
    for head in model.classifier:
        nn.init.zeros_(head.bias)
    out = model(rule_clips(3, (128, 64)))
    assert [pick(logits) for logits in out.logits] == [pytest.approx(row, rel=1e-7) for row in TRAINING_LOGITS]
    assert {name: loss.value.item() for name, loss in out.losses.items()} == pytest.approx(TRAINING_LOSSES, rel=1e-9)
    assert {loss.weight for loss in out.losses.values()} == {1.0}


@torch.no_grad()
def test_a_memory_gives_the_values_of_the_keys_that_are_alike() -> None:
    memory = Memory(3, 4, 2, mended=True)
    query = torch.randn(5, 4)
    read, address = memory(query)
    for row in range(5):
        cosines = torch.stack([F.cosine_similarity(query[row], key, dim=0) for key in memory.key])
        torch.testing.assert_close(address[row], cosines.softmax(0))
        torch.testing.assert_close(read[row], cosines.softmax(0) @ memory.value)


@torch.no_grad()
def test_in_the_release_keys_have_unit_length_over_the_items() -> None:
    memory = Memory(3, 4, 2, mended=False)
    query = torch.randn(5, 4)
    scores = F.normalize(query, dim=1) @ (memory.key / memory.key.norm(dim=0)).T
    torch.testing.assert_close(memory(query)[1], scores.softmax(1))


@torch.no_grad()
def test_the_spatial_memory_reads_positions_where_mended_and_rows_of_numbers_in_the_release() -> None:
    maps = torch.rand(2, 256, 4, 2)
    for mended, rows in ((True, maps.permute(0, 2, 3, 1).flatten(1, 2)), (False, maps.flatten(1).view(2, 8, 256))):
        model = registry.build("stmn", mended=mended, **SLIM).eval()
        nn.init.ones_(model.norm.weight)
        read = model.norm(model.spatial_memory(rows.flatten(0, 1))[0]).view(2, 8, 256)
        expected = read.mean(1) if mended else read.reshape(2, 256, 8).mean(2)
        torch.testing.assert_close(model._read(maps.contiguous(memory_format=torch.channels_last))[0], expected)


@torch.no_grad()
def test_where_nothing_is_read_the_feature_is_a_weighted_mean_of_the_trunks() -> None:
    """The batch norm after the spatial memory starts at zero."""
    model = registry.build("stmn", mended=True, frames=3, **SLIM).eval()
    nn.init.constant_(model.temporal_memory.value, 1.0)
    clips = torch.randn(2, 3, 3, 64, 32)
    expected = model.trunk(clips.flatten(0, 1)).mean((2, 3)).view(2, 3, -1).mean(1)
    torch.testing.assert_close(model(clips).feature, expected, rtol=1e-4, atol=1e-5)
    model.mended = False
    assert not torch.allclose(model(clips).feature, expected, rtol=1e-3), "the release has no ReLU in its stem"


def test_the_losses_ask_that_an_item_is_addressed_by_something_and_not_by_everything() -> None:
    assert _spread(torch.tensor([[0.5, 0.5], [0.5, 0.5]])).item() == pytest.approx(0.3)
    assert _spread(torch.tensor([[0.9, 0.1], [0.1, 0.9]])).item() == 0
    assert _spread(torch.tensor([[0.6, 0.4], [0.5, 0.5]])).item() == pytest.approx(0.2)


@pytest.mark.parametrize("depth", [18, 50])
@torch.no_grad()
def test_stages_of_keys_are_a_stage_without_its_last_relu(depth: int) -> None:
    trunk = ResNet(depth, width=8, blocks=(1, 1, 1, 2)).eval()
    x = torch.randn(2, trunk.channels[2], 4, 2)
    keys = _without_last_relu(trunk.layer4, x)
    assert (keys < 0).any()
    torch.testing.assert_close(keys.relu(), trunk.layer4(x))


def test_the_necks_shifts_do_not_learn() -> None:
    model = registry.build("stmn", **SLIM)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"neck.bias", "frame_neck.bias"}


def test_a_trunks_last_stage_goes_to_all_three_copies() -> None:
    trunk = ResNet(50, width=8, blocks=(1, 1, 1, 1))
    model = registry.build("stmn", **SLIM)
    model.load_trunk(trunk.state_dict())
    for stage in (model.trunk.layer4, model.spatial_key, model.temporal_key):
        assert torch.equal(stage[0].conv2.weight, trunk.layer4[0].conv2.weight)


def test_clips_of_other_lengths_are_refused() -> None:
    with pytest.raises(UserError, match="frames=0"):
        registry.build("stmn", frames=0)
    with pytest.raises(ValueError, match="clips have 4 frames, the memory was built for frames=6"):
        registry.build("stmn", frames=6, **SLIM)(torch.zeros(1, 4, 3, 64, 32))
