"""STMP: costs and numbers, which are the authors'.

The golden numbers were computed once in float64 by the authors' own networks (github.com/yolomax/person-reid-lib,
tasks/task_video), with weights, maps and clips of `rule_made`: those of the modules with 32 channels, those of the
whole network with an eighth of Inception-v3's channels.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.stmp import Integration, Refinement
from rule_made import costs, pick, rule, rule_clips, rule_model
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from reidbench import registry

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}

EVALUATION = [0.008428769467670, 0.164460854353636, 0.000254425832111, 0.127497206726178, 0.0, 2.036472022293867]
TRAINING = [0.255405918525, 0.104398467665, 0.102329261888, 0.305418848172, 0.102625809110, 4.813043845096]

WHOLE = [0.0040140635235683415, 0.001130769966922618, 0.024717923357927704, 0.0, 0.0, 1.4302926628926869]
WHOLE_TRAINED = [0.2972552702588, 0.1666604131512, 0.1224733166535, 0.1864841272367, 0.0901754276967, 4.8611362710130]
SECOND = [-2.339654773497, 1.436732178751, 3.093842020272, 6.682881508004, -2.104335349399, 19.664517409946]


class Fusion(nn.Module):
    """Both modules over maps of 8x8 positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.refine = Refinement(channels, (8, 8))
        self.integrate = Integration(channels)

    def forward(self, maps: Tensor) -> Tensor:
        return self.integrate(self.refine(maps))


@torch.no_grad()
def test_parameters_and_cost_of_the_modules_are_the_authors() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        fusion = Fusion(2048).eval()
        fusion(torch.empty(1, 8, 2048, 8, 8))
    assert sum(p.numel() for p in fusion.parameters()) == 3_884_544
    assert counter.get_total_flops() // 2 == 1_715_601_408


@pytest.mark.parametrize(("training", "expected"), [(False, EVALUATION), (True, TRAINING)])
@torch.no_grad()
def test_feature_of_maps_equals_the_authors(training: bool, expected: list[float]) -> None:
    fusion = rule_model(Fusion(32)).train(training)
    assert pick(fusion(rule(2 * 5 * 32 * 64, 1000).view(2, 5, 32, 8, 8))) == pytest.approx(expected, rel=1e-9)


def test_parameters_and_cost_of_the_whole_network_are_the_authors() -> None:
    assert costs("stmp", 8)[1:] == (25_670_112, 47_404_946_176)


@torch.no_grad()
def test_feature_and_second_classifier_of_the_whole_network_equal_the_authors() -> None:
    model = rule_model(registry.build("stmp", classes=7, inception_width=8)).eval()
    clips = rule_clips(2, (64, 32))
    assert pick(model(clips).feature) == pytest.approx(WHOLE, rel=1e-9)
    out = model.train()(clips)
    assert pick(out.feature) == pytest.approx(WHOLE_TRAINED, rel=1e-9)
    assert pick(out.logits[1]) == pytest.approx(SECOND, rel=1e-9)


def test_the_second_classifier_is_taught_by_its_logits_alone() -> None:
    model = registry.build("stmp", classes=3, inception_width=8, side=75).train()
    out = model(torch.rand(2, 2, 3, 64, 32))
    assert [embedding.requires_grad for embedding in out.embeddings] == [True, False]
    out.logits[1].square().sum().backward()
    assert model.trunk.Mixed_6e.branch_pool.conv.weight.grad is not None
    assert model.trunk.Mixed_7a.branch3x3_1.conv.weight.grad is None


@torch.no_grad()
def test_a_frame_is_refined_by_those_before_it_alone() -> None:
    module = Refinement(16, (4, 2)).eval()
    maps = torch.rand(1, 5, 16, 4, 2)
    before = module(maps)
    torch.testing.assert_close(before[:, 0], maps[:, 0])
    maps[:, 2] += 1
    changed = (module(maps) != before).flatten(2).any(2)[0]
    assert changed.tolist() == [False, False, True, True, True]


@torch.no_grad()
def test_integration_is_a_convolution_over_three_frames() -> None:
    module = Integration(8).double().eval()
    maps = torch.rand(2, 4, 8, 4, 2, dtype=torch.float64)
    reduced = module.reduce_norm(module.reduce(maps.flatten(0, 1))).relu().unflatten(0, (2, 4)).transpose(1, 2)
    weight = module.mix.weight.unflatten(1, (3, -1)).transpose(1, 2)
    mixed = nn.functional.conv3d(reduced, weight, padding=1).transpose(1, 2).flatten(0, 1)
    expected = module.mix_norm(mixed).relu().unflatten(0, (2, 4)).mean((1, 3, 4))
    torch.testing.assert_close(module(maps), expected)


def test_clips_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="clips are 64x64, the model was built for 64x32"):
        registry.build("stmp_resnet", **SLIM)(torch.zeros(1, 8, 3, 64, 64))
