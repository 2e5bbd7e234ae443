"""STGCN: graphs over the horizontal patches of all frames, and over those of each frame by itself.

Spatial-Temporal Graph Convolutional Network for Video-based Person Re-Identification, Yang et al., CVPR 2020. There is
no public code of the authors': this is approximate. What is known of the method is followed: patches as nodes,
adjacencies that are learned products squared and normalised, residual layers, a maximum over the nodes, three branches
side by side. The number of layers, the width of the learned products, and that batch norm stands in the layers, are
ours; they are chosen so that the network has about 45 million parameters, our own estimate of the published one.
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

SHARE = 8
"""In the branch of single frames, a frame has one eighth of the channels."""
SLOPE = 0.1


@model()
def stgcn(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    frames: int = 8,
    patches: int = 4,
    layers: int = 3,
) -> STGCN:
    """ResNet beside graph convolutions over the patches of all frames and over those of each frame: approximate.

    Clips have `frames` frames, to whose number the length of the feature is bound; `size` has no influence. Each frame
    is cut into `patches` horizontal stripes. Raises ValueError for fewer than one of each.
    """
    for name, value in {"frames": frames, "patches": patches, "layers": layers}.items():
        if value < 1:
            raise ValueError(f"{name}={value}: give at least 1")
    return STGCN(ResNet(depth, width=width, blocks=blocks, last_stride=last_stride), classes, frames, patches, layers)


class STGCN(nn.Module):
    """The mean of all maps beside two graphs of patches, assembled by `stgcn`.

    In "time" all patches of a clip are one graph; in "frame" those of each frame are one, and the frames' vectors stand
    side by side in their order.

    Output: `feature` `[B, 2 * channels + frames * channels / 8]`: the mean, "time", "frame"; one of `logits` and
    `embeddings` a part. Raises ValueError for clips of another number of frames.
    """

    def __init__(self, trunk: ResNet, classes: int, frames: int, patches: int, layers: int) -> None:
        super().__init__()
        channels = trunk.channels[3]
        few = channels // SHARE
        self.frames = frames
        self.patches = patches
        self.trunk = trunk
        self.graphs = nn.ModuleDict(
            {"time": PatchGraph(channels, channels, layers), "frame": PatchGraph(channels, few, layers)}
        )
        self.parts = (channels, channels, frames * few)
        self.neck = batch_norm_neck(sum(self.parts))
        heads = [identity_classifier(part, classes) for part in self.parts] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if clips.shape[1] != self.frames:
            raise ValueError(f"a clip of {clips.shape[1]} frames: the model was built for frames={self.frames}")
        maps = self.trunk(frames)
        whole = maps.mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1)
        nodes = F.adaptive_avg_pool2d(maps, (self.patches, 1)).flatten(2).transpose(1, 2)
        time = self.graphs["time"](nodes.unflatten(0, clips.shape[:2]).flatten(1, 2))
        frame = self.graphs["frame"](nodes).unflatten(0, clips.shape[:2]).flatten(1)
        feature = torch.cat([whole, time, frame], 1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embeddings = self.neck(feature).split(self.parts, 1)
        logits = tuple(head(embedding) for head, embedding in zip(self.classifier, embeddings, strict=True))
        return Output(feature, logits=logits, embeddings=embeddings)


class PatchGraph(nn.Module):
    """Graph convolutions over nodes that are all connected, and the maximum over the nodes.

    Each layer is linear, mixes the nodes by the weights of `adjacency` and passes a batch norm and a leaky ReLU; from
    the second on it adds to its input.
    """

    def __init__(self, inputs: int, outputs: int, layers: int) -> None:
        super().__init__()
        self.relate = nn.Linear(inputs, inputs, bias=False)
        widths = (inputs, *(outputs for _ in range(layers - 1)))
        self.linears = nn.ModuleList(nn.Linear(width, outputs, bias=False) for width in widths)
        self.norms = nn.ModuleList(nn.BatchNorm1d(outputs) for _ in widths)
        for linear in self.linears:
            nn.init.kaiming_normal_(linear.weight, a=SLOPE)  # type: ignore[arg-type]

    def forward(self, nodes: Tensor) -> Tensor:
        """Nodes `[N, nodes, inputs]` to vectors `[N, outputs]`."""
        weights = adjacency(self.relate(nodes))
        x = nodes
        for number, (linear, norm) in enumerate(zip(self.linears, self.norms, strict=True)):
            mixed = torch.matmul(weights, linear(x))
            out = F.leaky_relu(norm(mixed.flatten(0, 1)), SLOPE).view(mixed.shape)
            x = x + out if number else out
        return x.amax(1)


def adjacency(related: Tensor) -> Tensor:
    """Of embedded nodes `[N, nodes, C]` the weights `[N, nodes, nodes]` by which they are mixed; rows sum to 1.

    Products of all pairs are squared and brought to rows that sum to 1; the identity is added. All rows then sum to 2,
    so that the symmetric normalisation by the roots of both degrees is a division by 2.
    """
    unit = related / related.norm(dim=2, keepdim=True).amax(1, keepdim=True).clamp_min(1e-12)
    squared = torch.matmul(unit, unit.transpose(1, 2)).square()
    shares = squared / squared.sum(2, keepdim=True).clamp_min(1e-12)
    return (shares + torch.eye(shares.shape[1], device=shares.device, dtype=shares.dtype)) / 2
