"""Inception-v3: the convolutional trunk of STMP.

Rethinking the Inception Architecture for Computer Vision, Szegedy et al., CVPR 2016, as torchvision has it. Parameters
carry torchvision's names (without `AuxLogits` and `fc`), so public ImageNet weights load.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .loading import load_all

PUBLISHED_WIDTH = 64
STEP = 4
"""What a width is a multiple of: all published channel counts are multiples of 16."""
SMALLEST_SIDE = 75
NORM_EPSILON = 1e-3
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the values that clips are normalised by; the trunk was taught on values from -1 to 1."""


class Inception(nn.Module):
    """Inception-v3 without its classifiers: frames `[N, 3, H, W]` to maps `[N, channels, *positions]`.

    Frames of any size are made square, of `side` pixels, by Pillow's bicubic filter, and their normalisation is changed
    to the one that the ImageNet weights know (torchvision's `transform_input`). A `width` of 64 has the published
    channel counts, another as large a part of them. `middle_channels` and `middle_positions` are those of the map
    that the second classifier of the literature sees. Weights are in channels_last.
    Raises ValueError for a side or a width it cannot have.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, *, side: int = 299, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        if side < SMALLEST_SIDE:
            raise ValueError(f"side={side}: an Inception-v3 needs at least {SMALLEST_SIDE}")
        if width < STEP or width % STEP:
            raise ValueError(f"width={width}: give a multiple of {STEP}; {PUBLISHED_WIDTH} is the published network")
        self.side = side

        def part(count: int) -> int:
            return count * width // PUBLISHED_WIDTH

        self.Conv2d_1a_3x3 = BasicConv(3, part(32), 3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv(part(32), part(32), 3)
        self.Conv2d_2b_3x3 = BasicConv(part(32), part(64), 3, padding=1)
        self.Conv2d_3b_1x1 = BasicConv(part(64), part(80), 1)
        self.Conv2d_4a_3x3 = BasicConv(part(80), part(192), 3)
        self.Mixed_5b = MixedA(part(192), part(16), part(32))
        self.Mixed_5c = MixedA(part(256), part(16), part(64))
        self.Mixed_5d = MixedA(part(288), part(16), part(64))
        self.Mixed_6a = ReductionA(part(288), part(32))
        self.Mixed_6b = MixedB(part(768), part(128), part(192))
        self.Mixed_6c = MixedB(part(768), part(160), part(192))
        self.Mixed_6d = MixedB(part(768), part(160), part(192))
        self.Mixed_6e = MixedB(part(768), part(192), part(192))
        self.Mixed_7a = ReductionB(part(768), part(64))
        self.Mixed_7b = MixedC(part(1280), part(64))
        self.Mixed_7c = MixedC(part(2048), part(64))
        self.middle_channels, self.channels = part(768), part(2048)
        middle = _halved(_halved(_halved(_halved(side) - 2) - 2))
        last = _halved(middle)
        self.middle_positions, self.positions = (middle, middle), (last, last)
        mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
        self.register_buffer("scale", deviation / 0.5, persistent=False)
        self.register_buffer("shift", (mean - 0.5) / 0.5, persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, frames: Tensor) -> Tensor:
        return self.last(self.middle(frames))

    def middle(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, H, W]` to the map `[N, middle_channels, *middle_positions]`."""
        x = self._square(frames)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(x, 3, 2))))
        return self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))

    def last(self, middle: Tensor) -> Tensor:
        """The map of `middle` to the last one."""
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(middle)))

    def _square(self, frames: Tensor) -> Tensor:
        """With `antialias` torch's filter is Pillow's. A CPU has it in no half precision, OpenVINO has it not."""
        kept = torch.promote_types(frames.dtype, torch.float32)
        x = F.interpolate(frames.to(kept), (self.side, self.side), mode="bicubic", antialias=True).to(frames.dtype)
        return (x * self.scale + self.shift).contiguous(memory_format=torch.channels_last)


