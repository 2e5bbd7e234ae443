"""STMN: a memory of what distracts in space, taken away from each frame, and one of how frames should be weighed.

Video-based Person Re-identification with Spatial and Temporal Memory Networks, Eom et al., ICCV 2021; after the
authors' release, github.com/cvlab-yonsei/STMN.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Loss, Output

from .head import identity_classifier
from .resnet import BasicBlock, Bottleneck, ResNet, fold_frames, load_backbone

SPATIAL_ITEMS = 10
TEMPORAL_ITEMS = 5
SPREAD_MARGIN = 0.3


@model()
def stmn(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    frames: int = 8,
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    mended: bool = False,
) -> STMN:
    """ResNet with three copies of stage 4: values, keys to a spatial memory, keys to a temporal memory over an LSTM.

    The temporal memory is built for clips of `frames` frames, 6 as published. `size` has no influence. Published
    accuracies are of clips averaged with their mirror images, at twice the cost; here the mirror image is left out.

    The release has three defects, from which its results come and which `mended=True` puts right: its stem has no ReLU;
    the spatial memory reads a map as rows of so many consecutive numbers, 16 channels at all positions, instead of
    positions; the memories' keys are brought to unit length over the items instead of over the channels. Raises
    ValueError for a clip without frames.
    """
    if frames < 1:
        raise ValueError(f"frames={frames}: a clip has at least 1")
    return STMN(ResNet(depth, width=width, blocks=blocks, last_stride=last_stride), classes, frames, mended)


class STMN(nn.Module):
    """Values minus what the spatial memory reads, averaged over time by what the temporal memory reads: see `stmn`.

    Output: `feature` `[B, channels]`; in training two of `logits` and `embeddings`, of the mean over frames (through a
    batch norm of its own) and of the feature; `losses` "spatial_memory" and "temporal_memory", which ask that each item
    is addressed by something and not by everything. Raises ValueError for clips of another length.
    """

    def __init__(self, trunk: ResNet, classes: int, frames: int, mended: bool) -> None:
        super().__init__()
        features = trunk.channels[3]
        self.frames = frames
        self.mended = mended
        self.trunk = trunk
        self.spatial_key = copy.deepcopy(trunk.layer4)
        self.temporal_key = copy.deepcopy(trunk.layer4)
        self.spatial_memory = Memory(SPATIAL_ITEMS, features, features, mended)
        self.temporal_memory = Memory(TEMPORAL_ITEMS, features, frames, mended)
        nn.init.uniform_(self.temporal_memory.value)
        self.norm = nn.BatchNorm1d(features)
        nn.init.zeros_(self.norm.weight)
        self.recurrent = nn.LSTM(features, features, batch_first=True)
        self.frame_neck, self.neck = (_neck(features) for _ in range(2))
        heads = [identity_classifier(features, classes) for _ in range(2)] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        """Loads a ResNet's weights: those of its stage 4 go to all three copies."""
        load_backbone(self.trunk, state)
        for stage in (self.spatial_key, self.temporal_key):
            stage.load_state_dict(self.trunk.layer4.state_dict())

    def forward(self, clips: Tensor) -> Output:
        folded = fold_frames(clips)
        if clips.shape[1] != self.frames:
            raise ValueError(f"clips have {clips.shape[1]} frames, the memory was built for frames={self.frames}")
        x = self._shared(folded)
        read, spatial = self._read(_without_last_relu(self.spatial_key, x))
        vectors = self.trunk.layer4(x).mean((2, 3)) - read
        keys = _without_last_relu(self.temporal_key, x).mean((2, 3)).unflatten(0, clips.shape[:2])
        weights, temporal = self.temporal_memory(self.recurrent(keys)[0][:, -1])
        feature = torch.matmul(weights.softmax(1).unsqueeze(1), vectors.unflatten(0, clips.shape[:2])).squeeze(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        average = self.frame_neck(vectors).unflatten(0, clips.shape[:2]).mean(1)
        embeddings = (average, self.neck(feature))
        logits = tuple(head(embedding) for head, embedding in zip(self.classifier, embeddings, strict=True))
        losses = {"spatial_memory": Loss(1.0, _spread(spatial)), "temporal_memory": Loss(1.0, _spread(temporal))}
        return Output(feature, logits=logits, embeddings=embeddings, losses=losses)

    def _shared(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, H, W]` to the map of stage 3."""
        x = self.trunk.bn1(self.trunk.conv1(frames))
        x = self.trunk.maxpool(F.relu(x) if self.mended else x)
        return self.trunk.layer3(self.trunk.layer2(self.trunk.layer1(x)))

    def _read(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Of the maps of keys `[N, C, h, w]`, what is read, averaged over positions `[N, C]`, and the addresses."""
        batch, channels = keys.shape[:2]
        rows = keys.permute(0, 2, 3, 1) if self.mended else keys
        read, address = self.spatial_memory(rows.reshape(-1, channels))
        read = self.norm(read)
        if self.mended:
            return read.unflatten(0, (batch, -1)).mean(1), address
        return read.reshape(batch, channels, -1).mean(2), address


class Memory(nn.Module):
    """Items of a key `[C]` and a value `[D]`, read by cosine similarity."""

    def __init__(self, items: int, channels: int, values: int, mended: bool) -> None:
        super().__init__()
        self.unit = 1 if mended else 0
        self.key = nn.Parameter(torch.randn(items, channels))
        self.value = nn.Parameter(torch.randn(items, values))

    def forward(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """For `[N, C]` the values read `[N, D]`, and the addresses `[N, items]`, which sum to one over the items."""
        key = F.normalize(self.key, dim=self.unit)
        address = torch.matmul(F.normalize(query, dim=1), key.t()).softmax(1)
        return torch.matmul(address, self.value), address


def _neck(features: int) -> nn.BatchNorm1d:
    """A batch norm whose shift stays zero."""
    neck = nn.BatchNorm1d(features)
    neck.bias.requires_grad_(False)
    return neck


def _spread(address: Tensor) -> Tensor:
    """How far, on average over the items, the weights `[N, items]` of an item are from spreading by the margin."""
    return F.relu(address.amin(0) - address.amax(0) + SPREAD_MARGIN).mean()


def _without_last_relu(stage: nn.Sequential, x: Tensor) -> Tensor:
    """A stage of a ResNet whose last block ends with its sum."""
    x, block = stage[:-1](x), stage[-1]
    assert isinstance(block, BasicBlock | Bottleneck)
    out = block.relu(block.bn1(block.conv1(x)))
    out = block.bn2(block.conv2(out))
    if isinstance(block, Bottleneck):
        out = block.bn3(block.conv3(block.relu(out)))
    return out + (x if block.downsample is None else block.downsample(x))
