"""STMP: a recurrent unit that refines each frame by the ones before it, and a 3-D convolution over what it leaves.

Spatial and Temporal Mutual Promotion for Video-Based Person Re-Identification, Liu et al., AAAI 2019; after the
authors' code, github.com/yolomax/person-reid-lib (tasks/task_video). `stmp` is their network, on an Inception-v3 that
sees frames at 299x299, with a map of 8x8 positions; `stmp_resnet` has its modules on the ResNet of all other models.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import identity_classifier
from .inception import NORM_EPSILON, BasicConv, Inception, load_inception
from .resnet import ResNet, fold_frames, load_backbone

SQUEEZED = 256
SPATIAL = 128
DIMENSION = 256
HIDDEN = 512
DROPOUT = 0.5
SECOND_SQUEEZED, SECOND_DIMENSION = 128, 768
SECOND_WINDOW, SECOND_STRIDE = 5, 3


@model(trunk="inception")
def stmp(*, classes: int = 0, side: int = 299, inception_width: int = 64) -> STMP:
    """STMP with its refining recurrent unit (RRU) and spatial-temporal integration (STIM) on an Inception-v3.

    Clips have any number of frames, which the recurrent unit takes one after the other, of any size, which are made
    square, of `side` pixels: the unit's weights are tied to the last map of that side. An `inception_width` of 64 has
    the published channel counts.
    """
    return STMP(Inception(side=side, width=inception_width), classes)


@model()
def stmp_resnet(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
) -> STMPOnResNet:
    """STMP's modules (RRU and STIM) on a ResNet instead of its Inception-v3: approximate.

    Clips have any number of frames, which the recurrent unit takes one after the other. `size` is the (height, width)
    of the clips in pixels, to whose last map the unit's weights are tied.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    rows, columns = (-(-length // trunk.strides[3]) for length in size)
    return STMPOnResNet(trunk, classes, size, (rows, columns))


