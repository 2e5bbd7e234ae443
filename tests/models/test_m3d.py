"""M3D: its costs, its frames, its start, and the numbers of the authors' release.

The golden numbers were computed once in float64 by the authors' own code (github.com/ljn114514/M3D, ResNet50-M3D with
attention and ResNet50-2d), its trunks cut to one block a stage and its pooling to frames of 128x64, with the weights
and clips of `rule_made`; in training without dropout.
"""

from __future__ import annotations

import copy

import pytest
import torch
from reidbench.models.m3d import MultiScale, ResidualAttention, UnitStreams
from rule_made import costs, pick, rule_clips, rule_model
from torch import nn

from reidbench import registry

SLIM = {"width": 8, "blocks": (1, 1, 1, 1)}
GOLDEN = {"blocks": (1, 1, 1, 1), "classes": 10}

TEMPORAL = [0.5208153070564, 0.2115381252017, -0.2011873236252, -0.2454128701354, -0.1708347844877, 6.1700069767400]
SINGLE = [-0.3469528841071, -0.3447881242416, -0.0894357771276, 0.0539441744870, -0.6595581317040, 6.4831535345353]
TRAINING_LOGITS = [-0.8928115264, -0.8082701881, 1.8822632354, 0.4431482089, -1.6773342891, 8.1362957390]


# The release counts 25,363,761 and 23,770,560 parameters, 14.156 and 32.428 GMACs for a clip of 8 frames.
@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("m3d", 25_363_761, 14_156_082_128),
        ("m3d_two_stream", 25_363_761 + 23_770_560, 14_156_082_128 + 32_428_261_376),
    ],
)
def test_parameters_and_cost_are_the_releases(name: str, parameters: int, macs: int) -> None:
    assert costs(name, 8)[1:] == (parameters, macs)


@pytest.fixture(scope="module")
def golden() -> nn.Module:
    """With the weights of the rule, which take a second to make; who changes it takes a copy."""
    return rule_model(registry.build("m3d_two_stream", **GOLDEN))


@torch.no_grad()
def test_features_of_both_streams_equal_the_releases(golden: nn.Module) -> None:
    model = golden.eval()
    temporal, single = model(rule_clips(8, (128, 64))).feature.split(128, 1)
    assert pick(temporal) == pytest.approx(TEMPORAL, rel=1e-9)
    assert pick(single) == pytest.approx(SINGLE, rel=1e-9)


@torch.no_grad()
def test_training_outputs_equal_the_releases(golden: nn.Module) -> None:
    model = copy.deepcopy(golden).train()
    model.dropout.p = 0.0
    assert pick(model(rule_clips(8, (128, 64))).logits[0]) == pytest.approx(TRAINING_LOGITS, rel=1e-7)


@torch.no_grad()
def test_from_zero_the_network_is_a_resnet_that_averages_pairs_of_frames() -> None:
    model = registry.build("m3d", zero_start=True, **SLIM).eval()
    image = torch.randn(1, 1, 3, 64, 32)
    one = model.embed[0](model.trunk(image[0]).mean((2, 3)))
    torch.testing.assert_close(model(image.expand(-1, 8, -1, -1, -1)).feature, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("zero_start", [True, False])
def test_from_zero_nothing_temporal_can_learn(zero_start: bool) -> None:
    model = registry.build("m3d", zero_start=zero_start, classes=3, **SLIM).train()
    model(torch.randn(4, 8, 3, 64, 32)).logits[0].square().sum().backward()
    learns = {
        name: bool(parameter.grad.abs().sum() > 0)
        for name, parameter in model.named_parameters()
        if name.startswith(("motion", "attention")) and parameter.ndim > 1
    }
    assert len(learns) == 12 + 18
    assert set(learns.values()) == {not zero_start}


@pytest.mark.parametrize("stride", [1, 2])
@torch.no_grad()
def test_convolutions_see_the_frames_of_a_segment_at_each_position(stride: int) -> None:
    module = MultiScale(3, 2, stride, zero_start=False).double().eval()
    clips = torch.randn(2, 8, 3, 4, 2, dtype=torch.float64)
    out = module(clips.flatten(0, 1), 8).unflatten(0, (2, -1))
    reached = torch.zeros(8, dtype=torch.bool)
    for frame in range(8):
        changed = clips.clone()
        changed[0, frame, :, 1, 1] += 5
        difference = (module(changed.flatten(0, 1), 8).unflatten(0, (2, -1)) - out).abs()
        assert not difference[1].any()
        here, elsewhere = difference[0, :, :, 1, 1].sum(1), difference[0].clone()
        elsewhere[:, :, 1, 1] = 0
        assert not elsewhere.any()
        centres = torch.arange(0, 8, stride)
        near = torch.zeros(len(centres), dtype=torch.bool)
        for offset in (-2, -1, 0, 1, 2):
            near |= centres + offset == frame
        near |= (frame - centres >= 0) & (frame - centres < stride)
        assert not here[~near].any()
        reached[frame] = here.any()
    assert reached.all()


@torch.no_grad()
def test_attention_is_a_sigmoid_of_the_product_of_three() -> None:
    maps = torch.rand(8, 16, 4, 2)
    module = ResidualAttention(16, 4, zero_start=True).eval()
    torch.testing.assert_close(module(maps), maps)
    module = ResidualAttention(16, 4, zero_start=False).eval()
    for layers in (module.spatial, module.channel, module.temporal):
        nn.init.normal_(layers[3].weight)
    for index, clip in enumerate(maps.split(4)):
        mean = clip.mean(0, keepdim=True)
        spatial, temporal = module.spatial(mean)[0], module.temporal(clip.mean((1, 2, 3)).view(1, 4, 1, 1))[0]
        channel = module.channel(mean.mean((2, 3), keepdim=True)).relu()[0]
        masks = [(spatial * channel * weight).sigmoid() for weight in temporal]
        expected = torch.stack([frame / 2 + frame * mask for frame, mask in zip(clip, masks, strict=True)])
        assert not torch.allclose(expected, clip)
        torch.testing.assert_close(module(maps)[4 * index : 4 * index + 4], expected)


def test_neck_gives_each_stream_unit_length() -> None:
    streams = UnitStreams()(torch.randn(3, 256)).split(128, 1)
    for stream in streams:
        torch.testing.assert_close(stream.norm(dim=1), torch.ones(3))


def test_a_trunks_weights_go_to_both_streams() -> None:
    model = registry.build("m3d_two_stream", **SLIM)
    weights = {key: nn.init.uniform_(value.float()) for key, value in model.single.state_dict().items()}
    model.load_trunk(weights)
    for trunk in (model.trunk, model.single):
        assert torch.equal(trunk.layer4[0].conv2.weight, weights["layer4.0.conv2.weight"])


@pytest.mark.parametrize("frames", [4, 12])
def test_clips_of_other_lengths_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=f"a clip of {frames} frames: it must be a multiple of 8"):
        registry.build("m3d", **SLIM)(torch.zeros(1, frames, 3, 64, 32))
