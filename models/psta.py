"""PSTA: a pyramid that fuses neighbouring frames pair by pair, with attention within and between them.

Pyramid Spatial-Temporal Aggregation for Video-based Person Re-Identification, Wang et al., ICCV 2021; after the
authors' release, github.com/WangYQ9/VideoReID_PSTA.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier
from .resnet import ResNet, fold_frames, load_backbone

LEVELS = 3


@model()
def psta(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
) -> PSTA:
    """ResNet and three levels of aggregation, each of which makes one map of every two.

    Clips have a multiple of 8 frames. `size` is the (height, width) of the clips in pixels, to whose last map the
    attention's weights are tied.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    positions = math.prod(-(-length // trunk.strides[3]) for length in size)
    return PSTA(trunk, classes, size, positions)


class PSTA(nn.Module):
    """A ResNet under `LEVELS` aggregations, assembled by `psta`.

    A level's vector is the mean of its maps; the feature of level k is the mean of the vectors up to it. Output:
    `feature` `[B, channels / 2]` is that of the last level; in training, one of `logits` and `embeddings` a level. The
    release averages the losses of the levels, the shared trainer adds them; it normalises frame after frame, where here
    all frames of a level share their batch statistics. Raises ValueError for clips of another size or length.
    """

    def __init__(self, trunk: ResNet, classes: int, size: tuple[int, int], positions: int) -> None:
        super().__init__()
        channels = trunk.channels[3] // 2
        self.size = tuple(size)
        self.trunk = trunk
        self.reduce = _layer(trunk.channels[3], channels)
        self.levels = nn.ModuleList(Aggregation(channels, positions) for _ in range(LEVELS))
        self.lower_necks = nn.ModuleList(batch_norm_neck(channels) for _ in range(LEVELS - 1))
        self.neck = batch_norm_neck(channels)
        heads = [identity_classifier(channels, classes) for _ in range(LEVELS)] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        self._check(clips)
        x = self.reduce(self.trunk(frames))
        vectors = []
        for level in self.levels:
            x = level(x)
            vectors.append(x.mean((2, 3)).unflatten(0, (len(clips), -1)).mean(1))
        feature = torch.stack(vectors).mean(0)
        if not self.training or self.classifier is None:
            return Output(feature)
        lower = [torch.stack(vectors[:level]).mean(0) for level in range(1, LEVELS)]
        necks = (*self.lower_necks, self.neck)
        embeddings = tuple(neck(vector) for neck, vector in zip(necks, (*lower, feature), strict=True))
        logits = tuple(head(embedding) for head, embedding in zip(self.classifier, embeddings, strict=True))
        return Output(feature, logits=logits, embeddings=embeddings)

    def _check(self, clips: Tensor) -> None:
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if length < 1 or length % 2**LEVELS:
            raise ValueError(f"a clip of {length} frames: it must be a multiple of {2**LEVELS}")


class Aggregation(nn.Module):
    """Spatial-temporal aggregation (STAM): maps of frames to half as many, each made of a pair of neighbours.

    The square of the pair's rectified sum under temporal attention, and its rectified sum under spatial attention, are
    added and pass a bottleneck.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        middle, narrow = channels // 4, channels // 8
        self.embed = nn.Sequential(_layer(channels, middle), _layer(middle, narrow))
        self.temporal = TemporalReference(channels, positions)
        self.spatial = SpatialReference(channels, positions)
        self.bottleneck = nn.Sequential(_layer(channels, middle), _layer(middle, middle, 3), _layer(middle, channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[2 * N, C, h, w]` to `[N, C, h, w]`."""
        embedded, vectors = self.embed(maps), maps.mean((2, 3))
        between = _sum_of_pairs(maps * self.temporal(maps, embedded, vectors)).relu().square()
        within = _sum_of_pairs(maps * self.spatial(maps, embedded, vectors)).relu()
        return self.bottleneck(between + within)


