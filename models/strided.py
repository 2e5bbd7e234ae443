"""I3D and P3D as they were compared on LS-VID: every block convolves in time, stages 2 to 4 halve the frames.

I3D: Carreira and Zisserman, CVPR 2017; P3D: Qiu et al., ICCV 2017; for re-identification after the release of M3D's
authors (Li et al., AAAI 2019), github.com/ljn114514/M3D, ResNet50-P3D. Those of AP3D's authors, in models/ap3d.py,
convolve in time in some blocks and keep all frames.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import identity_classifier
from .m3d import MultiScale
from .resnet import BasicBlock, Bottleneck, ResNet, fold_frames, load_backbone

SEGMENT = 8
DIMENSION = 128
DROPOUT = 0.5
TAPS = 3
STRIDES = (1, 2, 2, 2)
"""Frames of which one is left after the first block of each stage."""


@model(presets={"p3d_strided": {"convolution": "p3d_c"}})
def i3d_strided(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 2,
    convolution: str = "i3d",
    zero_start: bool = False,
) -> Strided:
    """ResNet whose stem and blocks all convolve over three frames, and whose stages 2 to 4 halve the frames.

    Clips are segments of 8 frames. `size` has no influence. `convolution` is "i3d", 7x7 and 3x3 kernels repeated in
    time, or "p3d_c", a kernel over time after each of them, batch-normalised, rectified and added.

    `zero_start=True` starts "p3d_c" as the release does, all kernels over time at zero, from where they cannot learn,
    for a rectified zero has no gradient. By default they start small instead, as in `m3d`. The function is the same.
    Raises ValueError for another convolution.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    temporal = nn.ModuleDict()
    for key, spatial, stride in _places(trunk):
        if convolution == "i3d":
            temporal[key] = Inflated(spatial, stride)
        elif convolution == "p3d_c":
            temporal[key] = MultiScale(spatial.out_channels, 1, stride, zero_start)
        else:
            raise ValueError(f"convolution={convolution!r}: choose 'i3d' or 'p3d_c'")
    return Strided(trunk, temporal, classes)