class BasicConv(nn.Module):
    """A convolution, batch norm and ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class MixedA(nn.Module):
    """Four branches at 35x35: 1x1, 5x5, twice 3x3, and pooled; `unit` is a quarter of 64 in the literature."""

    def __init__(self, inputs: int, unit: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv(inputs, 4 * unit, 1)
        self.branch5x5_1 = BasicConv(inputs, 3 * unit, 1)
        self.branch5x5_2 = BasicConv(3 * unit, 4 * unit, 5, padding=2)
        self.branch3x3dbl_1 = BasicConv(inputs, 4 * unit, 1)
        self.branch3x3dbl_2 = BasicConv(4 * unit, 6 * unit, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv(6 * unit, 6 * unit, 3, padding=1)
        self.branch_pool = BasicConv(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat(
            [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(_mean(x))], 1
        )


class ReductionA(nn.Module):
    """From 35x35 to 17x17: a strided 3x3, a double one, and a maximum; `unit` is 32 in the literature."""

    def __init__(self, inputs: int, unit: int) -> None:
        super().__init__()
        self.branch3x3 = BasicConv(inputs, 12 * unit, 3, stride=2)
        self.branch3x3dbl_1 = BasicConv(inputs, 2 * unit, 1)
        self.branch3x3dbl_2 = BasicConv(2 * unit, 3 * unit, 3, padding=1)
        self.branch3x3dbl_3 = BasicConv(3 * unit, 3 * unit, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class MixedB(nn.Module):
    """Four branches at 17x17, with rows of 7 and columns of 7 one after the other."""

    def __init__(self, inputs: int, inner: int, outputs: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv(inputs, outputs, 1)
        self.branch7x7_1 = BasicConv(inputs, inner, 1)
        self.branch7x7_2 = _row(inner, inner, 7)
        self.branch7x7_3 = _column(inner, outputs, 7)
        self.branch7x7dbl_1 = BasicConv(inputs, inner, 1)
        self.branch7x7dbl_2 = _column(inner, inner, 7)
        self.branch7x7dbl_3 = _row(inner, inner, 7)
        self.branch7x7dbl_4 = _column(inner, inner, 7)
        self.branch7x7dbl_5 = _row(inner, outputs, 7)
        self.branch_pool = BasicConv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(_mean(x))], 1)


class ReductionB(nn.Module):
    """From 17x17 to 8x8: a strided 3x3, one after a row and a column of 7, and a maximum; `unit` is 64."""

    def __init__(self, inputs: int, unit: int) -> None:
        super().__init__()
        self.branch3x3_1 = BasicConv(inputs, 3 * unit, 1)
        self.branch3x3_2 = BasicConv(3 * unit, 5 * unit, 3, stride=2)
        self.branch7x7x3_1 = BasicConv(inputs, 3 * unit, 1)
        self.branch7x7x3_2 = _row(3 * unit, 3 * unit, 7)
        self.branch7x7x3_3 = _column(3 * unit, 3 * unit, 7)
        self.branch7x7x3_4 = BasicConv(3 * unit, 3 * unit, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2)], 1)


class MixedC(nn.Module):
    """Four branches at 8x8, two of which end in a row of 3 beside a column of 3; `unit` is 64 in the literature."""

    def __init__(self, inputs: int, unit: int) -> None:
        super().__init__()
        self.branch1x1 = BasicConv(inputs, 5 * unit, 1)
        self.branch3x3_1 = BasicConv(inputs, 6 * unit, 1)
        self.branch3x3_2a = _row(6 * unit, 6 * unit, 3)
        self.branch3x3_2b = _column(6 * unit, 6 * unit, 3)
        self.branch3x3dbl_1 = BasicConv(inputs, 7 * unit, 1)
        self.branch3x3dbl_2 = BasicConv(7 * unit, 6 * unit, 3, padding=1)
        self.branch3x3dbl_3a = _row(6 * unit, 6 * unit, 3)
        self.branch3x3dbl_3b = _column(6 * unit, 6 * unit, 3)
        self.branch_pool = BasicConv(inputs, 3 * unit, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        parts = [self.branch1x1(x), self.branch3x3_2a(single), self.branch3x3_2b(single)]
        parts += [self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double), self.branch_pool(_mean(x))]
        return torch.cat(parts, 1)


def load_inception(trunk: Inception, state: Mapping[str, Tensor]) -> None:
    """Loads an Inception-v3's weights under torchvision's names; `AuxLogits.*` and `fc.*` are left out.

    Raises ValueError, one line, where they are not this trunk's. Nothing is loaded then.
    """
    given = {name: value for name, value in state.items() if not name.startswith(("AuxLogits.", "fc."))}
    load_all(trunk, given, "inception_width")


def _row(inputs: int, outputs: int, length: int) -> BasicConv:
    return BasicConv(inputs, outputs, (1, length), padding=(0, length // 2))


def _column(inputs: int, outputs: int, length: int) -> BasicConv:
    return BasicConv(inputs, outputs, (length, 1), padding=(length // 2, 0))


def _mean(x: Tensor) -> Tensor:
    """The mean over 3x3 positions, where those outside the map count as zeros."""
    return F.avg_pool2d(x, 3, 1, 1)


def _halved(length: int) -> int:
    """The positions left by a window of 3 with stride 2."""
    return (length - 3) // 2 + 1
