"""The trunk: its shapes, its standard names, and what it says of weights that are not its own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reidbench.models.resnet import DEPTHS, ResNet, fold_frames, load_backbone
from torch import Tensor


# torchvision's models without their fc layer (513 parameters a class more or less): 11,689,512 - 513,000 and so on.
@pytest.mark.parametrize(
    ("depth", "parameters"), [(18, 11_176_512), (34, 21_284_672), (50, 23_508_032), (101, 42_500_160)]
)
def test_parameter_count_is_torchvisions_without_fc(depth: int, parameters: int) -> None:
    with torch.device("meta"):
        trunk = ResNet(depth)
    assert sum(p.numel() for p in trunk.parameters()) == parameters


@settings(max_examples=20, deadline=None)
@given(
    depth=st.sampled_from(sorted(DEPTHS)),
    width=st.integers(8, 24),
    blocks=st.tuples(*[st.integers(1, 3)] * 4),
    last_stride=st.sampled_from([1, 2]),
    cells=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_channels_and_strides_say_what_the_stages_yield(
    depth: int, width: int, blocks: tuple[int, ...], last_stride: int, cells: tuple[int, int]
) -> None:
    with torch.device("meta"):
        trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride).eval()
        x = trunk.stem(torch.empty(1, 3, 32 * cells[0], 32 * cells[1]))
    for stage, channels, stride in zip(trunk.stages, trunk.channels, trunk.strides, strict=True):
        x = stage(x)
        assert x.shape == (1, channels, 32 * cells[0] // stride, 32 * cells[1] // stride)


def test_names_are_the_standard_ones() -> None:
    names = set(ResNet(50, width=4).state_dict())
    assert {"conv1.weight", "bn1.running_var", "layer1.0.downsample.0.weight", "layer3.5.bn3.bias"} <= names
    assert {name.partition(".")[0] for name in names} == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}


def test_initial_weights_are_kaiming_fan_out() -> None:
    torch.manual_seed(0)
    weight = ResNet(18).layer3[0].conv1.weight
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)


def test_frames_stay_in_channels_last() -> None:
    frames = fold_frames(torch.rand(2, 3, 3, 32, 16))
    assert frames.shape == (6, 3, 32, 16)
    y = ResNet(18, width=8, blocks=(1, 1, 1, 1))(frames)
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"depth": 20}, "depth=20"),
        ({"blocks": (1, 1, 1)}, "blocks="),
        ({"blocks": (1, 1, 0, 1)}, "blocks="),
        ({"depth": 50, "width": 1}, "width=1: a depth of 50 needs at least 2"),
        ({"depth": 18, "width": 7}, "width=7: a depth of 18 needs at least 8"),
        ({"last_stride": 3}, "last_stride=3"),
    ],
)
def test_refuses_what_it_cannot_build(options: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ResNet(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(3, 32, 16), (2, 4, 1, 32, 16), (2, 3, 4, 32, 16, 1)])
def test_fold_refuses_what_is_not_clips(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="batch, frames, 3, height, width"):
        fold_frames(torch.zeros(shape))


def slim() -> ResNet:
    return ResNet(50, width=4, blocks=(1, 1, 1, 1))


def imagenet_like(trunk: ResNet) -> dict[str, Tensor]:
    return {
        **{k: v.clone() for k, v in trunk.state_dict().items()},
        "fc.weight": torch.zeros(1),
        "fc.bias": torch.ones(1),
    }


def test_loads_weights_and_drops_fc() -> None:
    source, target = slim(), slim()
    load_backbone(target, imagenet_like(source))
    assert all(torch.equal(value, target.state_dict()[name]) for name, value in source.state_dict().items())


def test_loads_old_files_without_batch_counters() -> None:
    state = {k: v for k, v in imagenet_like(slim()).items() if not k.endswith("num_batches_tracked")}
    load_backbone(slim(), state)


def test_names_every_kind_of_mismatch_in_one_line_and_loads_nothing() -> None:
    target = slim()
    before = {k: v.clone() for k, v in target.state_dict().items()}
    state = imagenet_like(slim())
    del state["bn1.weight"]
    state["layer9.weight"] = torch.zeros(1)
    state["layer4.0.conv2.weight"] = torch.zeros(2, 2)
    with pytest.raises(ValueError) as caught:
        load_backbone(target, state)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        "missing: bn1.weight",
        "unexpected: layer9.weight",
        "layer4.0.conv2.weight [2, 2] instead of [32, 32, 3, 3]",
    ):
        assert part in message
    assert all(torch.equal(value, target.state_dict()[name]) for name, value in before.items())
