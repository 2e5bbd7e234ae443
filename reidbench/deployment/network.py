"""A model as one function from clips to vectors: what is exported, compiled and run by a backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from reidbench.spec import Output

Infer = Callable[[Tensor], Tensor]
"""From clips `[B, T, 3, H, W]` to their vectors `[B, D]`."""


def clips_of(shape: Sequence[int], seed: int = 0) -> Tensor:
    """Random clips `shape` = `[B, T, 3, H, W]`, contiguous as the files take them."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


class Network(nn.Module):
    """Clips `[B, T, 3, H, W]` to their features `[B, D]`, or through the `neck` too, as a plain tensor.

    The neck is affine in evaluation, so the mean of a tracklet's clips taken after it is the same vector as the neck of
    their mean.
    """

    def __init__(self, model: nn.Module, *, neck: bool = False) -> None:
        super().__init__()
        self.model = model
        self.through_neck = neck

    def forward(self, clips: Tensor) -> Tensor:
        feature: Tensor = self.model(clips).feature
        return self.model.neck(feature) if self.through_neck else feature  # type: ignore[operator]


class Deployed(nn.Module):
    """A backend in a model's place: clips go through `infer` in batches of the size that it was made for.

    Its `neck` is the model's own, in float32.
    """

    def __init__(self, infer: Infer, neck: nn.Module, batch: int = 1) -> None:
        super().__init__()
        self.infer = infer
        self.neck = neck
        self.batch = batch

    def forward(self, clips: Tensor) -> Output:
        """Raises ValueError for a number of clips that is no multiple of the batch."""
        if len(clips) % self.batch:
            raise ValueError(f"{len(clips)} clips: this network takes {self.batch} at a time")
        return Output(torch.cat([self.infer(part).float() for part in clips.split(self.batch)]))
