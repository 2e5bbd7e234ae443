"""IAUnet: interactions of channels, and of body parts within and across frames, gathered into the maps.

IAUnet: Global Context-Aware Feature Learning for Person Re-Identification, Hou et al., TNNLS 2020; after the authors'
release, github.com/blue-blue272/ImgReID-IAnet, which has the block for videos but no network for them: its image
network with that block in place of the other is our assembly.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier
from .resnet import ResNet, fold_frames, load_backbone

STAGES = (2, 3)
PARTS = 4


@model()
def iaunet(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
) -> IAUnet:
    """ResNet with blocks after stages 2 and 3 in which channels, then four parts of the body in all frames, interact.

    Clips may have any length and `size`. The release's image code teaches the masks of the parts from maps of human
    parsing; here they are learned by the identities alone. Its products of channels make most of its cost, and grow
    with the square of the length of the clip.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    return IAUnet(trunk, classes)


class IAUnet(nn.Module):
    """A ResNet with `Interaction` blocks after stages 2 and 3, assembled by `iaunet`.

    Output: `feature` `[B, channels]`, the mean over positions and frames; `maps` "iau_stage2_part1" and so on,
    `[B, T, h, w]`, the masks of the parts, from 0 to 1. Raises ValueError for a clip without frames.
    """

    def __init__(self, trunk: ResNet, classes: int) -> None:
        super().__init__()
        features = trunk.channels[-1]
        self.trunk = trunk
        self.iau = nn.ModuleDict({str(stage): Interaction(trunk.channels[stage - 1]) for stage in STAGES})
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if clips.shape[1] < 1:
            raise ValueError("a clip of 0 frames: it needs at least 1")
        x = self.trunk.stem(frames)
        maps: dict[str, Tensor] = {}
        for number, stage in enumerate(self.trunk.stages, 1):
            x = stage(x)
            if str(number) in self.iau:
                x, masks = self.iau[str(number)](x, clips.shape[1])
                for part, mask in enumerate(masks.detach().unbind(1), 1):
                    maps[f"iau_stage{number}_part{part}"] = mask.unflatten(0, clips.shape[:2])
        feature = x.mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature, maps=maps)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,), maps=maps)


class Interaction(nn.Module):
    """The interaction-aggregation-update block (IAU3D): of channels first, then of parts; both add to the map.

    Every channel of every frame of a clip attends to all of them by products over the positions. Then a sigmoid of a
    linear layer gives the masks of the parts, by which the positions of each frame are summed to nodes; these exchange
    along the edges of `PartGraph`; each frame gets the mean of its nodes beside the mean of the clip at all its
    positions. Each of the two additions passes a linear layer and a batch norm that starts at zero.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.project = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        self.mask = nn.Conv2d(channels, PARTS, 1)
        self.mask_norm = nn.BatchNorm2d(PARTS)
        self.reduce = nn.Linear(channels, inner)
        self.graph = PartGraph(inner)
        self.update = nn.Linear(channels, channels)
        self.update_norm = nn.BatchNorm1d(channels)
        for layer in (self.project, self.mask, self.reduce, self.update):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        for norm in (self.norm, self.update_norm):
            nn.init.zeros_(norm.weight)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Maps `[N * frames, C, H, W]` of N clips to maps of that shape and the masks `[N * frames, parts, H, W]`."""
        maps = maps + self.norm(self.project(_channels_interact(maps, frames)))
        masks = self.mask_norm(self.mask(maps)).sigmoid()
        positions = maps.permute(0, 2, 3, 1).flatten(1, 2)
        nodes = torch.matmul(masks.flatten(2), positions).unflatten(0, (-1, frames))
        clip = self.reduce(positions.unflatten(0, (-1, frames)).mean((1, 2)))
        nodes = self.graph(self.reduce(nodes), clip).mean(2)
        context = torch.cat((nodes, clip.unsqueeze(1).expand_as(nodes)), 2).flatten(0, 1)
        return maps + self.update_norm(self.update(context))[:, :, None, None], masks


class PartGraph(nn.Module):
    """Parts exchange with the other parts of their frame and with the same part of the other frames.

    The weight of an edge is a softmax over a node's neighbours of a linear layer over how far two nodes lie apart, by
    channel, and over the clip (which, the same for all, has its effect by the batch norm). A node and the weighted mean
    of its neighbours, side by side, pass a linear layer, a batch norm and a ReLU.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.edge = nn.Linear(2 * channels, 1)
        self.edge_norm = nn.BatchNorm1d(1)
        self.node = nn.Linear(2 * channels, channels)
        self.node_norm = nn.BatchNorm1d(channels)
        for layer in (self.edge, self.node):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, nodes: Tensor, clip: Tensor) -> Tensor:
        """Nodes `[N, T, parts, C]` and clips `[N, C]` to nodes of that shape."""
        flat = nodes.flatten(1, 2)
        apart = (flat.unsqueeze(2) - flat.unsqueeze(1)).abs()
        edges = self.edge(torch.cat((apart, clip[:, None, None].expand_as(apart)), 3))
        edges = self.edge_norm(edges.flatten(0, 2)).view(apart.shape[:3])
        strangers = ~neighbours(nodes.shape[1], nodes.device)
        seen = torch.matmul(edges.masked_fill(strangers, -torch.inf).softmax(2), flat)
        updated = self.node_norm(self.node(torch.cat((flat, seen), 2)).flatten(0, 1))
        return updated.relu().view(nodes.shape)


def neighbours(frames: int, device: torch.device | None = None) -> Tensor:
    """Which nodes have an edge `[frames * parts, frames * parts]`, the parts of a frame together; none with itself."""
    nodes = torch.arange(frames * PARTS, device=device)
    frame, part = nodes // PARTS, nodes % PARTS
    return (frame[:, None] == frame) != (part[:, None] == part)


def _channels_interact(maps: Tensor, frames: int) -> Tensor:
    """Of maps `[N * frames, C, H, W]` each channel of each frame as a weighted mean of all those of its clip.

    Fused, for the weights alone would be many times as large as all maps; counters that do not know fused attention
    miss its products.
    """
    channels = maps.flatten(2).unflatten(0, (-1, 1, frames)).flatten(2, 3)
    seen = F.scaled_dot_product_attention(channels, channels, channels, scale=1.0)
    return seen.view(-1, *maps.shape[1:]).contiguous(memory_format=torch.channels_last)
