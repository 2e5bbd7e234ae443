"""COSAM: what the frames of a segment have in common, as a mask of positions and a gate of channels.

Co-segmentation Inspired Attention Networks for Video-based Person Re-identification, Subramaniam et al., ICCV 2019;
after the authors' release, github.com/InnovArul/vidreid_cosegmentation (`resnet50_cosam45_tp`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import identity_classifier
from .resnet import ResNet, fold_frames, load_backbone

STAGES = (3, 4)
SUMMARY = 64


@model()
def cosam(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    segment: int = 4,
) -> COSAM:
    """ResNet whose frames, after stages 3 and 4, keep the positions and channels that the other frames have, too.

    `size` is the (height, width) of the clips in pixels. Clips are segments of `segment` frames (at least 2, the
    release has 4), to which the modules' weights are bound. The release trains this network; the numbers that the paper
    prints are those of its variant on SE-ResNet-50, which is not here. Raises ValueError for a segment of 1 frame.
    """
    if segment < 2:
        raise ValueError(f"segment={segment}: a frame is compared with others, so that at least 2 are needed")
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    modules = nn.ModuleDict()
    for stage in STAGES:
        height, width_of_map = (math.ceil(length / trunk.strides[stage - 1]) for length in size)
        modules[str(stage)] = CoSegmentation(trunk.channels[stage - 1], height * width_of_map, segment)
    return COSAM(trunk, modules, classes, size, segment)


class COSAM(nn.Module):
    """A ResNet with co-segmentation modules after stages 3 and 4, assembled by `cosam`.

    Clips have a multiple of `segment` frames: each segment is on its own, and their features are averaged. The feature
    is the mean over positions and frames, and as released no batch norm follows it: the neck is the identity.

    Output: `feature` `[B, channels]`; `maps` "cosam_stage3" and "cosam_stage4" `[B, T, h, w]`, the masks of positions,
    from 0 to 1. In training all segments share their batch statistics. Raises ValueError for clips of another size or
    a wrong number of frames.
    """

    def __init__(
        self, trunk: ResNet, modules: nn.ModuleDict, classes: int, size: tuple[int, int], segment: int
    ) -> None:
        super().__init__()
        self.size = tuple(size)
        self.segment = segment
        self.trunk = trunk
        self.cosam = modules
        self.neck = nn.Identity()
        self.classifier = identity_classifier(trunk.channels[-1], classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        self._check(clips)
        x = self.trunk.stem(frames)
        maps: dict[str, Tensor] = {}
        for number, stage in enumerate(self.trunk.stages, 1):
            x = stage(x)
            if str(number) in self.cosam:
                x, mask = self.cosam[str(number)](x)
                maps[f"cosam_stage{number}"] = mask.detach().unflatten(0, clips.shape[:2])
        feature = x.mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature, maps=maps)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,), maps=maps)

    def _check(self, clips: Tensor) -> None:
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if length < 1 or length % self.segment:
            raise ValueError(f"a clip of {length} frames: with segment={self.segment} it must be a multiple of that")


class CoSegmentation(nn.Module):
    """The co-segmentation module: a mask of positions, then a gate of channels.

    Each position's descriptor (the map reduced to 256 channels, or 64 where it has no more than 256) is correlated over
    its channels with every position of the other frames of the segment; from these correlations as channels a
    perceptron makes the mask. The masked map, averaged over its positions, passes another perceptron to a gate, whose
    mean over the segment is what its frames share; the gated map is added to the masked one.
    """

    def __init__(self, channels: int, positions: int, segment: int) -> None:
        super().__init__()
        inner = 256 if channels > 256 else 64
        self.segment = segment
        self.reduce = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner), nn.ReLU(inplace=True))
        self.summarise = nn.Sequential(
            nn.Conv2d((segment - 1) * positions, SUMMARY, 1),
            nn.BatchNorm2d(SUMMARY),
            nn.ReLU(inplace=True),
            nn.Conv2d(SUMMARY, 1, 1),
        )
        self.gate = nn.Sequential(nn.Linear(channels, inner), nn.Tanh(), nn.Linear(inner, channels), nn.Sigmoid())
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps `[N * segment, C, H, W]` to maps of that shape and masks `[N * segment, H, W]`."""
        descriptors = self.reduce(maps).permute(0, 2, 3, 1).flatten(1, 2).unflatten(0, (-1, self.segment))
        correlations = correlate(descriptors).flatten(0, 1).unflatten(1, maps.shape[2:]).permute(0, 3, 1, 2)
        mask = self.summarise(correlations).sigmoid()
        masked = maps * mask
        gates = self.gate(masked.mean((2, 3))).unflatten(0, (-1, self.segment))
        shared = gates.mean(1, keepdim=True).expand_as(gates).flatten(0, 1)
        return masked + masked * shared[:, :, None, None], mask.squeeze(1)


def correlate(descriptors: Tensor) -> Tensor:
    """Descriptors `[N, T, P, C]` of the positions of T frames to `[N, T, P, (T - 1) * P]`.

    For each position of each frame its correlation over the channels with those of the other frames, in their order.
    """
    frames, channels = descriptors.shape[1], descriptors.shape[3]
    deviation, mean = torch.std_mean(descriptors, 3, keepdim=True)
    standard = (descriptors - mean) / (deviation + 1e-4)
    own, other = torch.arange(frames, device=descriptors.device), torch.arange(frames - 1, device=descriptors.device)
    others = other + (other >= own[:, None])
    return torch.matmul(standard, standard[:, others].flatten(2, 3).transpose(2, 3)) / channels
