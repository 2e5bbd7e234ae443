"""Diverse Attentions Operation (DAO): consecutive frames of a branch attend to different parts of the body.

BiCnet-TKS, Hou et al., CVPR 2021, section 3.1, Eq. 3-5. The authors' release (github.com/blue-blue272/BiCnet-TKS)
differs from the text: `RowAttention` and `overlap_divergence` follow the release, `PixelAttention` and
`dot_product_divergence` the text.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ParallelAttention(nn.Module):
    """One attention module for each of `frames` consecutive frames: `[N, frames, C, P]` to log maps `[N, frames, P]`.

    The first frame attends where its own mean over channels is high (Eq. 3). Each later one has learned weights: C
    channels to 1, then the P positions mixed linearly (and batch-normalised where `normalised`). Maps are softmaxes
    over the P positions, returned as logarithms. The learned modules run side by side as grouped convolutions.
    """

    def __init__(self, channels: int, positions: int, frames: int, *, normalised: bool) -> None:
        super().__init__()
        self.learned = frames - 1
        if self.learned:
            mixed = self.learned * positions
            self.score = nn.Conv1d(self.learned * channels, self.learned, 1, groups=self.learned)
            self.mix = nn.Conv1d(mixed, mixed, 1, groups=self.learned)
            self.norm = nn.BatchNorm1d(mixed) if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        scores = x[:, :1].mean(2)
        if self.learned:
            learned = self.score(x[:, 1:].flatten(1, 2))
            mixed = self.norm(self.mix(learned.flatten(1).unsqueeze(2)))
            scores = torch.cat((scores, mixed.view_as(learned)), 1)
        return scores.log_softmax(-1)


class RowAttention(nn.Module):
    """The release's attention: over `rows` rows, its attended sum added to the whole map of its frame.

    Maps are averaged over their width, and over so much of their height that `rows` remain. The sum over rows, weighted
    by the attention, passes a batch norm of the frame's own, which starts at zero, and is added at every position.
    """

    def __init__(self, channels: int, rows: int, frames: int) -> None:
        super().__init__()
        self.rows = rows
        self.frames = frames
        self.attention = ParallelAttention(channels, rows, frames, normalised=True)
        self.norm = nn.BatchNorm1d(frames * channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps `[N * frames, C, H, W]` to maps of that shape and log attention `[N, frames, rows, 1]`."""
        channels, height, width = maps.shape[1:]
        rows = F.avg_pool2d(maps, (height // self.rows, width)).flatten(2).unflatten(0, (-1, self.frames))
        attention = self.attention(rows)
        attended = (rows * attention.exp().unsqueeze(2)).sum(3)
        residual = self.norm(attended.flatten(1)).view(-1, channels, 1, 1)
        return maps + residual, attention.unsqueeze(3)


class PixelAttention(nn.Module):
    """The text's attention: over all `size = (H, W)` positions, a map that re-weights its own frame.

    The text says "a residual operation" and no more; here D becomes D + A * D.
    """

    def __init__(self, channels: int, size: tuple[int, int], frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.attention = ParallelAttention(channels, math.prod(size), frames, normalised=False)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps `[N * frames, C, H, W]` to maps of that shape and log attention `[N, frames, H, W]`."""
        positions = maps.flatten(2).unflatten(0, (-1, self.frames))
        attention = self.attention(positions).unflatten(2, maps.shape[2:])
        return maps + maps * attention.exp().flatten(0, 1).unsqueeze(1), attention


def overlap_divergence(attention: Tensor) -> Tensor:
    """The release's divergence loss of log attention `[N, frames, h, w]`, 2 or more frames: a scalar, lower is better.

    For two maps p and q the release takes the Gram matrix of their square roots minus the identity, and a quarter of
    its Frobenius norm. The maps sum to one, so that is sqrt(2) / 4 times their overlap, the sum of sqrt(p * q). It is
    averaged over all pairs; the first frame's map is detached. Roots of logarithms keep the gradient finite where a
    map underflows.
    """
    roots = (attention.flatten(2) / 2).exp()
    roots = torch.cat((roots[:, :1].detach(), roots[:, 1:]), 1)
    frames = roots.shape[1]
    overlaps = torch.matmul(roots, roots.transpose(1, 2)).triu(1).sum((1, 2)) / math.comb(frames, 2)
    return overlaps.mean() * math.sqrt(2) / 4


def dot_product_divergence(attention: Tensor) -> Tensor:
    """Eq. 5 of log attention `[N, frames, h, w]`, 2 or more frames, averaged over N: a scalar in [-1, 0].

    Minus the mean over frames k > 1 of the mean over frames l < k of 1 - <A_k, A_l>.
    """
    maps = attention.flatten(2).exp()
    earlier = torch.arange(1, maps.shape[1], device=maps.device)
    similarity = torch.matmul(maps, maps.transpose(1, 2)).tril(-1).sum(2)[:, 1:] / earlier
    return (similarity - 1).mean()
