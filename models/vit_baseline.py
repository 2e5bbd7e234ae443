"""The plain image baseline of the methods that stand on CLIP: the class token of each frame, averaged over the frames.

CLIP-ReID: Exploiting Vision-Language Model for Image Re-Identification without Concrete Text Labels, Li et al., AAAI
2023 (github.com/Syliz517/CLIP-ReID), whose baseline compares the class token before and after CLIP's projection.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier
from .vit import VisionTransformer, load_tower


@model(trunk="vit")
def vit_baseline(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    vit_depth: int = 12,
    vit_width: int = 768,
    patch: int = 16,
) -> VitBaseline:
    """CLIP's ViT-B/16 on each frame, averaged over the frames: what Base-B is on a ResNet.

    `size` is the (height, width) of the clips in pixels, to which the number of tokens is bound.
    """
    return VitBaseline(VisionTransformer(size, depth=vit_depth, width=vit_width, patch=patch), classes)


class VitBaseline(nn.Module):
    """A vision transformer and the head of the ResNet's baseline, assembled by `vit_baseline`.

    Output: `feature` `[B, D]`, the mean over the frames of the class token and of its projection side by side; D is
    five thirds of the width. Raises ValueError for clips of another size or without frames.
    """

    def __init__(self, trunk: VisionTransformer, classes: int) -> None:
        super().__init__()
        features = trunk.width + trunk.dimension
        self.trunk = trunk
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_tower(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        token = self.trunk.ln_post(self.trunk(self.trunk.fold(clips))[:, 0])
        feature = torch.cat([token, token @ self.trunk.proj], 1).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))
