"""SINet: frames of a segment share what is salient in the first ones to find more in the others.

Salient-to-Broad Transition for Video Person Re-identification, Bai et al., CVPR 2022; after the authors' release,
github.com/baist/SINet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier, max_pool
from .resnet import ResNet, fold_frames, load_backbone

INTEGRATION_STAGE = 2
BROAD_STAGE = 3
RUN = 4
REDUCTION = 16
KERNEL = 3
SHARE = 0.1
STEEPNESS = 5.0


@model(presets={"idnet": {"broad": False}, "sbnet": {"integration": False}})
def sinet(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    segment: int = 4,
    integration: bool = True,
    broad: bool = True,
    pool_padding: bool = False,
) -> SINet:
    """ResNet with modules after every second block: of stage 2 `integration` (IDM), of stage 3 `broad` (SBM).

    `size` is the (height, width) of the clips in pixels. Clips are segments of `segment` frames, a multiple of 4, to
    whose positions the weights of `integration` are bound; `broad` takes 4 frames at a time. In a stage of one block
    the module follows that.

    Two faults of the release: the max pool of its stem has no padding, so that the maps of stage 1 are smaller by one
    row and column, as here unless `pool_padding`; and its convolutions have biases, 26,560 in all, which the batch
    norms after them cancel and which are left out here. So is its contrastive loss of weight 0.001, which needs to know
    the identities.

    Raises ValueError for a segment that is no multiple of 4.
    """
    if segment < RUN or segment % RUN:
        raise ValueError(f"segment={segment}: it must be a multiple of {RUN}")
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    if not pool_padding:
        trunk.maxpool = nn.MaxPool2d(3, stride=2)
    modules = nn.ModuleDict()
    if integration:
        positions = segment * math.prod(_length(pixels, pool_padding) for pixels in size)
        for index in _places(trunk, INTEGRATION_STAGE):
            modules[_key(INTEGRATION_STAGE, index)] = Integration(trunk.channels[INTEGRATION_STAGE - 1], positions)
    if broad:
        for number, index in enumerate(_places(trunk, BROAD_STAGE), 1):
            modules[_key(BROAD_STAGE, index)] = SalientToBroad(trunk.channels[BROAD_STAGE - 1], min(number, RUN - 1))
    return SINet(trunk, modules, classes, size, segment)


class SINet(nn.Module):
    """A ResNet with modules among the blocks of stages 2 and 3, assembled by `sinet`.

    `sinet` is keyed by the trunk's block that a module follows: "layer2_1". Segments are on their own, and their
    features are averaged. Per frame a global max pool, then the mean over the frames: `feature` is `[B, channels]`. In
    training all segments share their batch statistics. Raises ValueError for clips of another size or a wrong number of
    frames.
    """

    def __init__(
        self, trunk: ResNet, modules: nn.ModuleDict, classes: int, size: tuple[int, int], segment: int
    ) -> None:
        super().__init__()
        features = trunk.channels[-1]
        self.size = tuple(size)
        self.segment = segment
        self.trunk = trunk
        self.sinet = modules
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        self._check(clips)
        x = self.trunk.layer1(self.trunk.stem(frames))
        for number in (INTEGRATION_STAGE, BROAD_STAGE):
            for index, block in enumerate(self.trunk.stages[number - 1]):
                x = block(x)
                if _key(number, index) in self.sinet:
                    x = self.sinet[_key(number, index)](x)
        feature = max_pool(self.trunk.layer4(x)).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))

    def _check(self, clips: Tensor) -> None:
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if length < 1 or length % self.segment:
            raise ValueError(f"a clip of {length} frames: with segment={self.segment} it must be a multiple of that")


class Integration(nn.Module):
    """The integration and distribution module (IDM): positions of a segment mixed linearly, in few channels.

    The map is reduced to a sixteenth of its channels; in each, all positions of all frames pass a bottleneck of a
    sixteenth of their number and are added to themselves; a linear layer that starts at zero brings the channels back,
    and its output is added to the map before a ReLU.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        inner, few = math.ceil(channels / REDUCTION), math.ceil(positions / REDUCTION)
        self.positions = positions
        reduce, expand = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)
        self.reduce = nn.Sequential(reduce, nn.BatchNorm2d(inner))
        self.integrate = nn.Linear(positions, few)
        self.norm = nn.BatchNorm1d(few)
        self.distribute = nn.Linear(few, positions)
        self.expand = expand
        for weight in (reduce.weight, self.integrate.weight, self.distribute.weight):
            nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
        for parameter in expand.parameters():
            nn.init.zeros_(parameter)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[N * segment, C, H, W]` to maps of that shape."""
        reduced = self.reduce(maps).permute(0, 2, 3, 1)
        rows = reduced.flatten(0, 2).unflatten(0, (-1, self.positions)).transpose(1, 2)
        few = self.norm(self.integrate(rows).flatten(0, 1)).view(*rows.shape[:2], -1)
        mixed = (self.distribute(few) + rows).transpose(1, 2).reshape(reduced.shape)
        return (maps + self.expand(mixed.permute(0, 3, 1, 2))).relu()


class SalientToBroad(nn.Module):
    """The salient-to-broad module (SBM): of each 4 frames the first `salient` say what the others are to look beyond.

    Channels are weighed by a perceptron of their means, and only those count that are stronger off the map's border. In
    the salient frames nine attentions over positions gather what is salient as a 3x3 convolution; its response to the
    other frames, a softmax over positions, suppresses the map where it is above the mean. What was suppressed is added
    to the salient frames, the mean of the salient frames to the others, both at a tenth.
    """

    def __init__(self, channels: int, salient: int) -> None:
        super().__init__()
        self.salient = salient
        score, inner = nn.Conv2d(channels, KERNEL**2, 1), channels // 4
        squeeze, excite = nn.Linear(channels, inner), nn.Linear(inner, channels)
        self.attend = nn.Sequential(score, nn.BatchNorm2d(KERNEL**2), nn.ReLU(inplace=True))
        self.weigh = nn.Sequential(squeeze, nn.ReLU(inplace=True), excite, nn.Sigmoid())
        for weight in (score.weight, squeeze.weight, excite.weight):
            nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[N * 4, C, H, W]` of N runs to maps of that shape."""
        runs = maps.permute(0, 2, 3, 1).unflatten(0, (-1, RUN))
        weights = (self.weigh(runs.mean((1, 2, 3))) * _central(runs))[:, None, None, None]
        first, others = runs.split((self.salient, RUN - self.salient), 1)
        kernels = self._kernels((first * weights).relu())
        kept = _kept(_respond((others * weights).relu(), kernels)).unsqueeze(4)
        lost = 1 - kept
        # Where nothing is suppressed the release divides 0 by 0.
        beyond = (lost * others).mean((1, 2, 3)) / lost.mean((1, 2, 3)).clamp_min(1e-8)
        first, others = (
            first + SHARE * beyond[:, None, None, None],
            others * kept + SHARE * first.mean((1, 2, 3))[:, None, None, None],
        )
        return torch.cat((first, others), 1).flatten(0, 1).permute(0, 3, 1, 2)

    def _kernels(self, salient: Tensor) -> Tensor:
        """Salient frames `[N, s, H, W, C]` to a convolution for each run `[N, C, 3, 3]`."""
        attention = self.attend(salient.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        attention = attention.flatten(0, 2).unflatten(0, (len(salient), -1))
        attention = F.normalize(F.normalize(attention, p=1, dim=2), p=1, dim=1)
        return torch.matmul(salient.flatten(1, 3).transpose(1, 2), attention).unflatten(2, (KERNEL, KERNEL))


def _central(runs: Tensor) -> Tensor:
    """Of runs `[N, T, H, W, C]` 1 for the channels `[N, C]` whose mean is higher without the outermost positions.

    A side of no more than 2 positions has no other ones and stays whole.
    """
    rows, columns = (slice(1, -1) if length > 2 else slice(None) for length in runs.shape[2:4])
    inside, whole = runs[:, :, rows, columns].mean((1, 2, 3)), runs.mean((1, 2, 3))
    return (inside / (whole + 1e-8) > 1).to(runs.dtype)


def _respond(frames: Tensor, kernels: Tensor) -> Tensor:
    """Frames `[N, T, H, W, C]` to the mean response `[N, T, H, W]` of their run's convolution `[N, C, 3, 3]`."""
    folded = F.pad(frames.permute(1, 0, 4, 2, 3).flatten(1, 2), (1, 1, 1, 1), mode="replicate")
    return F.conv2d(folded, kernels, groups=len(kernels)).transpose(0, 1) / KERNEL**2


def _kept(response: Tensor) -> Tensor:
    """From responses `[N, T, H, W]` what is kept of each position: 1 up to the mean share, then less and less."""
    share = response.flatten(2).softmax(2).view(response.shape).clamp_min(1e-4)
    rarity = 1 / (share * math.prod(response.shape[2:]))
    return (STEEPNESS * (rarity - 1).clamp(max=0)).exp()


def _places(trunk: ResNet, stage: int) -> tuple[int, ...]:
    """The blocks of a stage that a module follows."""
    return tuple(range(1, len(trunk.stages[stage - 1]), 2)) or (0,)


def _length(pixels: int, padded: bool) -> int:
    """A side of the map of stage 2."""
    stem = math.ceil(pixels / 2)
    return math.ceil((math.ceil(stem / 2) if padded else (stem - 1) // 2) / 2)


def _key(stage: int, index: int) -> str:
    return f"layer{stage}_{index}"
