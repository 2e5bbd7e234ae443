"""PSTA: a pyramid over time in which pairs of frames are weighed by their relations and summed, down to one.

Pyramid Spatial-Temporal Aggregation for Video-based Person Re-Identification, Wang et al., ICCV 2021; after the
authors' release, github.com/WangYQ9/VideoReID_PSTA.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier
from .resnet import ResNet, fold_frames, load_backbone

LEVELS = 3
MULTIPLE = 2**LEVELS


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
    """ResNet whose last maps are summed pair by pair in three levels, weighed by relations within and across frames.

    `size` is the (height, width) of the clips in pixels: a position's relations are to all positions of the last map,
    to whose number the weights are bound. Clips have a multiple of 8 frames; more than 8 are averaged at the end.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    height, width_of_map = (math.ceil(length / trunk.strides[3]) for length in size)
    return PSTA(trunk, height * width_of_map, classes, size)


class PSTA(nn.Module):
    """A ResNet and three levels of `Aggregation` over half its channels, assembled by `psta`.

    The vector of a level is the mean of its map over positions and frames. The first head sees that of the first level,
    the second the mean of the first two, the third that of all three, which is the `feature` `[B, channels / 2]`; each
    head has a neck, whose bias stays 0.

    Output: one of `logits` and `embeddings` a head; `maps` "psta_temporal1" and "psta_spatial1" `[B, T, h, w]`, the
    weights of positions by relations across and within frames, "...2" `[B, T / 2, h, w]`, "...3" `[B, T / 4, h, w]`.
    Raises ValueError for clips of another size or a wrong number of frames.
    """

    def __init__(self, trunk: ResNet, positions: int, classes: int, size: tuple[int, int]) -> None:
        super().__init__()
        channels = trunk.channels[3] // 2
        self.size = tuple(size)
        self.trunk = trunk
        self.pyramid = nn.ModuleDict({"reduce": _conv(trunk.channels[3], channels)})
        for level in range(1, LEVELS + 1):
            self.pyramid[f"level{level}"] = Aggregation(channels, positions)
        self.lower_necks = nn.ModuleList(_neck(channels) for _ in range(LEVELS - 1))
        self.neck = _neck(channels)
        heads = [identity_classifier(channels, classes) for _ in range(LEVELS)] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        self._check(clips)
        x = self.pyramid["reduce"](self.trunk(frames))
        vectors: list[Tensor] = []
        maps: dict[str, Tensor] = {}
        for level in range(1, LEVELS + 1):
            x, temporal, spatial = self.pyramid[f"level{level}"](x)
            vectors.append(x.mean((2, 3)).unflatten(0, (len(clips), -1)).mean(1))
            maps[f"psta_temporal{level}"] = temporal.detach().unflatten(0, (len(clips), -1))
            maps[f"psta_spatial{level}"] = spatial.detach().unflatten(0, (len(clips), -1))
        features = [torch.stack(vectors[:level]).mean(0) for level in range(1, LEVELS + 1)]
        if not self.training or self.classifier is None:
            return Output(features[-1], maps=maps)
        necks = (*self.lower_necks, self.neck)
        embeddings = tuple(neck(feature) for neck, feature in zip(necks, features, strict=True))
        logits = tuple(head(embedding) for head, embedding in zip(self.classifier, embeddings, strict=True))
        return Output(features[-1], logits=logits, embeddings=embeddings, maps=maps)

    def _check(self, clips: Tensor) -> None:
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if length < 1 or length % MULTIPLE:
            raise ValueError(f"a clip of {length} frames: it must be a multiple of {MULTIPLE}")


