"""I3D and P3D that halve the frames: their costs, their start, and the numbers of the authors' release.

The golden numbers were computed once in float64 by the authors' own code (github.com/ljn114514/M3D, ResNet50-P3D,
I3D.py and P3D_C.py), its trunk cut to one block a stage and its pooling to frames of 128x64, with the weights and clips
of `rule_made`, those of I3D's kernels a third as large; in training without dropout.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.resnet import ResNet
from reidbench.models.strided import Inflated
from rule_made import costs, pick, rule_clips, rule_model

from reidbench import registry

SLIM = {"width": 8, "blocks": (1, 1, 1, 1)}

FEATURES = {
    "i3d_strided": [
        -0.1488458463648,
        -0.0588312223349,
        -0.1731974662680,
        -0.3563646796950,
        0.1900973423717,
        6.2775786326582,
    ],
    "p3d_strided": [
        -0.5988867710622,
        0.6265018964500,
        -0.2352136156997,
        0.1915532400335,
        0.1990671206776,
        7.7831309138562,
    ],
}
LOGITS = {
    "i3d_strided": [2.6318963210, 0.4301746640, -0.3242646384, 1.5417969833, 1.6842776896, 8.8460888827],
    "p3d_strided": [0.7458770309, 1.9143764566, 2.6181227983, 2.4130192319, -0.6507992462, 8.3805185754],
}

every_form = pytest.mark.parametrize("name", ["i3d_strided", "p3d_strided"])


# The release counts as many parameters without its classifier, and as many MACs for a clip of 8 frames.
@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [("i3d_strided", 46_423_872, 19_239_534_592), ("p3d_strided", 27_562_944, 12_419_596_288)],
)
def test_parameters_and_cost_are_the_releases(name: str, parameters: int, macs: int) -> None:
    assert costs(name, 8)[1:] == (parameters, macs)


@every_form
@torch.no_grad()
def test_features_and_training_outputs_equal_the_releases(name: str) -> None:
    model = rule_model(registry.build(name, blocks=(1, 1, 1, 1), classes=10)).eval()
    clips = rule_clips(8, (128, 64))
    assert pick(model(clips).feature) == pytest.approx(FEATURES[name], rel=1e-9)
    model.train().dropout.p = 0.0
    assert pick(model(clips).logits[0]) == pytest.approx(LOGITS[name], rel=1e-7)


@torch.no_grad()
def test_kernels_over_time_start_as_the_repeated_trunk() -> None:
    model = registry.build("i3d_strided", **SLIM).eval()
    model.load_trunk(ResNet(50, **SLIM).state_dict())
    taps = model.temporal["layer2_0"]
    spatial = model.trunk.layer2[0].conv2
    assert isinstance(taps, Inflated)
    maps, given = torch.randn(4, 16, 6, 6), torch.randn(1, 16, 6, 6)
    still = taps(given.expand(4, -1, -1, -1), spatial, 4)
    # Of still frames the first lacks one of three, the third, which the stride of 2 leaves beside it, none.
    torch.testing.assert_close(still, spatial(given) * torch.tensor([2 / 3, 1.0])[:, None, None, None])
    kernel = torch.stack([spatial.weight] * 3, 2) / 3
    wanted = torch.nn.functional.conv3d(maps.transpose(0, 1)[None], kernel, stride=2, padding=1)
    torch.testing.assert_close(taps(maps, spatial, 4), wanted[0].transpose(0, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("zero_start", [True, False])
def test_from_zero_nothing_over_time_can_learn(zero_start: bool) -> None:
    model = registry.build("p3d_strided", zero_start=zero_start, classes=3, **SLIM).train()
    model(torch.randn(4, 8, 3, 64, 32)).logits[0].square().sum().backward()
    learns = {
        bool(kernel.grad.abs().sum() > 0) for key, kernel in model.temporal.named_parameters() if "kernels" in key
    }
    assert learns == {not zero_start}


def test_other_forms_and_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="choose 'i3d' or 'p3d_c'"):
        registry.lookup("model", "i3d_strided", registry.models()).load()(convolution="p3d_a", **SLIM)
    with pytest.raises(ValueError, match="a clip of 12 frames: it must be a multiple of 8"):
        registry.build("i3d_strided", **SLIM)(torch.zeros(1, 12, 3, 64, 32))
