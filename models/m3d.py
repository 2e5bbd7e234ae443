"""M3D: temporal convolutions of several dilations inside a ResNet, which halve the frames from stage to stage.

Multi-scale 3D Convolution Network for Video Based Person Re-Identification, Li et al., AAAI 2019; after the authors'
release, github.com/ljn114514/M3D, its network with attention (the one without it yields two features a clip, which do
not match its labels). The paper's second stream, a ResNet on single frames, is in the release, its fusion is not.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import identity_classifier
from .resnet import BasicBlock, Bottleneck, ResNet, fold_frames, load_backbone

SEGMENT = 8
DIMENSION = 128
DROPOUT = 0.5
BRANCHES = (3, 3, 2, 1)
"""Dilations of the temporal convolutions in stages 1 to 4; the stem has three."""
FRAMES = (8, 4, 2, 1)
"""What a segment is left with after each stage."""
START = 0.1


@model(presets={"m3d_two_stream": {"two_stream": True}})
def m3d(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 2,
    two_stream: bool = False,
    zero_start: bool = False,
) -> M3D:
    """ResNet with multi-scale temporal convolutions and residual attention (the temporal stream of the method).

    Clips are segments of 8 frames. `size` has no influence. `two_stream` adds the second stream, approximately: a
    ResNet of its own on single frames, with stride 1 in stage 4 and 128 numbers a frame, averaged; the fusion is ours.

    `zero_start=True` starts as the release does: all temporal kernels and the last layers of all attentions at zero.
    From there they cannot learn, for a rectified zero has no gradient and neither has a product of three zeros, so that
    the release trains a plain ResNet that averages pairs of frames. By default they start small instead: kernels drawn
    as the trunk's are under a batch norm of scale 0.1, and last layers from N(0, 0.1). The function is the same.
    """
    temporal = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    single = ResNet(depth, width=width, blocks=blocks) if two_stream else None
    return M3D(temporal, single, classes, zero_start)


class M3D(nn.Module):
    """The temporal stream in segments of 8 frames, and perhaps a second one on single frames, assembled by `m3d`.

    Output: `feature` `[B, 128]`, averaged over the segments, or `[B, 256]` with the second stream; one of `logits` and
    `embeddings` a stream. The method compares features as they are: the neck does no more than bring each stream's to
    unit length, and the batch norms `norm` stand, with a ReLU and dropout, before the classifiers only. The release
    trains the streams one after the other with cross entropy alone, the one over time from where the other came to;
    here they are trained at once and share nothing. Raises ValueError for clips that are not a multiple of 8 frames.
    """

    def __init__(self, trunk: ResNet, single: ResNet | None, classes: int, zero_start: bool) -> None:
        super().__init__()
        self.trunk = trunk
        self.single = single
        trunks = [trunk, *([single] if single else [])]
        width = trunk.conv1.out_channels
        self.motion = nn.ModuleList([MultiScale(width, 3, 1, zero_start)])
        for number, branches in enumerate(BRANCHES):
            self.motion.append(MultiScale(width * 2**number, branches, 2 if number else 1, zero_start))
        self.attention = nn.ModuleList(
            ResidualAttention(channels, frames, zero_start)
            for channels, frames in zip(trunk.channels[:3], FRAMES[:3], strict=True)
        )
        self.embed = nn.ModuleList(_embedding(one.channels[3]) for one in trunks)
        self.neck = UnitStreams()
        self.norm = nn.ModuleList(nn.BatchNorm1d(DIMENSION) for _ in trunks)
        self.dropout = nn.Dropout(DROPOUT)
        heads = [identity_classifier(DIMENSION, classes) for _ in trunks] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)
        if self.single:
            load_backbone(self.single, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if not len(frames) or clips.shape[1] % SEGMENT:
            raise ValueError(f"a clip of {clips.shape[1]} frames: it must be a multiple of {SEGMENT}")
        maps = [self._temporal(frames), *([self.single(frames)] if self.single else [])]
        streams = [
            embed(x.mean((2, 3))).unflatten(0, (len(clips), -1)).mean(1)
            for embed, x in zip(self.embed, maps, strict=True)
        ]
        feature = torch.cat(streams, 1)
        if not self.training or self.classifier is None:
            return Output(feature)
        seen = [self.dropout(F.relu(norm(stream))) for norm, stream in zip(self.norm, streams, strict=True)]
        logits = tuple(head(stream) for head, stream in zip(self.classifier, seen, strict=True))
        return Output(feature, logits=logits, embeddings=self.neck(feature).split(DIMENSION, 1))

    def _temporal(self, frames: Tensor) -> Tensor:
        """Frames `[S * 8, 3, H, W]` of S segments to their maps `[S, C, h, w]`."""
        x = self.trunk.relu(self.trunk.bn1(self.trunk.conv1(frames)))
        x = self.trunk.maxpool(self.motion[0](x, SEGMENT))
        for number, stage in enumerate(self.trunk.stages):
            first, motion = stage[0], self.motion[number + 1]
            assert isinstance(first, BasicBlock | Bottleneck) and isinstance(motion, MultiScale)
            x = stage[1:](_first_block(first, x, motion, (SEGMENT, *FRAMES)[number]))
            if number < len(self.attention):
                x = self.attention[number](x)
        return x


class MultiScale(nn.Module):
    """Temporal convolutions of dilation 1, 2, ..., each batch-normalised and rectified, added to their input.

    With a `stride` the frames are averaged in groups of so many, and the convolutions stride over them.
    """

    def __init__(self, channels: int, branches: int, stride: int, zero_start: bool) -> None:
        super().__init__()
        self.stride = stride
        self.kernels = nn.ModuleList(_over_time(channels, d, stride, zero_start) for d in range(1, branches + 1))
        self.norms = nn.ModuleList(_norm(channels, 1.0 if zero_start else START) for _ in self.kernels)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor, length: int) -> Tensor:
        """Maps `[S * length, C, H, W]` to `[S * length / stride, C, H, W]`."""
        over_time = maps.permute(0, 2, 3, 1).unflatten(0, (-1, length)).flatten(2, 3).permute(0, 3, 1, 2)
        out = mean_frames(maps, self.stride)
        for kernel, norm in zip(self.kernels, self.norms, strict=True):
            motion = F.relu(norm(kernel(over_time))).permute(0, 2, 3, 1).unflatten(2, maps.shape[2:])
            out = out + motion.flatten(0, 1).permute(0, 3, 1, 2)
        return out


class ResidualAttention(nn.Module):
    """Residual attention (RAL): x becomes x / 2 + x * sigmoid(spatial * channel * temporal weights).

    The spatial and channel weights see the mean over the segment's frames, the temporal ones the mean of each frame.
    """

    def __init__(self, channels: int, frames: int, zero_start: bool) -> None:
        super().__init__()
        squeezed = max(1, channels // 16)
        self.frames = frames
        self.spatial = _two_layers(channels, 1, 1, zero_start, kernel=3)
        self.channel = _two_layers(channels, squeezed, channels, zero_start)
        self.temporal = _two_layers(frames, 2 * frames, frames, zero_start)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[S * frames, C, H, W]` to maps of the same shape."""
        clips, mean = maps.unflatten(0, (-1, self.frames)), mean_frames(maps, self.frames)
        spatial = self.spatial(mean)
        channel = F.relu(self.channel(mean.mean((2, 3), keepdim=True)))
        temporal = self.temporal(clips.mean((2, 3, 4))[:, :, None, None])
        mask = torch.sigmoid((spatial * channel).unsqueeze(1) * temporal.unsqueeze(2))
        return (clips * (0.5 + mask)).flatten(0, 1)


