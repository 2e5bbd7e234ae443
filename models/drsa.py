"""DRSA: several attentions over the positions of a frame, kept apart from each other, and one over the frames for each.

Diversity Regularized Spatiotemporal Attention for Video-based Person Re-Identification, Li et al., CVPR 2018. Of the
authors' code, github.com/ShuangLI59/Diversity-Regularized-Spatiotemporal-Attention, only the attentions over positions
and their diversity are public: they are as there. The attention over frames is after the paper's idea, and in place of
the paper's online instance matching there is a batch-norm neck for the losses of the shared trainer; its trunk was
first trained on images of persons, here it is not. As a whole this is approximate.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Loss, Output

from .head import batch_norm_neck, identity_classifier
from .resnet import ResNet, fold_frames, load_backbone

HIDDEN = 64
DIMENSION = 128
DIVERSITY_WEIGHT = 1.0


@model()
def drsa(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 2,
    attentions: int = 6,
) -> DRSA:
    """ResNet with six attentions over positions that are kept apart, each weighed over the frames: approximate.

    Clips may have any length and `size`; the method takes 6 frames, one of each sixth of a tracklet. The authors' file
    has 3 attentions by default, the paper 6. Raises ValueError for fewer than one.
    """
    if attentions < 1:
        raise ValueError(f"attentions={attentions}: give at least 1")
    return DRSA(ResNet(depth, width=width, blocks=blocks, last_stride=last_stride), classes, attentions)


class DRSA(nn.Module):
    """A ResNet under `SpatialAttention` and a softmax over the frames for each attention, assembled by `drsa`.

    Output: `feature` `[B, attentions * 128]`; in training the loss "diversity"; `maps` "drsa_1" and so on,
    `[B, T, h, w]`, which sum to 1 over each frame. Raises ValueError for clips without frames.
    """

    def __init__(self, trunk: ResNet, classes: int, attentions: int) -> None:
        super().__init__()
        features = attentions * DIMENSION
        self.trunk = trunk
        self.spatial = SpatialAttention(trunk.channels[3], attentions)
        # Scores of frames, one vector an attention: at first all frames count alike.
        self.temporal = nn.Parameter(torch.zeros(attentions, DIMENSION))
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if clips.shape[1] < 1:
            raise ValueError("a clip of 0 frames: it needs at least 1")
        parts, attention = self.spatial(self.trunk(frames))
        parts = parts.unflatten(0, clips.shape[:2])
        weights = (parts * self.temporal).sum(3).softmax(1)
        feature = (weights.unsqueeze(3) * parts).sum(1).flatten(1)
        seen = attention.detach().exp().unflatten(0, clips.shape[:2])
        maps = {f"drsa_{number}": each for number, each in enumerate(seen.unbind(2), 1)}
        if not self.training or self.classifier is None:
            return Output(feature, maps=maps)
        embedding = self.neck(feature)
        losses = {"diversity": Loss(DIVERSITY_WEIGHT, overlap(attention).mean())}
        return Output(feature, (self.classifier(embedding),), (embedding,), losses, maps)


class SpatialAttention(nn.Module):
    """Several attentions over the positions of a frame; of each, the attended sum as a unit vector of 128 numbers."""

    def __init__(self, channels: int, attentions: int) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.Conv2d(channels, HIDDEN, 1, bias=False),
            nn.BatchNorm2d(HIDDEN),
            nn.ReLU(inplace=True),
            nn.Conv2d(HIDDEN, attentions, 1, bias=False),
            nn.BatchNorm2d(attentions),
        )
        self.embed = nn.Linear(channels, DIMENSION)
        for layer in (part for part in self.score if isinstance(part, nn.Conv2d)):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        nn.init.normal_(self.embed.weight, std=0.001)
        nn.init.zeros_(self.embed.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps `[N, C, h, w]` to vectors `[N, attentions, 128]` and log attention `[N, attentions, h, w]`."""
        scores = self.score(maps)
        attention = scores.flatten(2).log_softmax(2)
        positions = maps.permute(0, 2, 3, 1).flatten(1, 2)
        vectors = self.embed(torch.matmul(attention.exp(), positions))
        return F.normalize(vectors, dim=2), attention.view(scores.shape)


def overlap(attention: Tensor) -> Tensor:
    """How far the attentions of each frame overlap: of log attention `[N, attentions, h, w]` one number a frame `[N]`.

    The Frobenius norm of the Gram matrix of their square roots less the identity. The authors' code takes one norm over
    all frames of a batch, which grows with their number; here each frame has its own, as in the paper, so that their
    mean does not depend on the batch.
    """
    roots = (attention.flatten(2) / 2).exp()
    gram = torch.matmul(roots, roots.transpose(1, 2)) - torch.eye(roots.shape[1], device=roots.device)
    return (gram.square().sum((1, 2)) + 1e-5).sqrt()
