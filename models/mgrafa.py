"""MG-RAFA: each position of a clip weighed by how it relates to a few reference nodes, at several granularities.

Multi-Granularity Reference-Aided Attentive Feature Aggregation for Video-based Person Re-Identification, Zhang et al.,
CVPR 2020. There is no public code: this is approximate. What is known of the method is followed: the references are the
mean map of the clip, a relation is a product of two embeddings, the channels are split into groups whose references
stand on coarser and coarser grids, and the attention is one of channels, a softmax over all positions. The relation
operator, its batch norms and its reductions to an eighth are those of the authors' network for images,
github.com/microsoft/Relation-Aware-Global-Attention-Networks. How far each grid is coarser, and what the shared trainer
has for the losses, is ours.
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

REDUCTION = 8


@model()
def mgrafa(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    granularities: int = 4,
) -> MGRAFA:
    """ResNet whose positions are weighed by their relations to reference nodes at four granularities: approximate.

    Clips may have any length. `size` is their (height, width) in pixels, to which the number of references is bound.
    Raises ValueError for `granularities` that do not divide the channels of the last map.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    features = trunk.channels[3]
    if granularities < 1 or features % granularities:
        raise ValueError(f"granularities={granularities}: it must divide the {features} channels of the last map")
    rows, columns = (math.ceil(length / trunk.strides[3]) for length in size)
    grids = tuple((math.ceil(rows / 2**level), math.ceil(columns / 2**level)) for level in range(granularities))
    return MGRAFA(trunk, classes, grids)


class MGRAFA(nn.Module):
    """A ResNet under one `ReferenceAttention` for each group of channels, assembled by `mgrafa`.

    `grids` are the (rows, columns) of reference nodes of each group: every position of the last map for the first, half
    as many either way for each further one.

    Output: `feature` `[B, channels]`, the weighted sum over all positions of all frames; `maps` "rafa_1" and so on,
    `[B, T, h, w]`, the weights of each group, averaged over its channels. Raises ValueError for clips without frames.
    """

    def __init__(self, trunk: ResNet, classes: int, grids: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        features = trunk.channels[3]
        self.trunk = trunk
        self.granularities = nn.ModuleList(ReferenceAttention(features // len(grids), grid) for grid in grids)
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if clips.shape[1] < 1:
            raise ValueError("a clip of 0 frames: it needs at least 1")
        groups = self.trunk(frames).unflatten(0, clips.shape[:2]).chunk(len(self.granularities), 2)
        vectors: list[Tensor] = []
        maps: dict[str, Tensor] = {}
        for number, (attention, group) in enumerate(zip(self.granularities, groups, strict=True), 1):
            weights = attention(group)
            vectors.append((weights * group).sum((1, 3, 4)))
            maps[f"rafa_{number}"] = weights.detach().mean(2)
        feature = torch.cat(vectors, 1)
        if not self.training or self.classifier is None:
            return Output(feature, maps=maps)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,), maps=maps)


class ReferenceAttention(nn.Module):
    """Weights of all positions of a clip, channel by channel, which sum to 1 over the clip.

    The reference nodes are the mean map of the clip, averaged down to `grid` (rows, columns). Products of embeddings
    relate each position to each of them; these relations and the position itself, each embedded, pass two linear
    layers.
    """

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        inner, few = _reduced(channels), _reduced(math.prod(grid))
        hidden = _reduced(inner + few)
        self.position = _embedding(channels, inner)
        self.reference = _embedding(channels, inner)
        self.own = _embedding(channels, inner)
        self.relation = _embedding(math.prod(grid), few)
        output = nn.Conv2d(hidden, channels, 1, bias=False)
        self.weigh = nn.Sequential(_embedding(inner + few, hidden), output, nn.BatchNorm2d(channels))
        for layer in (part for part in self.modules() if isinstance(part, nn.Conv2d)):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[B, T, C, h, w]` to weights of the same shape."""
        frames = maps.flatten(0, 1)
        references = self.reference(F.adaptive_avg_pool2d(maps.mean(1), self.grid)).flatten(2)
        positions = self.position(frames).permute(0, 2, 3, 1).unflatten(0, maps.shape[:2])
        relations = torch.matmul(positions.flatten(1, 3), references).view(*frames.shape[:1], *frames.shape[2:], -1)
        seen = torch.cat([self.own(frames), self.relation(relations.permute(0, 3, 1, 2))], 1)
        scores = self.weigh(seen).unflatten(0, maps.shape[:2]).transpose(1, 2)
        return scores.flatten(2).softmax(2).view(scores.shape).transpose(1, 2)


def _reduced(count: int) -> int:
    return max(count // REDUCTION, 1)


def _embedding(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