class STMP(nn.Module):
    """An Inception-v3, the refining recurrent unit and the spatial-temporal integration, assembled by `stmp`.

    Output: `feature` `[B, 256]`. The method compares it as it is: the neck does nothing. Training has two heads, as in
    the release: a perceptron of the feature, and Inception-v3's second classifier, which sees the mean of the frames'
    middle maps. That one has cross entropy alone: its embedding is cut from the gradient, so that no metric loss acts.
    The release also trains with a triplet loss on each row of the refined maps, which the shared trainer has not, and
    starts the second classifier's convolutions from ImageNet. Raises ValueError for clips without frames.
    """

    def __init__(self, trunk: Inception, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.refine = Refinement(trunk.channels, trunk.positions)
        self.integrate = Integration(trunk.channels)
        self.neck = nn.Identity()
        self.classifier = Classifiers(trunk, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_inception(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = _frames(clips)
        middle = self.trunk.middle(frames)
        maps = self.trunk.last(middle).unflatten(0, clips.shape[:2])
        feature = self.integrate(self.refine(maps))
        if not self.training or self.classifier is None:
            return Output(feature)
        second = self.classifier.see(middle.unflatten(0, clips.shape[:2]).mean(1))
        logits = (self.classifier(feature), self.classifier.second(second))
        return Output(feature, logits, embeddings=(self.neck(feature), second.detach()))


class STMPOnResNet(nn.Module):
    """A ResNet, the refining recurrent unit and the spatial-temporal integration, assembled by `stmp_resnet`.

    Output: `feature` `[B, 256]`. The method compares it as it is: the neck does nothing, and the classifier is a
    perceptron. The release also trains with a triplet loss on each row of the refined maps and with Inception-v3's
    second classifier. Raises ValueError for clips of another size or without frames.
    """

    def __init__(self, trunk: ResNet, classes: int, size: tuple[int, int], positions: tuple[int, int]) -> None:
        super().__init__()
        self.size = tuple(size)
        self.trunk = trunk
        self.refine = Refinement(trunk.channels[3], positions)
        self.integrate = Integration(trunk.channels[3])
        self.neck = nn.Identity()
        self.classifier = _perceptron(classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = _frames(clips)
        size = tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        maps = self.trunk(frames).unflatten(0, clips.shape[:2])
        feature = self.integrate(self.refine(maps))
        if not self.training or self.classifier is None:
            return Output(feature)
        return Output(feature, logits=(self.classifier(feature),), embeddings=(self.neck(feature),))


class Classifiers(nn.Module):
    """What exists in training alone: a perceptron of the feature, and beside it Inception-v3's second classifier.

    That one's last window takes in all of its pooled map, which has 5x5 positions at 299x299; a middle map that is
    smaller than the pooling's window is pooled to one position.
    """

    def __init__(self, trunk: Inception, classes: int) -> None:
        super().__init__()
        length = trunk.middle_positions[0]
        self.window = min(SECOND_WINDOW, length)
        pooled = (length - self.window) // SECOND_STRIDE + 1
        self.perceptron = _perceptron(classes)
        self.reduce = BasicConv(trunk.middle_channels, SECOND_SQUEEZED, 1)
        self.whole = BasicConv(SECOND_SQUEEZED, SECOND_DIMENSION, pooled)
        self.second = identity_classifier(SECOND_DIMENSION, classes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, feature: Tensor) -> Tensor:
        """Logits `[B, classes]` of features `[B, 256]`."""
        return self.perceptron(feature)

    def see(self, middle: Tensor) -> Tensor:
        """Middle maps of clips `[B, C, h, w]` to vectors `[B, 768]`, which `second` classifies."""
        pooled = F.avg_pool2d(middle, self.window, SECOND_STRIDE)
        return self.whole(self.reduce(pooled)).flatten(1)


class Refinement(nn.Module):
    """Refining recurrent unit (RRU): what of each frame is kept, and what is taken from the refined frame before.

    A gate for each channel and position weighs the frame against the state. It sees how the frame differs from the
    state and from the frame before, and is a sigmoid of the product of a map and a vector. The state starts as the
    first frame.
    """

    def __init__(self, channels: int, positions: tuple[int, int]) -> None:
        super().__init__()
        count = positions[0] * positions[1]
        self.reduce = nn.Conv2d(2 * channels, SQUEEZED, 1, bias=False)
        self.norm = nn.BatchNorm2d(SQUEEZED, eps=NORM_EPSILON)
        self.whole = nn.Conv2d(1, SPATIAL, positions, bias=False)
        self.spatial = nn.Conv2d(SPATIAL, count, 1, bias=False)
        self.channel = nn.Conv2d(SQUEEZED, channels, 1, bias=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[B, T, C, h, w]` to refined maps of the same shape."""
        state = before = maps[:, 0]
        refined = []
        for frame in maps.unbind(1):
            gate = self._gate(torch.cat([state - frame, frame - before], 1))
            state = (1 - gate) * state + gate * frame
            before = frame
            refined.append(state)
        return torch.stack(refined, 1)

    def _gate(self, differences: Tensor) -> Tensor:
        x = F.relu(self.norm(self.reduce(differences)))
        spatial = self.spatial(F.relu(self.whole(x.mean(1, keepdim=True)))).view(len(x), 1, *x.shape[2:])
        return torch.sigmoid(spatial * self.channel(x.mean((2, 3), keepdim=True)))


class Integration(nn.Module):
    """Spatial-temporal integration (STIM): a 1x1x1 and a 3x3x3 convolution, then the mean over frames and positions.

    The second is a 3x3 convolution in two dimensions over each frame between its neighbours, stacked as channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, SQUEEZED, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(SQUEEZED)
        self.mix = nn.Conv2d(3 * SQUEEZED, DIMENSION, 3, padding=1, bias=False)
        self.mix_norm = nn.BatchNorm2d(DIMENSION)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[B, T, C, h, w]` to vectors `[B, 256]`."""
        x = F.relu(self.reduce_norm(self.reduce(maps.flatten(0, 1)))).unflatten(0, maps.shape[:2])
        padded = F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1))
        three = torch.cat([padded[:, :-2], x, padded[:, 2:]], 2).flatten(0, 1)
        mixed = F.relu(self.mix_norm(self.mix(three.contiguous(memory_format=torch.channels_last))))
        return mixed.mean((2, 3)).unflatten(0, maps.shape[:2]).mean(1)


def _frames(clips: Tensor) -> Tensor:
    frames = fold_frames(clips)
    if clips.shape[1] < 1:
        raise ValueError("a clip of 0 frames: give at least 1")
    return frames


def _perceptron(classes: int) -> nn.Sequential:
    first = nn.Linear(DIMENSION, HIDDEN)
    nn.init.kaiming_normal_(first.weight, mode="fan_out")
    nn.init.zeros_(first.bias)
    layers = (first, nn.BatchNorm1d(HIDDEN), nn.LeakyReLU(0.1), nn.Dropout(DROPOUT))
    return nn.Sequential(*layers, identity_classifier(HIDDEN, classes))
