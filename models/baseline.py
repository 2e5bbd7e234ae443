"""The single- and multi-branch baselines of the paper's Tables 2 and 3: ResNet features averaged over the frames.

BiCnet-TKS: Learning Efficient Spatial-Temporal Representation for Video Person Re-Identification, Hou et al.,
CVPR 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier, max_pool
from .resnet import ResNet, fold_frames, load_backbone


@model()
def baseline(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    shrink: tuple[int, ...] = (1,),
) -> Baseline:
    """ResNet on each frame at one or more input sizes, averaged over the frames (Base-B, Base-S, Table 3).

    `shrink` holds, for each branch, by how much it shrinks its frames: (1,) is Base-B, (2,) Base-S, (4,) 64x32, (1, 2)
    and (1, 2, 4) the two and three branches of Table 3. All branches share one trunk. Raises ValueError for a factor
    that does not divide `size`, (height, width) in pixels.
    """
    if not shrink or any(factor < 1 or size[0] % factor or size[1] % factor for factor in shrink):
        raise ValueError(f"shrink={tuple(shrink)}: every factor must divide the size {size[0]}x{size[1]}")
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    return Baseline(trunk, tuple(shrink), classes)


class Baseline(nn.Module):
    """Branches of one shared trunk, each on its share of the frames at its own size.

    With k branches frame i goes to branch i mod k, so every branch sees the whole clip and the shares differ by at most
    one frame when k does not divide the clip. Per frame a global max pool, then the mean over the frames of a branch,
    then the mean over the branches: `feature` is `[B, channels]`. Raises ValueError for a clip of fewer than k frames.
    """

    def __init__(self, trunk: ResNet, shrink: tuple[int, ...], classes: int) -> None:
        super().__init__()
        features = trunk.channels[-1]
        self.shrink = shrink
        self.trunk = trunk
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        branches = len(self.shrink)
        if clips.ndim == 5 and clips.shape[1] < branches:
            raise ValueError(f"a clip of {clips.shape[1]} frames is too short for {branches} branches")
        shares = [clips[:, branch::branches] for branch in range(branches)]
        vectors = [self.branch(share, factor) for share, factor in zip(shares, self.shrink, strict=True)]
        feature = torch.stack(vectors).mean(0)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))

    def branch(self, clips: Tensor, factor: int) -> Tensor:
        """The feature `[B, channels]` of clips `[B, T', 3, H, W]` whose frames are shrunk by `factor`.

        Averaging blocks of pixels equals bilinear resizing at one half.
        """
        frames = fold_frames(clips)
        if factor > 1:
            frames = F.avg_pool2d(frames, factor)
        return max_pool(self.trunk(frames)).unflatten(0, clips.shape[:2]).mean(1)