class Aggregation(nn.Module):
    """Spatial-temporal aggregation (STAM): of each two consecutive frames one map.

    Each frame's map is weighed, by position and by channel, twice: by its relations with the other frame of the pair
    (TRA), then by those within itself (SRA). The weighted maps of a pair are summed; the ReLU of the first sum is
    squared, that of the second is added, and what results passes a bottleneck of three convolutions.

    In training, frames and pairs share their batch statistics, which the release, looping over pairs, takes apart.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        middle, inner = channels // 4, channels // 8
        self.embed = nn.Sequential(_conv(channels, middle), _conv(middle, inner))
        self.temporal = Relations(channels, positions)
        self.temporal_embed = _conv(2 * inner, inner)
        self.temporal_weight = _one_channel(2 * inner)
        self.temporal_channels = nn.Sequential(nn.Linear(channels, inner, bias=False), nn.ReLU(inplace=True))
        self.temporal_gate = _gate(2 * inner, inner, channels)
        self.spatial = Relations(channels, positions)
        self.spatial_weight = nn.Sequential(_conv(2 * inner, inner), _one_channel(inner))
        self.spatial_gate = _gate(channels, inner, channels)
        self.refine = nn.Sequential(_conv(channels, middle), _conv(middle, middle, 3), _conv(middle, channels))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps `[N * 2, C, H, W]` of N pairs to maps `[N, C, H, W]` and both weights of positions `[N * 2, H, W]`."""
        vectors, embedded = maps.mean((2, 3)), self.embed(maps)
        both = self.temporal_embed(torch.cat((embedded, _other(embedded)), 1))
        temporal = self.temporal_weight(torch.cat((both, self.temporal(maps, across=True)), 1))
        channels = self.temporal_channels(vectors)
        gates = self.temporal_gate(torch.cat((channels, _other(channels)), 1))
        out = _sum_of_pairs(gates[:, :, None, None] * temporal * maps).square()

        spatial = self.spatial_weight(torch.cat((embedded, self.spatial(maps, across=False)), 1))
        out = out + _sum_of_pairs(self.spatial_gate(vectors)[:, :, None, None] * spatial * maps)
        return self.refine(out), temporal.squeeze(1), spatial.squeeze(1)


class Relations(nn.Module):
    """What a position's products with all positions of its own frame, or of the other of its pair, say of it.

    Positions have two embeddings. A position's relations are the products of its first with the second of all others,
    then of its second with the first of all others; as channels they pass a convolution.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        inner = channels // 8
        self.first = _conv(channels, inner)
        self.second = _conv(channels, inner)
        self.compress = _conv(2 * positions, inner)

    def forward(self, maps: Tensor, *, across: bool) -> Tensor:
        """Maps `[N * 2, C, H, W]` to `[N * 2, C / 8, H, W]`."""
        first, second = (layer(maps).permute(0, 2, 3, 1).flatten(1, 2) for layer in (self.first, self.second))
        products = torch.matmul(first, (_other(second) if across else second).transpose(1, 2))
        reverse = (_other(products) if across else products).transpose(1, 2)
        relations = torch.cat((products, reverse), 2)
        return self.compress(relations.unflatten(1, maps.shape[2:]).permute(0, 3, 1, 2))


def _other(x: Tensor) -> Tensor:
    """Of `[N * 2, ...]` in pairs, for each the other of its pair."""
    return x.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def _sum_of_pairs(maps: Tensor) -> Tensor:
    """The ReLU of the sum of each pair: `[N * 2, C, H, W]` to `[N, C, H, W]`."""
    return maps.unflatten(0, (-1, 2)).sum(1).relu()


def _conv(inputs: int, outputs: int, kernel: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _one_channel(inputs: int) -> nn.Sequential:
    """A weight in (0, 1) for each position."""
    conv = nn.Conv2d(inputs, 1, 1, bias=False)
    nn.init.kaiming_normal_(conv.weight)
    return nn.Sequential(conv, nn.BatchNorm2d(1), nn.Sigmoid())


def _gate(inputs: int, inner: int, outputs: int) -> nn.Sequential:
    """A weight in (0, 1) for each channel."""
    return nn.Sequential(nn.Linear(inputs, inner), nn.ReLU(inplace=True), nn.Linear(inner, outputs), nn.Sigmoid())


def _neck(features: int) -> nn.BatchNorm1d:
    neck = batch_norm_neck(features)
    neck.bias.requires_grad_(False)
    return neck