class Strided(nn.Module):
    """A ResNet in segments of 8 frames, of which its last map has one, assembled by `i3d_strided`.

    `temporal` is keyed by the place in the trunk: "stem", "layer2_0". Output: `feature` `[B, 128]`, averaged over the
    segments. The method compares it as it is: the neck does nothing, and the batch norm `norm` stands, with a ReLU and
    dropout, before the classifier only. The release trains with cross entropy alone. Raises ValueError for clips that
    are not a multiple of 8 frames.
    """

    def __init__(self, trunk: ResNet, temporal: nn.ModuleDict, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.temporal = temporal
        self.embed = nn.Linear(trunk.channels[3], DIMENSION)
        nn.init.kaiming_normal_(self.embed.weight, mode="fan_out")
        nn.init.zeros_(self.embed.bias)
        self.neck = nn.Identity()
        self.norm = nn.BatchNorm1d(DIMENSION)
        self.dropout = nn.Dropout(DROPOUT)
        self.classifier = identity_classifier(DIMENSION, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)
        for key, spatial, _ in _places(self.trunk):
            temporal = self.temporal[key]
            if isinstance(temporal, Inflated):
                temporal.repeat(spatial)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        length = clips.shape[1]
        if length < 1 or length % SEGMENT:
            raise ValueError(f"a clip of {length} frames: it must be a multiple of {SEGMENT}")
        maps = self._maps(frames)
        feature = self.embed(maps.mean((2, 3))).unflatten(0, (clips.shape[0], -1)).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        logits = self.classifier(self.dropout(F.relu(self.norm(feature))))
        return Output(feature, logits=(logits,), embeddings=(self.neck(feature),))

    def _maps(self, frames: Tensor) -> Tensor:
        """Frames `[S * 8, 3, H, W]` of S segments to their maps `[S, C, h, w]`."""
        trunk, length = self.trunk, SEGMENT
        x = _in_time(self.temporal["stem"], trunk.conv1, trunk.bn1, frames, length)
        x = _maximum(trunk.maxpool(x), length)
        for number, stage in enumerate(trunk.stages, 1):
            for index, block in enumerate(stage):
                assert isinstance(block, BasicBlock | Bottleneck)
                stride = STRIDES[number - 1] if index == 0 else 1
                x = _block(block, self.temporal[_key(number, index)], x, length, stride)
                length //= stride
        return x


class Inflated(nn.Module):
    """Repeats a convolution over the frames before and after, 0 beyond the segment: a kernel of three frames.

    What it makes is the mean over its three taps, the middle one of which is `spatial` itself: it starts as the release
    does, whose kernels are a third of the repeated ones. `outer` has the channels of the frame before and of the one
    after as its inputs, in this order.
    """

    def __init__(self, spatial: nn.Conv2d, stride: int) -> None:
        super().__init__()
        self.stride = stride
        side, step = spatial.kernel_size[0], spatial.stride[0]
        self.outer = nn.Conv2d(2 * spatial.in_channels, spatial.out_channels, side, step, side // 2, bias=False)
        self.repeat(spatial)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def repeat(self, spatial: nn.Conv2d) -> None:
        """Starts the outer taps as the middle one."""
        self.outer.weight.copy_(spatial.weight.repeat(1, 2, 1, 1))

    def forward(self, x: Tensor, spatial: nn.Module, length: int) -> Tensor:
        """Maps `[S * length, C, H, W]` to `[S * length / stride, C', H', W']`."""
        before, after = _neighbours(x, length)
        outer = torch.cat([_every(before, self.stride), _every(after, self.stride)], 1)
        return (spatial(_every(x, self.stride)) + self.outer(outer)) / TAPS


def _in_time(temporal: nn.Module, spatial: nn.Conv2d, norm: nn.Module, x: Tensor, length: int) -> Tensor:
    """A convolution with its norm and ReLU, and what it is given over time."""
    if isinstance(temporal, Inflated):
        return F.relu(norm(temporal(x, spatial, length)), inplace=True)
    out: Tensor = temporal(F.relu(norm(spatial(x)), inplace=True), length)
    return out


def _block(block: BasicBlock | Bottleneck, temporal: nn.Module, x: Tensor, length: int, stride: int) -> Tensor:
    """A block on `[S * length, C, H, W]`, over time where it strides; the shortcut takes every so many frames."""
    shortcut = _every(x, stride)
    shortcut = shortcut if block.downsample is None else block.downsample(shortcut)
    if isinstance(block, Bottleneck):
        out = F.relu(block.bn1(block.conv1(x)), inplace=True)
        out = block.bn3(block.conv3(_in_time(temporal, block.conv2, block.bn2, out, length)))
    else:
        out = block.bn2(block.conv2(_in_time(temporal, block.conv1, block.bn1, x, length)))
    return F.relu(out + shortcut, inplace=True)


def _places(trunk: ResNet) -> list[tuple[str, nn.Conv2d, int]]:
    """Where the trunk convolves in time: the key, the convolution that has the stride in space, the stride in time."""
    places: list[tuple[str, nn.Conv2d, int]] = [("stem", trunk.conv1, 1)]
    for number, stage in enumerate(trunk.stages, 1):
        for index, block in enumerate(stage):
            spatial = block.conv2 if isinstance(block, Bottleneck) else block.conv1
            assert isinstance(spatial, nn.Conv2d)
            places.append((_key(number, index), spatial, STRIDES[number - 1] if index == 0 else 1))
    return places


def _key(stage: int, index: int) -> str:
    return f"layer{stage}_{index}"


def _every(maps: Tensor, stride: int) -> Tensor:
    """Of maps `[S * length, C, H, W]` every so many, from the first; `stride` divides `length`."""
    return maps if stride == 1 else maps[::stride]


def _neighbours(maps: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Of maps `[S * length, C, H, W]` those of the frame before and those of the one after, 0 beyond the segment."""
    rows = maps.permute(0, 2, 3, 1).unflatten(0, (-1, length))
    nothing = (0, 0, 0, 0, 0, 0)
    before, after = F.pad(rows[:, :-1], (*nothing, 1, 0)), F.pad(rows[:, 1:], (*nothing, 0, 1))
    return before.flatten(0, 1).permute(0, 3, 1, 2), after.flatten(0, 1).permute(0, 3, 1, 2)


def _maximum(maps: Tensor, length: int) -> Tensor:
    """The maximum over each frame and its neighbours of maps that are not negative."""
    before, after = _neighbours(maps, length)
    return torch.maximum(maps, torch.maximum(before, after))
