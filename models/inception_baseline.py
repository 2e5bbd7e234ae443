"""Inception-v3 on each frame, averaged over the frames: what STMP's trunk gives without its modules."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier
from .inception import Inception, load_inception
from .resnet import fold_frames


@model(trunk="inception")
def inception_baseline(*, classes: int = 0, side: int = 299, inception_width: int = 64) -> InceptionBaseline:
    """Inception-v3 on each frame, averaged over positions and frames; carries the slim trunk while it is taught.

    Frames of any size are made square, of `side` pixels. An `inception_width` of 64 has the published channel counts.
    """
    return InceptionBaseline(Inception(side=side, width=inception_width), classes)


class InceptionBaseline(nn.Module):
    """An Inception-v3, the mean over positions and frames `[B, channels]`, and the batch-norm neck.

    Raises ValueError for clips without frames.
    """

    def __init__(self, trunk: Inception, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.neck = batch_norm_neck(trunk.channels)
        self.classifier = identity_classifier(trunk.channels, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_inception(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if clips.shape[1] < 1:
            raise ValueError("a clip of 0 frames: give at least 1")
        feature = self.trunk(frames).mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))
