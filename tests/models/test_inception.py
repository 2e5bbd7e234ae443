"""Inception-v3: torchvision's names and sizes, what it does to frames, and how its weights load."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from reidbench.models.inception import Inception, load_inception
from torch.utils.flop_counter import FlopCounterMode

from reidbench.data.clips import normalise

SLIM = {"side": 75, "width": 8}


def test_parameters_and_cost_are_the_published() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        trunk = Inception().eval()
        maps = trunk(torch.empty(1, 3, 256, 128))
    assert maps.shape == (1, 2048, 8, 8)
    # torchvision's 27,161,264 without its two classifiers.
    assert sum(p.numel() for p in trunk.parameters()) == 27_161_264 - 3_326_696 - 2_049_000
    assert counter.get_total_flops() // 2 == 5_711_168_096
    names = list(trunk.state_dict())
    assert len(names) == 94 * 6
    assert names[0] == "Conv2d_1a_3x3.conv.weight" and names[-1] == "Mixed_7c.branch_pool.bn.num_batches_tracked"


@pytest.mark.parametrize("side", [75, 107, 139, 299])
def test_maps_have_the_positions_that_the_trunk_says(side: int) -> None:
    with torch.device("meta"):
        trunk = Inception(side=side, width=8).eval()
        middle = trunk.middle(torch.empty(1, 3, 64, 32))
        assert middle.shape == (1, trunk.middle_channels, *trunk.middle_positions)
        assert trunk.last(middle).shape == (1, trunk.channels, *trunk.positions)


@torch.no_grad()
def test_frames_are_enlarged_and_brought_to_values_from_minus_one_to_one() -> None:
    trunk = Inception(**SLIM)
    for pixel, expected in ((0, -1.0), (255, 1.0)):
        seen = trunk._square(normalise(torch.full((1, 1, 64, 32, 3), pixel, dtype=torch.uint8))[:, 0])
        assert seen.shape == (1, 3, 75, 75)
        torch.testing.assert_close(seen, torch.full_like(seen, expected))


@torch.no_grad()
def test_enlarging_is_that_of_pillow() -> None:
    """But for its rounding to whole numbers after rows and after columns; of the first, columns make 1.25 as much."""
    smooth = torch.nn.functional.interpolate(
        torch.rand(1, 3, 6, 4, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2, (32, 16), mode="bilinear"
    )
    pixels = (smooth * 255).round()
    image = Image.fromarray(pixels[0].permute(1, 2, 0).byte().numpy())
    resized = np.asarray(image.resize((75, 75), Image.Resampling.BICUBIC))
    expected = torch.from_numpy(resized.copy()).permute(2, 0, 1)[None]
    trunk = Inception(**SLIM)
    trunk.scale.fill_(1.0)
    trunk.shift.zero_()
    assert (trunk._square(pixels) - expected).abs().max() <= 1.25 * 0.5 + 0.5
    trunk.half()
    assert trunk._square(pixels.half()).dtype == torch.float16


def test_public_weights_load_without_the_classifiers() -> None:
    given, trunk = Inception(**SLIM), Inception(**SLIM)
    state = {name: value for name, value in given.state_dict().items() if not name.endswith("num_batches_tracked")}
    load_inception(trunk, {**state, "AuxLogits.conv0.conv.weight": torch.zeros(1), "fc.weight": torch.zeros(1)})
    assert all(torch.equal(trunk.state_dict()[name], value) for name, value in state.items())
    del state["Mixed_5b.branch1x1.conv.weight"]
    fault = r"1 missing: Mixed_5b\.branch1x1\.conv\.weight; 1 unexpected: more\): check inception_width"
    with pytest.raises(ValueError, match=fault):
        load_inception(trunk, {**state, "more": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"of another shape: Conv2d_1a_3x3\.conv\.weight \[8, .* instead of \[4, "):
        load_inception(trunk, Inception(side=75, width=16).state_dict())


@pytest.mark.parametrize(("option", "fault"), [({"side": 74}, "at least 75"), ({"width": 6}, "a multiple of 4")])
def test_what_cannot_be_built_is_refused(option: dict[str, int], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Inception(**option)
