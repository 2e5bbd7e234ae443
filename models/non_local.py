"""The non-local block: every position of a clip, or of a frame, sees all others.

Non-local Neural Networks, Wang et al., CVPR 2018, in the form that video re-identification shares (embedded Gaussian
with sub-sampling), as in github.com/guxinqian/AP3D.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NonLocal(nn.Module):
    """A softmax over products of embedded positions; its weighted mean is added to the map.

    Queries, keys and values are linear in the map, with half its channels; with `pool` the keys and the values keep the
    maxima of each 2x2 positions of a frame. The mean passes a linear layer and a batch norm that starts at zero.
    """

    def __init__(self, channels: int, *, pool: bool = True) -> None:
        super().__init__()
        self.pool = pool
        inner = channels // 2
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        self.project = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor, frames: int = 1) -> Tensor:
        """Maps `[N * frames, C, H, W]` to maps of that shape: runs of `frames` frames see each other.

        With `pool`, H and W are at least 2.
        """
        queries = _positions(self.query(maps), frames)
        keys, values = (_positions(self._kept(layer(maps)), frames) for layer in (self.key, self.value))
        weights = torch.matmul(queries, keys.transpose(1, 2)).softmax(2)
        seen = torch.matmul(weights, values).unflatten(1, (frames, *maps.shape[2:])).flatten(0, 1)
        return maps + self.norm(self.project(seen.permute(0, 3, 1, 2)))

    def _kept(self, maps: Tensor) -> Tensor:
        return F.max_pool2d(maps, 2) if self.pool else maps


def _positions(maps: Tensor, frames: int) -> Tensor:
    """Maps `[N * frames, C, H, W]` as the positions of each run of frames `[N, frames * H * W, C]`."""
    return maps.permute(0, 2, 3, 1).unflatten(0, (-1, frames)).flatten(1, 3)
