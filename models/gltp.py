"""GLTP: short-term motion by dilated temporal convolutions, long-term by attention between frames.

Global-Local Temporal Representations for Video Person Re-Identification, Li et al., ICCV 2019; after the authors'
release, github.com/ljn114514/GLTR.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import identity_classifier
from .non_local import NonLocal
from .resnet import ResNet, fold_frames, load_backbone

DIMENSION = 128
DILATIONS = (1, 2, 3)
DROPOUT = 0.5


@model()
def gltp(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
) -> GLTP:
    """ResNet, 128 numbers a frame, temporal convolutions of several dilations (DTP), attention between frames (TSA).

    Clips have any number of frames, and the method is meant for many: 16 in training, whole tracklets in the authors'
    tests. `size` has no influence.
    """
    return GLTP(ResNet(depth, width=width, blocks=blocks, last_stride=last_stride), classes)


class GLTP(nn.Module):
    """A ResNet under a pyramid of temporal convolutions and temporal self-attention, assembled by `gltp`.

    Output: `feature` `[B, 512]`. The method compares it as it is: the neck does nothing, and the batch norm `norm`
    stands, with a ReLU and dropout, before the classifier only. The release trains with cross entropy alone, the shared
    trainer with its metric loss on the feature as well. Raises ValueError for clips without frames.
    """

    def __init__(self, trunk: ResNet, classes: int) -> None:
        super().__init__()
        features = DIMENSION * (1 + len(DILATIONS))
        self.trunk = trunk
        self.embed = nn.Linear(trunk.channels[3], DIMENSION)
        self.pyramid = nn.ModuleList(_over_time(dilation) for dilation in DILATIONS)
        self.non_local = NonLocal(features, pool=False)
        self.neck = nn.Identity()
        self.norm = nn.BatchNorm1d(features)
        self.dropout = nn.Dropout(DROPOUT)
        self.classifier = identity_classifier(features, classes) if classes else None
        nn.init.kaiming_normal_(self.embed.weight, mode="fan_out")
        nn.init.zeros_(self.embed.bias)

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if not len(frames):
            raise ValueError("a clip of 0 frames: give at least 1")
        vectors = self.embed(self.trunk(frames).mean((2, 3))).unflatten(0, clips.shape[:2])
        x = vectors.transpose(1, 2)
        pyramid = torch.cat([x, *(convolution(x) for convolution in self.pyramid)], 1)
        feature = self.non_local(pyramid.unsqueeze(3)).mean((2, 3))
        if not self.training or self.classifier is None:
            return Output(feature)
        seen = self.dropout(F.relu(self.norm(feature)))
        return Output(feature, logits=(self.classifier(seen),), embeddings=(self.neck(feature),))


def _over_time(dilation: int) -> nn.Conv1d:
    convolution = nn.Conv1d(DIMENSION, DIMENSION, 3, padding=dilation, dilation=dilation, bias=False)
    nn.init.normal_(convolution.weight, std=0.001)
    return convolution
