"""MGH: graphs over the horizontal stripes of all frames, at several granularities.

Learning Multi-Granular Hypergraphs for Video-Based Person Re-Identification, Yan et al., CVPR 2020; after the authors'
release, github.com/daodaofr/hypergraph_reid. The paper's attention over nodes and its mutual-information loss are not
in the release, and so not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier
from .non_local import NonLocal
from .resnet import ResNet, fold_frames, load_backbone

NONLOCAL_STAGES = (2, 3)
SPAN = 3
"""Neighbours of a node come from its own frame and this many to either side."""
NEIGHBOURS = 2


@model()
def mgh(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    stripes: tuple[int, ...] = (2, 4, 8),
    stem_relu: bool = False,
) -> MGH:
    """ResNet with non-local blocks, and graphs over the stripes of all frames at each of several granularities.

    `stripes` holds the number of horizontal stripes of each granularity, or as many as the last map has rows where that
    is fewer. `size` is the (height, width) of the clips in pixels. The release leaves out the ReLU of the stem, from
    which its results come; `stem_relu=True` puts it back, as the ImageNet weights expect. Raises ValueError for stripes
    that do not divide the last map and for frames too small for the pooling of the non-local blocks.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    smallest = 2 * trunk.strides[max(NONLOCAL_STAGES) - 1]
    if min(size) < smallest:
        raise ValueError(f"size={size[0]}x{size[1]}: the non-local blocks need at least {smallest} pixels either way")
    rows = -(-size[0] // trunk.strides[3])
    if not stripes or any(count < 1 or rows % min(count, rows) for count in stripes):
        raise ValueError(f"stripes={tuple(stripes)}: each must divide the {rows} rows of the last map")
    return MGH(trunk, classes, size, tuple(min(count, rows) for count in stripes), stem_relu)


class MGH(nn.Module):
    """Global appearance beside one graph of stripes for each granularity, assembled by `mgh`.

    A granularity of p stripes makes a graph of T * p nodes, the stripes' average features, which pass two
    `GraphLayer`s and are averaged. The global part is the unit vector of the clip's average feature, batch-normalised.
    Non-local blocks stand after every second block of stages 2 and 3 (after the only one, where a stage has one), each
    over the positions of a frame.

    Output: `feature` `[B, channels * (1 + granularities / 2)]`, the global part first; one of `logits` and `embeddings`
    for each part. The release's triplet loss sees the parts as one vector and before the neck, the shared trainer each
    on its own and after it. Raises ValueError for clips of another size and for clips that give a node no neighbour.
    """

    def __init__(
        self, trunk: ResNet, classes: int, size: tuple[int, int], stripes: tuple[int, ...], stem_relu: bool
    ) -> None:
        super().__init__()
        features = trunk.channels[3]
        self.size = tuple(size)
        self.stripes = stripes
        self.stem_relu = stem_relu
        self.trunk = trunk
        self.non_local = nn.ModuleDict(
            {
                _place(stage, block): NonLocal(trunk.channels[stage - 1])
                for stage in NONLOCAL_STAGES
                for block in _after(len(trunk.stages[stage - 1]))
            }
        )
        self.norm = nn.BatchNorm1d(features)
        self.graphs = nn.ModuleList(_graph(features, features // 4) for _ in stripes)
        self.parts = (features, *(features // 2 for _ in stripes))
        self.neck = batch_norm_neck(sum(self.parts))
        heads = [identity_classifier(part, classes) for part in self.parts] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        self._check(clips)
        maps = self._maps(frames)
        whole = maps.mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1)
        parts = [self.norm(F.normalize(whole, dim=1))]
        for count, graph in zip(self.stripes, self.graphs, strict=True):
            nodes = _stripes(maps, count).unflatten(0, clips.shape[:2])
            parts.append(graph(nodes).mean((1, 2)))
        feature = torch.cat(parts, 1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embeddings = self.neck(feature).split(self.parts, 1)
        logits = tuple(head(embedding) for head, embedding in zip(self.classifier, embeddings, strict=True))
        return Output(feature, logits=logits, embeddings=embeddings)

    def _maps(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, H, W]` to the last maps `[N, C, h, w]`."""
        x = self.trunk.bn1(self.trunk.conv1(frames))
        x = self.trunk.maxpool(F.relu(x) if self.stem_relu else x)
        for number, stage in enumerate(self.trunk.stages, 1):
            for index, block in enumerate(stage):
                x = block(x)
                if _place(number, index) in self.non_local:
                    x = self.non_local[_place(number, index)](x)
        return x

    def _check(self, clips: Tensor) -> None:
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if length * min(self.stripes) < 2:
            raise ValueError(f"a clip of {length} frames: its nodes have no neighbours in {min(self.stripes)} stripes")


class GraphLayer(nn.Module):
    """Each node together with the mean of its two nearest neighbours, by cosine, in its own frame and 3 to either side.

    Both pass a linear layer of their own; side by side they are brought to unit length, rectified and normalised. The
    release searches node after node in a Python loop, and compares all pairs within the window of every frame; here one
    product compares all nodes of a clip.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.other = nn.Linear(inputs, outputs)
        self.norm = nn.BatchNorm1d(2 * outputs)
        for linear in (self.own, self.other):
            nn.init.xavier_uniform_(linear.weight, gain=nn.init.calculate_gain("relu"))

    def forward(self, nodes: Tensor) -> Tensor:
        """Nodes `[B, T, P, C]` to `[B, T, P, 2 * outputs]`."""
        joined = torch.cat([self.own(nodes), self.other(mean_of_nearest(nodes))], 3)
        joined = F.relu(F.normalize(joined, dim=3))
        return self.norm(joined.flatten(0, 2)).unflatten(0, nodes.shape[:3])


def mean_of_nearest(nodes: Tensor) -> Tensor:
    """For nodes `[B, T, P, C]` the mean of each one's nearest others by cosine, of the same shape.

    At most `NEIGHBOURS` of them, from the frames within `SPAN`; fewer where the first frame's window has fewer.
    """
    length, parts = nodes.shape[1:3]
    flat = nodes.flatten(1, 2)
    node = torch.arange(length * parts, device=nodes.device)
    frame = node // parts
    barred = ((frame[:, None] - frame).abs() > SPAN) | (node[:, None] == node)
    # In reduced precision the nearest nodes of a clip, which are much alike, could not be told apart.
    full = nullcontext() if nodes.is_meta else torch.autocast(nodes.device.type, enabled=False)
    with torch.no_grad(), full:
        unit = F.normalize(flat.float() if flat.dtype != torch.float64 else flat, dim=2)
        cosines = torch.matmul(unit, unit.transpose(1, 2)).masked_fill(barred, -torch.inf)
        nearest = cosines.topk(min(NEIGHBOURS, min(length, SPAN + 1) * parts - 1), dim=2).indices
    found = flat.gather(1, nearest.flatten(1)[:, :, None].expand(-1, -1, flat.shape[2]))
    return found.unflatten(1, nearest.shape[1:]).mean(2).view_as(nodes)


def _graph(features: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(GraphLayer(features, hidden), GraphLayer(2 * hidden, hidden))


def _stripes(maps: Tensor, count: int) -> Tensor:
    """Maps `[N, C, h, w]` as the average features `[N, count, C]` of horizontal stripes."""
    return F.avg_pool2d(maps, (maps.shape[2] // count, maps.shape[3])).squeeze(3).transpose(1, 2)


def _after(count: int) -> range:
    """After which of a stage's `count` blocks, from 0, a non-local block stands: every second one."""
    return range(min(1, count - 1), count, 2)


def _place(stage: int, block: int) -> str:
    return f"layer{stage}_{block}"
