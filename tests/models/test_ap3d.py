"""AP3D, I3D, P3D and the non-local network: costs, temporal convolutions, and the numbers of the authors' code.

The golden numbers were computed once in float64 by running github.com/guxinqian/AP3D with the weights and clips of
`rule_made` on a slim trunk.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reidbench.models.ap3d import KINDS, Alignment, TemporalConvolution
from rule_made import costs, digest, rule_clips, rule_model
from torch import nn

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 16, "blocks": (1, 4, 6, 1)}

COSTS = [
    ("i3d", {}, "27.641", "4.808"),
    ("ap3d", {"convolution": "p3d_a"}, "24.200", "4.179"),
    ("ap3d", {"convolution": "p3d_b"}, "24.200", "4.179"),
    ("p3d", {}, "24.200", "4.179"),
    ("ap3d", {"convolution": "ap_i3d"}, "27.684", "6.210"),
    ("ap3d", {"convolution": "ap_p3d_a"}, "24.243", "4.362"),
    ("ap3d", {"convolution": "ap_p3d_b"}, "24.243", "5.581"),
    ("ap3d", {}, "24.243", "4.362"),
    ("non_local", {}, "30.871", "5.714"),
    ("ap3d_nl", {}, "31.602", "6.023"),
]
"""Name, options, parameters (M) with the neck, MACs a frame (G) of clips of 4 frames: as counted on the release."""

DIGESTS = [
    ("i3d", False, [17.521906042650, 17.498256753419, 3.515763767439]),
    ("p3d_a", False, [19.175282029062, 19.154191602889, 3.781684085116]),
    ("p3d_b", False, [17.638643635855, 17.623793529914, 3.587589035918]),
    ("p3d_c", False, [20.016124328553, 19.961799356799, 3.907930461934]),
    ("ap_i3d", False, [17.237200257892, 17.223846965263, 3.486860310692]),
    ("ap_p3d_a", False, [17.471947825014, 17.470410521318, 3.547023255500]),
    ("ap_p3d_b", False, [17.098851114196, 17.091635679406, 3.474950126581]),
    ("ap_p3d_c", False, [17.865677072729, 17.863179452852, 3.618413879108]),
    ("2d", True, [38.591052053566, 38.662960108762, 7.880023449171]),
    ("ap_p3d_c", True, [44.027101748653, 44.101009279989, 8.699030661880]),
]
"""Convolution, non-local blocks, `digest` of the release's features in evaluation, averaged over the frames."""


@pytest.mark.parametrize(("name", "options", "parameters", "macs"), COSTS)
def test_costs_are_the_releases(name: str, options: dict[str, Any], parameters: str, macs: str) -> None:
    _, counted, multiplied = costs(name, 4, **options)
    assert f"{counted / 1e6:.3f}" == parameters
    assert f"{multiplied / 4e9:.3f}" == macs


@pytest.mark.parametrize(("convolution", "non_local", "expected"), DIGESTS)
@torch.no_grad()
def test_feature_equals_the_releases(convolution: str, non_local: bool, expected: list[float]) -> None:
    model = rule_model(registry.build("ap3d", convolution=convolution, non_local=non_local, **SLIM)).eval()
    assert digest(model(rule_clips(4, SLIM["size"])).feature) == pytest.approx(expected, rel=1e-9)


def test_every_second_block_convolves_in_time_and_the_others_are_followed_by_non_local_ones() -> None:
    with torch.device("meta"):
        model = registry.build("ap3d_nl")
    assert set(model.temporal) == {"layer2_0", "layer2_2", "layer3_0", "layer3_2", "layer3_4"}
    assert set(model.non_local) == {"layer2_1", "layer2_3", "layer3_1", "layer3_3", "layer3_5"}


@pytest.mark.parametrize(("convolution", "non_local"), [(c, n) for c, n, _ in DIGESTS])
@torch.no_grad()
def test_at_first_nothing_happens_in_time(convolution: str, non_local: bool) -> None:
    model = registry.build("ap3d", convolution=convolution, non_local=non_local, **SLIM).eval()
    plain = registry.build("baseline", **SLIM).eval()
    plain.load_trunk(model.trunk.state_dict())
    clips = torch.randn(2, 3, 3, 64, 32)
    torch.testing.assert_close(model(clips).feature, plain(clips).feature)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_unaligned_convolutions_are_three_dimensional_ones(kind: str, stride: int) -> None:
    spatial = nn.Conv2d(4, 4, 3, stride, padding=1, bias=False)
    module = TemporalConvolution(spatial, kind)
    nn.init.normal_(module.taps.weight)
    taps = torch.stack(module.taps.weight.split(4, 1), 2)
    x = torch.randn(10, 4, 6, 4)
    volume = x.unflatten(0, (2, 5)).transpose(1, 2)
    flat = F.conv3d(volume, spatial.weight.unsqueeze(2), stride=(1, stride, stride), padding=(0, 1, 1))
    if kind == "i3d":
        kernel = torch.stack((taps[:, :, 0], spatial.weight, taps[:, :, 1]), 2)
        expected = F.conv3d(volume, kernel, stride=(1, stride, stride), padding=1)
    elif kind == "p3d_b":
        expected = flat + F.conv3d(volume, taps, stride=(1, stride, stride), padding=(1, 0, 0))
    else:
        expected = F.conv3d(flat, taps, padding=(1, 0, 0)) + (flat if kind == "p3d_c" else 0)
    out = module(x, spatial, 5)
    torch.testing.assert_close(out, expected.transpose(1, 2).flatten(0, 1), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_neighbour_is_rebuilt_from_its_positions_that_look_alike() -> None:
    align = Alignment(32)
    x = torch.randn(2, 3, 5, 32)
    out = align(x)
    for frame in range(3):
        for side, other in enumerate((frame - 1, frame + 1)):
            if other not in range(3):
                assert (out[:, frame, side] == 0).all()
                continue
            own, values = x[1, frame, 2], x[1, other]
            cosines = F.cosine_similarity(align.embed(own), align.embed(values), dim=1)
            found = (4 * cosines).softmax(0) @ values
            useful = align.attend(align.own(own) * align.other(found)).sigmoid()
            torch.testing.assert_close(out[1, frame, side, 2], useful * found)


def test_contrastive_attention_learns_without_a_gradient_to_the_features() -> None:
    """With an embedding of zeros a neighbour's positions count alike, and the frame itself enters by that attention."""
    align = Alignment(32)
    nn.init.zeros_(align.embed.weight)
    x = torch.randn(1, 2, 5, 32, requires_grad=True)
    align(x)[:, 0, 1].sum().backward()
    assert (x.grad[:, 0] == 0).all() and (x.grad[:, 1] != 0).all()
    assert all(layer.weight.grad.any() for layer in (align.own, align.other, align.attend))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"convolution": "p3d"}, "convolution='p3d': choose one of '2d', 'i3d', 'p3d_a'"),
        ({"size": (64, 16), "non_local": True}, "size=64x16: non-local blocks need .* of at least 17"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.build("ap3d", **{**SLIM, **options})


@torch.no_grad()
def test_the_smallest_map_that_non_local_blocks_take() -> None:
    clips = torch.randn(1, 2, 3, 33, 17)
    assert registry.build("ap3d_nl", **{**SLIM, "size": (33, 17)}).eval()(clips).feature.shape == (1, 512)