class TemporalReference(nn.Module):
    """Temporal reference attention (TRA): a frame's weights from its affinities with its neighbour.

    At each position from the affinities both ways and the embeddings of both frames, for each channel from the means
    of both frames; the two are multiplied.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        narrow = channels // 8
        self.query, self.key = _layer(channels, narrow), _layer(channels, narrow)
        self.relate = _layer(2 * positions, narrow)
        self.join = _layer(2 * narrow, narrow)
        self.score = _score(2 * narrow)
        self.squeeze = nn.Linear(channels, narrow, bias=False)
        self.gate = _gate(2 * narrow, narrow, channels)
        nn.init.kaiming_normal_(self.squeeze.weight)

    def forward(self, maps: Tensor, embedded: Tensor, vectors: Tensor) -> Tensor:
        """Of maps `[2 * N, C, h, w]`, their embeddings `[2 * N, C / 8, h, w]` and means `[2 * N, C]`, the weights."""
        ahead = torch.matmul(_positions(self.query(maps)), _swap(_positions(self.key(maps))).transpose(1, 2))
        relation = self.relate(_as_maps(ahead, _swap(ahead).transpose(1, 2), maps))
        joined = self.join(torch.cat([embedded, _swap(embedded)], 1))
        spatial = self.score(torch.cat([joined, relation], 1))
        squeezed = F.relu(self.squeeze(vectors))
        channel = self.gate(torch.cat([squeezed, _swap(squeezed)], 1))
        return spatial * channel[:, :, None, None]


class SpatialReference(nn.Module):
    """Spatial reference attention (SRA): a frame's weights from the affinities of its own positions, and its mean."""

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        narrow = channels // 8
        self.query, self.key = _layer(channels, narrow), _layer(channels, narrow)
        self.relate = _layer(2 * positions, narrow)
        self.score = nn.Sequential(_layer(2 * narrow, narrow), _score(narrow))
        self.gate = _gate(channels, narrow, channels)

    def forward(self, maps: Tensor, embedded: Tensor, vectors: Tensor) -> Tensor:
        """Of maps `[N, C, h, w]`, their embeddings `[N, C / 8, h, w]` and means `[N, C]`, the weights."""
        ahead = torch.matmul(_positions(self.query(maps)), _positions(self.key(maps)).transpose(1, 2))
        relation = self.relate(_as_maps(ahead, ahead.transpose(1, 2), maps))
        spatial = self.score(torch.cat([embedded, relation], 1))
        return spatial * self.gate(vectors)[:, :, None, None]


def _layer(inputs: int, outputs: int, kernel: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    layer = nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
    return layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _score(inputs: int) -> nn.Sequential:
    """One number between 0 and 1 at each position."""
    convolution = nn.Conv2d(inputs, 1, 1, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return nn.Sequential(convolution, nn.BatchNorm2d(1), nn.Sigmoid())


def _gate(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """One number between 0 and 1 for each channel."""
    first, second = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
    for linear in (first, second):
        nn.init.kaiming_normal_(linear.weight, mode="fan_out")
        nn.init.zeros_(linear.bias)
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.Sigmoid())


def _positions(maps: Tensor) -> Tensor:
    """Maps `[N, C, h, w]` as `[N, h * w, C]`: a view where they are in channels_last."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


def _as_maps(ahead: Tensor, back: Tensor, maps: Tensor) -> Tensor:
    """Two affinities `[N, P, P]` of each position, side by side as channels: `[N, 2 * P, h, w]`."""
    return torch.cat([ahead, back], 2).unflatten(1, maps.shape[2:]).permute(0, 3, 1, 2)


def _swap(frames: Tensor) -> Tensor:
    """Of `[2 * N, ...]` each frame's neighbour in its pair."""
    return frames.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def _sum_of_pairs(maps: Tensor) -> Tensor:
    return maps.unflatten(0, (-1, 2)).sum(1)
