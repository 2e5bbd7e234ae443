"""COSAM: its costs, its correlations, its segments, and the numbers of the authors' code.

The golden numbers were computed once in float64 by running github.com/InnovArul/vidreid_cosegmentation
(`resnet50_cosam45_tp`) with the weights and clips of `rule_made` on a slim trunk.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.cosam import CoSegmentation, correlate
from rule_made import costs, digest, rule_clips, rule_model

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 16, "blocks": (1, 1, 1, 2)}
FEATURE = [16.604026103696, 16.609718857830, 3.338895553494]
MASKS = {
    "cosam_stage3": [14.740563235414, 14.743695338381, 7.844499711772],
    "cosam_stage4": [10.250438384909, 10.253849815281, 5.454483902871],
}
"""`digest` of the release's features and masks of positions in evaluation."""


@pytest.mark.parametrize("frames", [4, 8])
def test_costs_are_the_releases(frames: int) -> None:
    model, parameters, macs = costs("cosam", frames)
    assert f"{parameters / 1e6:.3f}" == "25.922"
    assert f"{macs / 1e9 / frames:.3f}" == "4.187"
    assert [sum(p.numel() for p in m.parameters()) for m in model.cosam.values()] == [813_313, 1_600_769]


@torch.no_grad()
def test_feature_and_masks_equal_the_releases() -> None:
    out = rule_model(registry.build("cosam", **SLIM)).eval()(rule_clips(4, SLIM["size"]))
    assert digest(out.feature) == pytest.approx(FEATURE, rel=1e-9)
    for name, expected in MASKS.items():
        assert digest(out.maps[name].flatten(1)) == pytest.approx(expected, rel=1e-9)


@torch.no_grad()
def test_positions_are_correlated_with_those_of_the_other_frames() -> None:
    descriptors = torch.randn(2, 3, 4, 50, dtype=torch.float64)
    out = correlate(descriptors)
    others = torch.cat((descriptors[1, 0], descriptors[1, 2]))
    for position in range(4):
        pairs = torch.cat((descriptors[1, 1, position : position + 1], others))
        # Sums are divided by n, the deviations are those of n - 1.
        expected = torch.corrcoef(pairs)[0, 1:] * 49 / 50
        torch.testing.assert_close(out[1, 1, position], expected, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_the_gate_is_what_the_frames_of_a_segment_share() -> None:
    module = CoSegmentation(16, 8, 3).eval()
    maps = torch.randn(6, 16, 4, 2)
    out, mask = module(maps)
    masked = maps * mask[:, None]
    gates = module.gate(masked.mean((2, 3)))
    for first in (0, 3):
        segment = slice(first, first + 3)
        expected = masked[segment] * (1 + gates[segment].mean(0)[:, None, None])
        torch.testing.assert_close(out[segment], expected)


@pytest.mark.parametrize("frames", [2, 6, 9])
def test_clips_of_other_lengths_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=f"a clip of {frames} frames: with segment=4 it must be a multiple of that"):
        registry.build("cosam", **SLIM)(torch.zeros(1, frames, 3, 64, 32))


def test_clips_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="clips are 64x64, the model was built for 64x32"):
        registry.build("cosam", **SLIM)(torch.zeros(1, 4, 3, 64, 64))


def test_a_segment_of_one_frame_is_refused() -> None:
    with pytest.raises(UserError, match="segment=1: a frame is compared with others"):
        registry.build("cosam", segment=1)
