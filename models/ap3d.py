"""AP3D and what it stands among: convolutions of a ResNet extended in time (I3D, P3D), aligned first, or non-local.

Appearance-Preserving 3D Convolution for Video-based Person Re-identification, Gu et al., ECCV 2020; after the authors'
release, github.com/guxinqian/AP3D. I3D: Carreira and Zisserman, CVPR 2017; P3D: Qiu et al., ICCV 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier, max_pool
from .non_local import NonLocal
from .resnet import BasicBlock, Bottleneck, ResNet, fold_frames, load_backbone

STAGES = (2, 3)
KINDS = ("i3d", "p3d_a", "p3d_b", "p3d_c")
ALIGNED = "ap_"
REDUCTION = 16
TEMPERATURE = 4.0


@model(
    presets={
        "ap3d_nl": {"non_local": True},
        "p3d": {"convolution": "p3d_c"},
        "i3d": {"convolution": "i3d"},
        "non_local": {"convolution": "2d", "non_local": True},
    }
)
def ap3d(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    convolution: str = "ap_p3d_c",
    non_local: bool = False,
) -> AP3D:
    """ResNet in which every second block of stages 2 and 3 convolves in time, too, over neighbours that it aligns.

    `convolution` is the form of those blocks: "i3d", "p3d_a", "p3d_b" or "p3d_c" (see `TemporalConvolution`), each also
    aligned as "ap_i3d" and so on, or "2d" for none. `non_local` adds a non-local block over all positions of all frames
    after the other blocks of these stages (after the only one, where a stage has one). The release's AP3D and AP3D+NL
    are "ap_p3d_c". Clips may have any length; `size` is their (height, width) in pixels.

    Raises ValueError for another convolution, and where a map of stage 3 is too small for a non-local block, which
    takes 2x2 positions together.
    """
    known = ("2d", *KINDS, *(ALIGNED + kind for kind in KINDS))
    if convolution not in known:
        raise ValueError(f"convolution={convolution!r}: choose one of {', '.join(map(repr, known))}")
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    if non_local and min(size) <= trunk.strides[2]:
        needed = trunk.strides[2] + 1
        raise ValueError(f"size={size[0]}x{size[1]}: non-local blocks need a height and a width of at least {needed}")
    temporal, pairs = nn.ModuleDict(), nn.ModuleDict()
    for number in STAGES:
        stage = _blocks(trunk, number)
        if convolution != "2d":
            for index in range(0, len(stage), 2):
                temporal[_key(number, index)] = TemporalConvolution(stage[index].conv2, convolution)
        if non_local:
            for index in range(1, len(stage), 2) or (0,):
                pairs[_key(number, index)] = NonLocal(trunk.channels[number - 1])
    return AP3D(trunk, temporal, pairs, classes)


class AP3D(nn.Module):
    """A ResNet with temporal convolutions and non-local blocks in stages 2 and 3, assembled by `ap3d`.

    `temporal` and `non_local` are keyed by the trunk's block: "layer2_0". Per frame a global max pool, then the mean
    over the frames: `feature` is `[B, channels]`. Raises ValueError for a clip without frames.
    """

    def __init__(self, trunk: ResNet, temporal: nn.ModuleDict, non_local: nn.ModuleDict, classes: int) -> None:
        super().__init__()
        features = trunk.channels[-1]
        self.trunk = trunk
        self.temporal = temporal
        self.non_local = non_local
        for layer in (part for part in non_local.modules() if isinstance(part, nn.Conv2d)):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        x, frames = self.trunk.stem(fold_frames(clips)), clips.shape[1]
        if frames < 1:
            raise ValueError("a clip of 0 frames: it needs at least 1")
        x = self.trunk.layer1(x)
        for number in STAGES:
            x = self._stage(number, x, frames)
        feature = max_pool(self.trunk.layer4(x)).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))

    def _stage(self, number: int, x: Tensor, frames: int) -> Tensor:
        """Maps `[B * frames, C, H, W]` through the blocks of a stage and what they are given here."""
        for index, block in enumerate(_blocks(self.trunk, number)):
            key = _key(number, index)
            x = _in_time(block, x, self.temporal[key], frames) if key in self.temporal else block(x)
            if key in self.non_local:
                x = self.non_local[key](x, frames)
        return x


class TemporalConvolution(nn.Module):
    """Extends the second convolution of a block, `spatial`, to the frames before and after; 0 beyond the clip.

    "i3d" is a 3x3x3 convolution of which `spatial` is the middle slice; the others add one of 3x1x1: "p3d_a" after
    `spatial`, "p3d_b" beside it, "p3d_c" after it and added to its output. At first each does what `spatial` does
    alone. "ap_" aligns what comes before and after to each frame. `taps` has the channels of the frame before, of the
    frame itself (but for "i3d") and of the frame after as its inputs, in this order.
    """

    def __init__(self, spatial: nn.Conv2d, convolution: str) -> None:
        super().__init__()
        channels, stride = spatial.in_channels, spatial.stride[0]
        self.kind = convolution.removeprefix(ALIGNED)
        self.align = Alignment(channels) if convolution.startswith(ALIGNED) else None
        if self.kind == "i3d":
            self.taps = nn.Conv2d(2 * channels, channels, 3, stride, padding=1, bias=False)
        else:
            self.taps = nn.Conv2d(3 * channels, channels, 1, stride if self.kind == "p3d_b" else 1, bias=False)
        nn.init.zeros_(self.taps.weight)
        if self.kind == "p3d_a":
            nn.init.eye_(self.taps.weight.detach()[:, channels : 2 * channels, 0, 0])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, spatial: nn.Module, frames: int) -> Tensor:
        """Maps `[B * frames, C, H, W]` to what `spatial` makes of them, `[B * frames, C, H', W']`, in time."""
        if self.kind in ("i3d", "p3d_b"):
            return spatial(x) + self.taps(self._three(x, frames))
        x = spatial(x)
        out = self.taps(self._three(x, frames))
        return out if self.kind == "p3d_a" else x + out

    def _three(self, x: Tensor, frames: int) -> Tensor:
        """Each frame with its neighbours along the channels."""
        own = x.permute(0, 2, 3, 1).flatten(1, 2).unflatten(0, (-1, frames))
        before, after = (_neighbours(own) if self.align is None else self.align(own)).unbind(2)
        row = torch.cat((before, after) if self.kind == "i3d" else (before, own, after), 3)
        return row.flatten(0, 1).unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)


class Alignment(nn.Module):
    """The appearance-preserving module (APM): neighbours rebuilt at the positions of each frame.

    Positions are compared by the cosine of a linear embedding; a softmax over the neighbour's positions, at 4 times the
    cosine, weighs their features. What so stands at a position is then weighed by how far two further embeddings agree
    that it is of use there, which is learned without a gradient to the features (contrastive attention). As in the
    release, the frames beyond the clip take part with all features 0, and each frame is embedded once a neighbour.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # A single channel would be but a sign when normalised.
        inner = max(math.ceil(channels / REDUCTION), 2)
        self.embed = nn.Linear(channels, inner, bias=False)
        self.own = nn.Linear(channels, inner, bias=False)
        self.other = nn.Linear(channels, inner, bias=False)
        self.attend = nn.Linear(inner, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Positions `[B, T, P, C]` to those of both neighbours `[B, T, 2, P, C]`."""
        embedded = F.normalize(self.embed(x), dim=3)
        cosines = torch.matmul(embedded.unsqueeze(2), _neighbours(embedded).transpose(3, 4))
        found = torch.matmul((TEMPERATURE * cosines).softmax(4), _neighbours(x))
        agreement = self.own(x.detach().unsqueeze(2).expand_as(found)) * self.other(found.detach())
        return found * self.attend(agreement).sigmoid()


def _neighbours(x: Tensor) -> Tensor:
    """Of frames `[B, T, P, C]` the one before and the one after `[B, T, 2, P, C]`."""
    before, after = F.pad(x[:, :-1], (0, 0, 0, 0, 1, 0)), F.pad(x[:, 1:], (0, 0, 0, 0, 0, 1))
    return torch.stack((before, after), 2)


def _in_time(block: BasicBlock | Bottleneck, x: Tensor, temporal: nn.Module, frames: int) -> Tensor:
    """A block of the trunk whose second convolution is extended in time."""
    out = block.relu(block.bn1(block.conv1(x)))
    out = block.bn2(temporal(out, block.conv2, frames))
    if isinstance(block, Bottleneck):
        out = block.bn3(block.conv3(block.relu(out)))
    out += x if block.downsample is None else block.downsample(x)
    return block.relu(out)


def _blocks(trunk: ResNet, stage: int) -> list[BasicBlock | Bottleneck]:
    return list(trunk.stages[stage - 1])  # type: ignore[arg-type]


def _key(stage: int, index: int) -> str:
    return f"layer{stage}_{index}"
