"""SINet: its costs, its modules, its segments, and the numbers of the authors' code.

The golden numbers were computed once in float64 by running github.com/baist/SINet with the weights and clips of
`rule_made`, the biases of its convolutions 0, on a slim trunk at 128x64, its number of positions made to fit.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reidbench.models.sinet import Integration, SalientToBroad, _central, _kept, _length, _respond
from rule_made import costs, digest, rule_clips, rule_model

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (128, 64), "width": 16, "blocks": (1, 4, 6, 1)}
RELEASE_BIASES = 26_560
FEATURES = {
    4: [26.470302268581, 26.492045163698, 5.007979227294],
    8: [25.669355785216, 25.739120929567, 4.890712852361],
}
"""`digest` of the release's features in evaluation, averaged over the frames, by the length of the segment."""


@pytest.mark.parametrize("frames", [4, 8])
def test_costs_are_the_releases(frames: int) -> None:
    model, parameters, macs = costs("sinet", frames)
    assert f"{(parameters + RELEASE_BIASES) / 1e6:.3f}" == "26.263"
    assert f"{macs / 1e9 / frames:.3f}" == "4.078"
    convolutions = [m for m in model.trunk.modules() if isinstance(m, torch.nn.Conv2d)]
    assert sum(m.out_channels for m in convolutions) == RELEASE_BIASES


@pytest.mark.parametrize("segment", [4, 8])
@torch.no_grad()
def test_feature_equals_the_releases(segment: int) -> None:
    model = rule_model(registry.build("sinet", segment=segment, **SLIM)).eval()
    feature = model(rule_clips(8, SLIM["size"])[:, :segment]).feature
    assert digest(feature) == pytest.approx(FEATURES[segment], rel=1e-9)


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("size", [(256, 128), (64, 32), (90, 33)])
@torch.no_grad()
def test_the_map_of_stage_2_is_as_large_as_foreseen(size: tuple[int, int], padded: bool) -> None:
    model = registry.build("sinet", **{**SLIM, "size": size}, pool_padding=padded)
    with torch.device("meta"):
        trunk = model.trunk.to("meta")
        maps = trunk.layer2(trunk.layer1(trunk.stem(torch.empty(1, 3, *size))))
    assert tuple(maps.shape[2:]) == tuple(_length(pixels, padded) for pixels in size)


@torch.no_grad()
def test_positions_of_a_segment_are_mixed_in_every_channel() -> None:
    module = Integration(32, 16).eval()
    torch.nn.init.normal_(module.expand.weight)
    maps = torch.randn(4, 32, 4, 2)
    out = module(maps)
    for first in (0, 2):
        segment = slice(first, first + 2)
        rows = module.reduce(maps[segment]).permute(1, 0, 2, 3).flatten(1)
        mixed = rows + module.distribute(module.norm(module.integrate(rows)))
        expected = maps[segment] + module.expand(mixed.view(-1, 2, 4, 2).transpose(0, 1))
        torch.testing.assert_close(out[segment], expected.relu(), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_run_is_convolved_with_its_own_kernel() -> None:
    frames, kernels = torch.randn(2, 3, 5, 4, 7), torch.randn(2, 7, 3, 3)
    out = _respond(frames, kernels)
    for run in range(2):
        padded = F.pad(frames[run].permute(0, 3, 1, 2), (1, 1, 1, 1), mode="replicate")
        expected = F.conv2d(padded, kernels[run, None]).squeeze(1) / 9
        torch.testing.assert_close(out[run], expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_positions_above_the_mean_share_are_suppressed() -> None:
    response = torch.tensor([0.0, 0.0, 0.0, 2.0]).view(1, 1, 2, 2)
    share = response.flatten().softmax(0)[3]
    expected = torch.exp(5 * (0.25 / share - 1))
    torch.testing.assert_close(_kept(response).flatten(), torch.tensor([1.0, 1.0, 1.0, expected]))


@torch.no_grad()
def test_channels_count_that_are_stronger_off_the_border() -> None:
    runs = torch.zeros(1, 4, 4, 3, 3)
    runs[..., 0] = 1
    runs[:, :, 1:3, 1, 1] = 1
    runs[:, :, 0, :, 2] = 1
    assert _central(runs).tolist() == [[0, 1, 0]]
    assert _central(torch.ones(1, 4, 2, 2, 1)).tolist() == [[0]], "nothing but border"


@torch.no_grad()
def test_salient_frames_and_the_others_get_of_each_other() -> None:
    module = SalientToBroad(8, 2).eval()
    maps = torch.rand(4, 8, 5, 4)
    out = module(maps) - maps
    assert (out[:2] - out[0, :, :1, :1]).abs().max() < 1e-6, "to the salient frames one vector is added"
    maps[:2] += 1
    assert not torch.allclose((module(maps) - maps)[2:], out[2:])


@torch.no_grad()
def test_where_nothing_is_suppressed_nothing_is_undefined() -> None:
    assert torch.isfinite(SalientToBroad(8, 1).eval()(torch.ones(4, 8, 5, 4))).all()


def test_modules_stand_after_every_second_block() -> None:
    with torch.device("meta"):
        assert set(registry.build("idnet").sinet) == {"layer2_1", "layer2_3"}
        broad = registry.build("sbnet").sinet
    assert {key: module.salient for key, module in broad.items()} == {"layer3_1": 1, "layer3_3": 2, "layer3_5": 3}


@pytest.mark.parametrize(("frames", "size"), [(6, (128, 64)), (4, (64, 64))])
def test_clips_that_do_not_fit_are_refused(frames: int, size: tuple[int, int]) -> None:
    message = "a clip of 6 frames: with segment=4" if frames == 6 else "clips are 64x64, the model was built for 128x64"
    with pytest.raises(ValueError, match=message):
        registry.build("sinet", **SLIM)(torch.zeros(1, frames, 3, *size))


@pytest.mark.parametrize("options", [{"segment": 6}, {"segment": 0}])
def test_segments_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="it must be a multiple of 4"):
        registry.build("sinet", **SLIM, **options)
