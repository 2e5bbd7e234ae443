"""BiCnet: its costs, the frames each branch gets, and what it refuses. Parity with the release: test_release.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from reidbench.models.bicnet import _split
from reidbench.models.resnet import ResNet
from rule_made import costs
from torch import nn

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}
PAPER = {"variant": "paper"}

TRUNK = 23_508_032
NECK = 2 * 2048
CSP = 3 * (256**2 + 512**2 + 1024**2)
DAO = 4 * 2 * 1024 + 2 * (1024 + 1 + 8 * 8 + 8 + 2 * 8)
PATH = 3 * 512**2
TKS_NORM = 2 * 512
STAGE_4 = 2 * 3 * 2048**2 + 2 * 2048 + 2048 * 128 + 2 * 128 + 128 * 2 * 2048
SELECTION = 512 * 32 + 2 * 32 + 32 * 2 * 512


# In millions: 23.508, 27.637, 27.647, 29.221, 29.270 (29.274 with the neck, as the release counts), 28.435, 53.604.
@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("two_branch", {}, TRUNK),
        ("two_branch", {"alpha": 1}, TRUNK),
        ("bicnet", {"attention": "none"}, TRUNK + CSP),
        ("bicnet", {}, TRUNK + CSP + DAO),
        ("bicnet", {"attention": "ao"}, TRUNK + CSP + DAO),
        ("bicnet_tk", {}, TRUNK + CSP + DAO + 2 * PATH + TKS_NORM),
        ("bicnet_tks", {}, TRUNK + CSP + DAO + 2 * PATH + TKS_NORM + SELECTION),
        ("bicnet_tks", {"kernels": (7,)}, TRUNK + CSP + DAO + PATH + TKS_NORM),
        ("bicnet_tks", {"stages": (4,)}, TRUNK + CSP + DAO + STAGE_4),
        ("bicnet_tks", {"variant": "paper", "attention": "none"}, TRUNK + CSP + 2 * PATH + 2 * 512**2),
    ],
)
def test_parameters_without_neck_and_classifier(name: str, options: dict[str, Any], parameters: int) -> None:
    with torch.device("meta"):
        model = registry.build(name, **options)
    assert sum(p.numel() for p in model.parameters()) - NECK == parameters


def gmacs_per_frame(name: str, frames: int, **options: Any) -> float:
    _, _, macs = costs(name, frames, **options)
    return macs / 1e9 / frames


# The release as a whole counts 1.9047.
@pytest.mark.parametrize(("name", "gmacs"), [("two_branch", 1.8167), ("bicnet", 1.8922), ("bicnet_tks", 1.9047)])
def test_cost_of_the_release(name: str, gmacs: float) -> None:
    assert gmacs_per_frame(name, 8) == pytest.approx(gmacs, abs=5e-5)


@pytest.fixture(scope="module")
def trunk() -> float:
    return gmacs_per_frame("baseline", 8)


# The release has an alpha of 3.
@pytest.mark.parametrize("alpha", [1, 2, 4])
def test_cost_falls_with_alpha_as_the_branches_predict(alpha: int, trunk: float) -> None:
    """A small frame costs a quarter; after the stem, all but the stem (its 7x7 convolution at half size)."""
    stem = 7 * 7 * 3 * 64 * 128 * 64 / 1e9
    share = (1 + alpha / 4) / (1 + alpha)
    frames = 2 * (1 + alpha)
    assert gmacs_per_frame("two_branch", frames, alpha=alpha, small="input") == pytest.approx(trunk * share)
    expected = stem + (trunk - stem) * share
    assert gmacs_per_frame("two_branch", frames, alpha=alpha, small="stem") == pytest.approx(expected)


@pytest.mark.parametrize(("variant", "small"), [("release", "input"), ("paper", "input"), ("release", "stem")])
@torch.no_grad()
def test_two_branches_are_the_trunk_on_big_and_small_frames(variant: str, small: str) -> None:
    model = registry.build("two_branch", variant=variant, small=small, alpha=2, **SLIM).eval()
    clips = torch.randn(2, 6, 3, 64, 32)
    big = {0, 3} if variant == "release" else {0, 1}

    def vector(frame: int) -> torch.Tensor:
        image = clips[:, frame]
        if frame not in big and small == "input":
            image = F.interpolate(image, scale_factor=0.5, mode="bilinear")
        x = model.trunk.stem(image)
        if frame not in big and small == "stem":
            x = F.max_pool2d(x, 2)
        for stage in model.trunk.stages:
            x = stage(x)
        return x.mean((2, 3)) if variant == "paper" else x.amax((2, 3))

    branches = [torch.stack([vector(i) for i in range(6) if (i in big) == wanted]).mean(0) for wanted in (True, False)]
    torch.testing.assert_close(model(clips).feature, (branches[0] + branches[1]) / 2, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_cross_scale_path_gives_each_small_frame_its_own_channels_of_its_own_big_frame() -> None:
    model = registry.build("bicnet", alpha=3, **SLIM)
    path, channels = model.csp["1"], model.trunk.channels[0]
    big, small = torch.randn(2, channels, 16, 8), torch.randn(6, channels, 8, 4)
    small = small.contiguous(memory_format=torch.channels_last)
    out = model._cross(big, small, path)
    for frame in range(6):
        weight = path.weight[frame % 3 * channels : (frame % 3 + 1) * channels]
        expected = small[frame] + F.conv2d(F.max_pool2d(big[frame // 3], 2), weight)
        torch.testing.assert_close(out[frame], expected, rtol=1e-4, atol=1e-5)
    assert out.is_contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def test_splitting_a_run_keeps_channels_last() -> None:
    frames = torch.randn(8, 5, 4, 2)
    big, small = _split(frames, (1, 3))
    assert torch.equal(big, frames[[0, 4]])
    assert torch.equal(small, frames[[1, 2, 3, 5, 6, 7]])
    assert big.is_contiguous(memory_format=torch.channels_last)
    assert small.is_contiguous(memory_format=torch.channels_last)


@settings(max_examples=12, deadline=None)
@given(
    alpha=st.integers(1, 6),
    runs=st.integers(1, 3),
    cells=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    depth=st.sampled_from([18, 50]),
    variant=st.sampled_from(["release", "paper"]),
    small=st.sampled_from([None, "input", "stem"]),
    kernels=st.sets(st.sampled_from([3, 5, 7]), min_size=1).map(tuple),
    stages=st.sets(st.integers(1, 4), min_size=1).map(tuple),
    last_stride=st.sampled_from([1, 2]),
)
def test_any_fitting_combination_runs(
    alpha: int, runs: int, cells: tuple[int, int], depth: int, last_stride: int, **options: Any
) -> None:
    frames, size = runs * (1 + alpha), (128 * cells[0] * last_stride, 64 * cells[1] * last_stride)
    shape = {"alpha": alpha, "size": size, "frames": frames, "depth": depth, "last_stride": last_stride}
    with torch.device("meta"):
        model = registry.build("bicnet_tks", classes=3, width=8, blocks=(1, 1, 1, 1), **shape, **options)
        out = model(torch.empty(2, frames, 3, *size))
    channels = ResNet(depth, width=8).channels
    assert out.feature.shape == (2, channels[3])
    assert out.maps["dao_big"].shape[1] == runs
    assert out.maps["dao_small"].shape[1] == runs * alpha
    assert {f"tks_stage{stage}" for stage in options["stages"]} <= set(out.maps)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"divergence"}),
        ({"attention": "ao"}, set()),
        ({"attention": "none"}, set()),
        ({"alpha": 1}, set()),
        ({"alpha": 1, "variant": "paper"}, {"divergence"}),
    ],
)
def test_divergence_is_there_where_a_branch_has_pairs(options: dict[str, Any], expected: set[str]) -> None:
    model = registry.build("bicnet", classes=3, **SLIM, **options).train()
    assert set(model(torch.randn(2, 8, 3, 64, 32)).losses) == expected


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_tks_starts_at_the_scale_asked_for(scale: float) -> None:
    model = registry.build("bicnet_tks", tks_scale=scale, **SLIM)
    assert (model.tks["2"].norm.weight == scale).all()


@pytest.mark.parametrize("options", [{}, PAPER], ids=["release", "paper"])
def test_float32_gradients_equal_finite_differences(options: dict[str, Any]) -> None:
    """Along a random direction of all parameters at once: float32 against central differences in float64."""
    torch.manual_seed(0)
    model = registry.build("bicnet_tks", tks_scale=1.0, classes=3, **SLIM, **options).train()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -0.3, 0.3)
    clips = torch.randn(4, 8, 3, 64, 32)

    def objective(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
        out = net(x)
        return out.logits[0].square().sum() + sum(loss.value for loss in out.losses.values())

    objective(model, clips).backward()
    direction = [torch.randn_like(p).double() for p in model.parameters()]
    slope = sum((p.grad.double() * d).sum() for p, d in zip(model.parameters(), direction, strict=True))
    model.double()
    values = []
    with torch.no_grad():
        start = [p.clone() for p in model.parameters()]
        for step in (1e-6, -1e-6):
            for p, p0, d in zip(model.parameters(), start, direction, strict=True):
                p.copy_(p0 + step * d)
            values.append(objective(model, clips.double()))
    assert slope.item() == pytest.approx(((values[0] - values[1]) / 2e-6).item(), rel=1e-2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "alpha=0"),
        ({"variant": "text"}, "variant='text': choose one of 'release', 'paper'"),
        ({"attention": "DAO"}, "attention='DAO'"),
        ({"temporal": "mean"}, "temporal='mean'"),
        ({"small": "stage1"}, "small='stage1'"),
        ({"kernels": (3, 4)}, r"kernels=\(3, 4\)"),
        ({"stages": ()}, r"stages=\(\)"),
        ({"stages": (2, 2)}, r"stages=\(2, 2\)"),
        ({"stages": (5,)}, r"stages=\(5,\)"),
        ({"regions": (0, 2)}, r"regions=\(0, 2\)"),
        ({"size": (48, 32)}, "size=48x32: the two branches need a height in multiples of 32, a width of 32"),
        ({"size": (96, 32)}, "size=96x32: 4x2 regions after stage 2 need a height in multiples of 64, a width of 32"),
        ({"variant": "paper", "frames": 6}, "a clip of 6 frames: with alpha=3 it must be a multiple of 4"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.build("bicnet_tks", **{**SLIM, **options})


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({}, (1, 6, 3, 64, 32), "a clip of 6 frames: with alpha=3 it must be a multiple of 4"),
        ({}, (1, 8, 3, 32, 32), "clips are 32x32, the model was built for 64x32"),
        (PAPER, (1, 4, 3, 64, 32), "clips have 4 frames, the attention modules were built for frames=8"),
    ],
)
def test_clips_that_do_not_fit_are_refused(options: dict[str, Any], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        registry.build("bicnet_tks", **SLIM, **options)(torch.zeros(shape))
