"""STAFormer: a small transformer over tokens of each frame, and one over the frames.

STAFormer: Towards Unified Spatial and Temporal Aggregation Learning for Video Person Re-Identification, 2025; after the
authors' release, github.com/HWZhou99/STAFormer. Their trunk is a ResNeSt-50; here the transformers stand on the ResNet
of all other models, so that it is approximate: parameters and operations of the trunk are not the publication's.
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

LAYERS = 3
HEADS = 12
WIDTH_A_HEAD = 32
"""Channels of the trunk for each number that a token has in each head: 64 at 2048 channels."""
WIDER = 4
DROPOUT = 0.1
WINDOW = 4
SCORED = 2


@model()
def staformer(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 2,
    frames: int = 8,
) -> STAFormer:
    """ResNet under a transformer over tokens of each frame and one over the frames: approximate, not on a ResNeSt.

    Clips have at most `frames` frames, for which there are positions; `size` is their (height, width) in pixels, to
    which the number of tokens is bound. The release's contrastive loss of weight 0.01, which needs to know the
    identities, is left out, and so are the weights that it holds and never uses.
    """
    if frames < 1:
        raise ValueError(f"frames={frames}: give at least 1")
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    return STAFormer(trunk, classes, size, frames)


class STAFormer(nn.Module):
    """A ResNet and two transformers, assembled by `staformer`.

    Of stage 3, weighed by an attention over positions, the maxima of windows of 4x4 positions are tokens of a frame; of
    stage 4 its generalised mean is one more. The first transformer gathers them into one vector a frame, the second
    sees these of all frames.

    Output: `feature` `[B, D]`, D three eighths of the trunk's channels; `maps` "staformer" `[B, T, h, w]`, the
    attention. In training `logits` and `embeddings` are of the feature, of stage 4 and of stage 3; of the latter two
    the release teaches each frame by itself, the shared trainer the mean over the frames. Raises ValueError for clips
    of another size, longer ones, and clips without frames.
    """

    def __init__(self, trunk: ResNet, classes: int, size: tuple[int, int], frames: int) -> None:
        super().__init__()
        local, whole = trunk.channels[2:]
        dimension = HEADS * (whole // WIDTH_A_HEAD)
        sides = [math.ceil(length / trunk.strides[2]) for length in size]
        self.size = tuple(size)
        self.frames = frames
        self.window = tuple(min(WINDOW, side) for side in sides)
        tokens = math.prod(side // window for side, window in zip(sides, self.window, strict=True)) + 1
        self.trunk = trunk
        self.attend = nn.Sequential(
            nn.Conv2d(local, local // SCORED, 1), nn.ReLU(inplace=True), nn.Conv2d(local // SCORED, 1, 1), nn.Softplus()
        )
        self.exponent = nn.Parameter(torch.full((1,), 3.0))
        self.local = nn.Linear(local, dimension)
        self.whole = nn.Linear(whole, dimension)
        self.summary = nn.Parameter(torch.randn(1, 1, dimension))
        self.places = nn.Parameter(torch.randn(1, tokens + 1, dimension))
        self.spatial = nn.Sequential(*(Layer(dimension) for _ in range(LAYERS)))
        self.times = nn.Parameter(torch.randn(1, frames, dimension))
        self.temporal = nn.Sequential(*(Layer(dimension) for _ in range(LAYERS)))
        self.neck = batch_norm_neck(dimension)
        widths = (whole, local)
        self.lower_necks = nn.ModuleList(nn.BatchNorm1d(width) for width in widths)
        heads = [identity_classifier(width, classes) for width in (dimension, *widths)] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None
        self.attend.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        self._check(clips)
        x = self.trunk.layer2(self.trunk.layer1(self.trunk.stem(frames)))
        local = self.trunk.layer3(x)
        whole = generalised_mean(self.trunk.layer4(local), self.exponent)
        attention = self.attend(local)
        points = F.max_pool2d(local * attention, self.window).flatten(2).transpose(1, 2)
        gathered = self._gather(self.local(points), self.whole(whole)).unflatten(0, clips.shape[:2])
        feature = self.temporal(gathered + self.times[:, : clips.shape[1]]).mean(1)
        maps = {"staformer": attention.detach().squeeze(1).unflatten(0, clips.shape[:2])}
        if not self.training or self.classifier is None:
            return Output(feature, maps=maps)
        lower = [neck(each) for neck, each in zip(self.lower_necks, (whole, local.mean((2, 3))), strict=True)]
        embeddings = (self.neck(feature), *(each.unflatten(0, clips.shape[:2]).mean(1) for each in lower))
        logits = tuple(head(embedding) for head, embedding in zip(self.classifier, embeddings, strict=True))
        return Output(feature, logits=logits, embeddings=embeddings, maps=maps)

    def _gather(self, points: Tensor, whole: Tensor) -> Tensor:
        """Tokens `[N, tokens - 1, D]` and `[N, D]` of each frame to one vector `[N, D]`."""
        summary = self.summary.expand(len(points), -1, -1)
        return self.spatial(torch.cat([summary, points, whole.unsqueeze(1)], 1) + self.places)[:, 0]

    def _check(self, clips: Tensor) -> None:
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if not 1 <= length <= self.frames:
            raise ValueError(f"a clip of {length} frames: it must have 1 to {self.frames}")


class Layer(nn.Module):
    """A layer of a transformer: attention and a perceptron, each after a layer norm and added to its input."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dimension)
        self.project = nn.Linear(dimension, 3 * dimension, bias=False)
        self.output = nn.Linear(dimension, dimension)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(dimension),
            nn.Linear(dimension, WIDER * dimension),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(WIDER * dimension, dimension),
            nn.Dropout(DROPOUT),
        )
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `[N, tokens, D]` to tokens of that shape."""
        queries, keys, values = self.project(self.norm(x)).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        products = torch.matmul(queries, keys.transpose(2, 3)) / math.sqrt(queries.shape[3])
        seen = torch.matmul(self.dropout(products.softmax(3)), values).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.output(seen))
        return x + self.perceptron(x)


def generalised_mean(maps: Tensor, exponent: Tensor) -> Tensor:
    """Maps `[N, C, h, w]` to the mean of their powers over positions, of which the root is taken `[N, C]`."""
    return maps.clamp_min(1e-6).pow(exponent).mean((2, 3)).pow(1 / exponent)
