"""Temporal Kernel Selection (TKS): temporal convolutions of several reaches, weighted clip by clip.

BiCnet-TKS, Hou et al., CVPR 2021, section 3.2, Eq. 6-8, as in the authors' release
(github.com/blue-blue272/BiCnet-TKS) unless said otherwise.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

KERNELS = (3, 5, 7)
REDUCTION = 16


class TemporalKernels(nn.Module):
    """Parallel temporal convolutions and their fusion: `[B, C, T, R]` to `[B, C, T, R]`.

    Kernel 2i + 1 is a 3-tap convolution of dilation i, without bias. `fusion` is "mean" (fixed, the paper's TK),
    "bottleneck" (channel-wise weights by a perceptron with C / 16 hidden units, as released) or "full" (by one CxC
    matrix a path, Eq. 7). One kernel needs no selection and has no layers for it.
    """

    def __init__(self, channels: int, kernels: tuple[int, ...], fusion: str) -> None:
        super().__init__()
        dilations = [(kernel - 1) // 2 for kernel in kernels]
        self.paths = nn.ModuleList(
            nn.Conv2d(channels, channels, (3, 1), padding=(d, 0), dilation=(d, 1), bias=False) for d in dilations
        )
        self.select = None if len(kernels) == 1 else _selection(fusion, channels, len(kernels))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the fused map and the weights `[B, K, C]`, which sum to one over the K paths."""
        paths = torch.stack([path(x) for path in self.paths], 1)
        batch, count, channels = paths.shape[:3]
        if self.select is None:
            return paths.mean(1), paths.new_full((batch, count, channels), 1 / count)
        weights = self.select(paths.sum(1).mean((2, 3))).unflatten(1, (count, channels)).softmax(1)
        return (paths * weights[:, :, :, None, None]).sum(1), weights


class TemporalKernelSelection(nn.Module):
    """A TKS block over the maps of both branches: partition, select, excite.

    A map is average-pooled into `regions` (rows, columns); all frames of a clip, in their order, pass the temporal
    kernels region by region; the result is repeated over its region and added to the map. With `scale` it first passes
    a batch norm that starts at that scale and that both branches share (the release starts at 0); without, it is added
    as it is (the text).
    """

    def __init__(
        self, channels: int, kernels: tuple[int, ...], fusion: str, regions: tuple[int, int], scale: float | None
    ) -> None:
        super().__init__()
        self.regions = regions
        self.kernels = TemporalKernels(channels, kernels, fusion)
        self.norm = nn.Identity() if scale is None else _scaled_norm(channels, scale)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, big: Tensor, small: Tensor, batch: int, run: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Maps `[N * b, C, H, W]` and `[N * s, C, H', W']` of N runs of `run = (b, s)` frames, `batch` clips in all.

        Returns maps of the same shapes and the weights of the paths `[batch, K, C]`.
        """
        x = torch.cat((self._partition(big, run[0]), self._partition(small, run[1])), 1)
        frames = x.flatten(0, 1).unflatten(0, (batch, -1))
        fused, weights = self.kernels(frames.permute(0, 3, 1, 2))
        runs = fused.permute(0, 2, 3, 1).flatten(0, 1).unflatten(0, (-1, sum(run)))
        return self._excite(big, runs[:, : run[0]]), self._excite(small, runs[:, run[0] :]), weights

    def _partition(self, maps: Tensor, frames: int) -> Tensor:
        """Maps `[N * frames, C, H, W]` to regions `[N, frames, R, C]`."""
        kernel = (maps.shape[2] // self.regions[0], maps.shape[3] // self.regions[1])
        regions = F.avg_pool2d(maps, kernel).permute(0, 2, 3, 1)
        return regions.flatten(1, 2).unflatten(0, (-1, frames))

    def _excite(self, maps: Tensor, regions: Tensor) -> Tensor:
        """The batch norm runs before the repetition: its output is the same, on far fewer values."""
        cells = regions.flatten(0, 1).unflatten(1, self.regions).permute(0, 3, 1, 2)
        return maps + F.interpolate(self.norm(cells), size=maps.shape[2:], mode="nearest")


def _scaled_norm(channels: int, scale: float) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    nn.init.constant_(norm.weight, scale)
    return norm


def check_kernels(kernels: tuple[int, ...]) -> None:
    """Raises ValueError for kernels that are not some of 3, 5 and 7, each once."""
    if not kernels or len(set(kernels)) < len(kernels) or not set(kernels) <= set(KERNELS):
        raise ValueError(f"kernels={kernels}: give some of {', '.join(map(str, KERNELS))}, each once")


def _selection(fusion: str, channels: int, paths: int) -> nn.Module | None:
    if fusion == "mean":
        return None
    if fusion == "full":
        return nn.Linear(channels, paths * channels, bias=False)
    hidden = math.ceil(channels / REDUCTION)
    return nn.Sequential(
        nn.Linear(channels, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, paths * channels, bias=False),
    )
