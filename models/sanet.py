"""SANet: each position attends to statistics of its clip, up to the sixth moment of each channel.

SANet: Statistic Attention Network for Video-Based Person Re-Identification, Bai et al., TCSVT 2021; after the authors'
release, github.com/baist/SINet, where it stands beside SINet.
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

STAGE = 2
REDUCTION = 4
HIGHER_MOMENTS = (4, 5, 6)


@model()
def sanet(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    pool_padding: bool = False,
) -> SANet:
    """ResNet in which, after every second block of stage 2, positions attend to five statistics of their clip.

    Clips may have any length and `size`. In a stage of one block the module follows that. Two faults of the release, as
    in `sinet`: the max pool of its stem has no padding, as here unless `pool_padding`; its trunk's convolutions have
    biases, which the batch norms after them cancel and which are left out here.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    if not pool_padding:
        trunk.maxpool = nn.MaxPool2d(3, stride=2)
    return SANet(trunk, classes)


class SANet(nn.Module):
    """A ResNet with `StatisticAttention` in stage 2, assembled by `sanet`.

    `statistics` is keyed by the number of the block, from 0, that a module follows. Per frame a global max pool, then
    the mean over the frames: `feature` is `[B, channels]`. Raises ValueError for a clip without frames.
    """

    def __init__(self, trunk: ResNet, classes: int) -> None:
        super().__init__()
        features, channels = trunk.channels[3], trunk.channels[STAGE - 1]
        places = tuple(range(1, len(trunk.layer2), 2)) or (0,)
        self.trunk = trunk
        self.statistics = nn.ModuleDict({str(place): StatisticAttention(channels) for place in places})
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        if clips.shape[1] < 1:
            raise ValueError("a clip of 0 frames: it needs at least 1")
        x = self.trunk.layer1(self.trunk.stem(frames))
        for index, block in enumerate(self.trunk.layer2):
            x = block(x)
            if str(index) in self.statistics:
                x = self.statistics[str(index)](x, clips.shape[1])
        x = self.trunk.layer4(self.trunk.layer3(x))
        feature = max_pool(x).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))


class StatisticAttention(nn.Module):
    """The statistic attention block: what a position takes from `statistics` of its clip is added to the map.

    In a quarter of the channels a softmax of a position's products with the statistics, each a unit vector over the
    channels, weighs them; their sum passes a linear layer and a batch norm that starts at zero; a ReLU follows.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // REDUCTION, 1)
        self.reduce = nn.Conv2d(channels, inner, 1)
        self.expand = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        for layer in (self.reduce, self.expand):
            nn.init.kaiming_normal_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.norm.weight)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor, frames: int) -> Tensor:
        """Maps `[N * frames, C, H, W]` of N clips to maps of that shape."""
        reduced = self.reduce(maps).permute(0, 2, 3, 1)
        positions = reduced.unflatten(0, (-1, frames)).flatten(1, 3)
        found = F.normalize(statistics(positions), dim=2)
        weights = torch.matmul(positions, found.transpose(1, 2)).softmax(2)
        taken = torch.matmul(weights, found).view(reduced.shape).permute(0, 3, 1, 2)
        return (maps + self.norm(self.expand(taken))).relu()


def statistics(positions: Tensor) -> Tensor:
    """Of positions `[N, P, C]` the statistics of each channel over them `[N, 5, C]`.

    Mean, standard deviation (of the population), and the fourth to sixth moments of the standardised values. Where a
    channel is constant the release divides 0 by 0; here its higher moments are 0.
    """
    mean = positions.mean(1, keepdim=True)
    apart = positions - mean
    deviation = apart.square().mean(1, keepdim=True).clamp_min(1e-12).sqrt()
    standard = apart / deviation
    higher = [standard.pow(moment).mean(1, keepdim=True) for moment in HIGHER_MOMENTS]
    return torch.cat([mean, deviation, *higher], 1)