class UnitStreams(nn.Module):
    """The neck: each stream's 128 numbers of a feature `[B, 128 * streams]` at unit length."""

    def forward(self, feature: Tensor) -> Tensor:
        return F.normalize(feature.unflatten(1, (-1, DIMENSION)), dim=2).flatten(1)


def mean_frames(maps: Tensor, stride: int) -> Tensor:
    """Maps `[N * stride, C, H, W]` averaged over groups of `stride` frames: `[N, C, H, W]`, in channels_last."""
    if stride == 1:
        return maps
    return maps.permute(0, 2, 3, 1).unflatten(0, (-1, stride)).mean(1).permute(0, 3, 1, 2)


def _first_block(block: BasicBlock | Bottleneck, x: Tensor, motion: MultiScale, length: int) -> Tensor:
    """A stage's first block on `[S * length, C, H, W]`, with `motion` after the convolution that has its stride."""
    out = block.relu(block.bn1(block.conv1(x)))
    if isinstance(block, Bottleneck):
        out = block.relu(block.bn2(block.conv2(out)))
        out = block.bn3(block.conv3(motion(out, length)))
    else:
        out = block.bn2(block.conv2(motion(out, length)))
    shortcut = x if block.downsample is None else block.downsample(x)
    return block.relu(out + mean_frames(shortcut, motion.stride))


def _over_time(channels: int, dilation: int, stride: int, zero_start: bool) -> nn.Conv2d:
    """Over `[S, C, T, P]`: three taps in time."""
    convolution = nn.Conv2d(channels, channels, (3, 1), (stride, 1), (dilation, 0), (dilation, 1), bias=False)
    if zero_start:
        nn.init.zeros_(convolution.weight)
    else:
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution


def _norm(channels: int, scale: float) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    nn.init.constant_(norm.weight, scale)
    return norm


def _two_layers(inputs: int, hidden: int, outputs: int, zero_start: bool, kernel: int = 1) -> nn.Sequential:
    first = nn.Conv2d(inputs, hidden, kernel, padding=kernel // 2, bias=False)
    second = nn.Conv2d(hidden, outputs, 1, bias=False)
    nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
    nn.init.normal_(second.weight, std=0.0 if zero_start else START)
    if not zero_start:
        # Inputs are positive and units few (a single one, four): with these weights none is rectified to zero.
        first.weight.data.abs_()
    return nn.Sequential(first, nn.ReLU(inplace=True), nn.BatchNorm2d(hidden), second)


def _embedding(channels: int) -> nn.Linear:
    embed = nn.Linear(channels, DIMENSION)
    nn.init.kaiming_normal_(embed.weight, mode="fan_out")
    nn.init.zeros_(embed.bias)
    return embed
