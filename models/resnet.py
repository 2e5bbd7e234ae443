"""ResNet: the convolutional trunk that most models here stand on.

Deep Residual Learning for Image Recognition, He et al., CVPR 2016, with the re-identification custom of a last stage
that keeps its resolution. Parameters carry torchvision's names (without `fc`), so public ImageNet weights load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

STEM_STRIDE = 4
FEWEST_CHANNELS = 8
"""After stage 1. With fewer, oneDNN's backward pass of a strided 1x1 convolution in channels_last writes out of bounds
(torch 2.13, AVX2)."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (ResNet-18 and 34)."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, planes, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride) and 1x1 convolutions and a shortcut (ResNet-50 and 101)."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


DEPTHS: dict[int, tuple[type[BasicBlock | Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}


class ResNet(nn.Module):
    """A ResNet without its pooling and classifier: frames `[N, 3, H, W]` to maps `[N, channels[3], h, w]`.

    `depth` chooses the kind of block and their number; `blocks`, four counts, overrides the number. `width` is the
    number of channels of the stem (64 in the literature). `last_stride` is that of stage 4: 1 keeps the map of stage 3.
    `channels` and `strides` are, for each of the four stages, the channels it yields and how many pixels of the input
    one cell of its map stands for. Weights are in channels_last, and feeding frames so spares a copy.
    Raises ValueError for a depth or a shape it cannot build.
    """

    def __init__(self, depth: int = 50, *, width: int = 64, blocks: Iterable[int] = (), last_stride: int = 1) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"depth={depth}: choose one of {', '.join(map(str, DEPTHS))}")
        block, counts = DEPTHS[depth][0], tuple(blocks) or DEPTHS[depth][1]
        if len(counts) != 4 or min(counts) < 1:
            raise ValueError(f"blocks={counts}: give four counts of at least 1, one a stage")
        if width * block.expansion < FEWEST_CHANNELS:
            raise ValueError(f"width={width}: a depth of {depth} needs at least {FEWEST_CHANNELS // block.expansion}")
        if last_stride not in (1, 2):
            raise ValueError(f"last_stride={last_stride}: choose 1 or 2")
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        planes = tuple(width * 2**stage for stage in range(4))
        self.channels = tuple(p * block.expansion for p in planes)
        inputs = (width, *self.channels)
        self.layer1 = _stage(block, inputs[0], planes[0], counts[0], 1)
        self.layer2 = _stage(block, inputs[1], planes[1], counts[1], 2)
        self.layer3 = _stage(block, inputs[2], planes[2], counts[2], 2)
        self.layer4 = _stage(block, inputs[3], planes[3], counts[3], last_stride)
        self.strides = (STEM_STRIDE, 2 * STEM_STRIDE, 4 * STEM_STRIDE, 4 * STEM_STRIDE * last_stride)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def stages(self) -> tuple[nn.Sequential, ...]:
        """The four stages in order, for networks that act between them."""
        return (self.layer1, self.layer2, self.layer3, self.layer4)

    def stem(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, H, W]` to the first map `[N, width, H/4, W/4]`."""
        return self.maxpool(self.relu(self.bn1(self.conv1(frames))))

    def forward(self, frames: Tensor) -> Tensor:
        x = self.stem(frames)
        for stage in self.stages:
            x = stage(x)
        return x


def fold_frames(clips: Tensor) -> Tensor:
    """Clips `[B, T, 3, H, W]` as a batch of frames `[B*T, 3, H, W]` in channels_last.

    Raises ValueError for a tensor that is not such a batch.
    """
    if clips.ndim != 5 or clips.shape[2] != 3:
        raise ValueError(f"clips have shape {list(clips.shape)}: give [batch, frames, 3, height, width]")
    return clips.flatten(0, 1).contiguous(memory_format=torch.channels_last)


def load_backbone(trunk: ResNet, state: Mapping[str, Tensor]) -> None:
    """Loads a ResNet's weights under torchvision's names; `fc.*` is left out.

    Raises ValueError, one line, naming missing and unexpected keys and shapes that differ. Nothing is loaded then.
    Batch counters (`num_batches_tracked`), which old files lack, may be missing.
    """
    given = {name: value for name, value in state.items() if not name.startswith("fc.")}
    wanted = trunk.state_dict()
    missing = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in given if name not in wanted]
    shapes = [
        f"{name} {list(given[name].shape)} instead of {list(value.shape)}"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    found = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    if any(names for _, names in found):
        faults = "; ".join(f"{len(names)} {kind}: {_shortened(names)}" for kind, names in found if names)
        raise ValueError(f"these weights are not this trunk's ({faults}): check depth, width and blocks")
    trunk.load_state_dict({**wanted, **given})


def _shortened(names: list[str], shown: int = 3) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def _stage(
    block: type[BasicBlock | Bottleneck], inputs: int, planes: int, count: int, first_stride: int
) -> nn.Sequential:
    outputs = planes * block.expansion
    rest = (block(outputs, planes, 1) for _ in range(count - 1))
    return nn.Sequential(block(inputs, planes, first_stride), *rest)
