"""What a training step does beside the network, and what embedding does: losses, batches, the pooling of tracklets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reidbench.data.clips import augment, draw_augmentation, training_clip
from reidbench.data.frames import Frames
from reidbench.presets import PRESETS
from reidbench.recipes import Recipe
from reidbench.retrieval.features import Pooling, _mean_clips
from reidbench.spec import Output, Protocol
from reidbench.training.losses import batch_hard_triplet

TRACKLETS = 64
LENGTH = 16
"""Frames of each tracklet."""

DIMENSIONS = 2048

pytestmark = pytest.mark.benchmark(group="training", disable_gc=True)


def decoded(size: tuple[int, int], tracklets: int = TRACKLETS) -> Frames:
    """Frames of random pixels at (height, width), all in memory."""
    count = tracklets * LENGTH
    pixels = torch.randint(256, (count, *size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    names = tuple(f"{number}.jpg" for number in range(count))
    return Frames(Path(), names, LENGTH * np.arange(tracklets + 1), size, pixels, 1)


@pytest.mark.parametrize("clips", [64, 256])
def test_batch_hard_triplet(clips: int, kernel: Any) -> None:
    """Forward and backward."""
    embeddings = torch.randn(clips, DIMENSIONS, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.arange(clips) // 4

    def step() -> None:
        batch_hard_triplet(embeddings, labels).backward()

    kernel(step)


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_batch(preset: str, kernel: Any) -> None:
    """Gathers the clips of a batch, flips, normalises and erases them."""
    recipe = PRESETS[preset].recipe
    frames, rng = decoded(recipe.size), np.random.default_rng(0)
    batch = recipe.identities * recipe.clips_per_identity
    clips = [LENGTH * (n % TRACKLETS) + training_clip(LENGTH, recipe.frames, recipe.stride, rng) for n in range(batch)]
    numbers = np.stack(clips)
    drawn = draw_augmentation(rng, batch, recipe.size, flip=0.5, erase=0.5)
    kernel(lambda: augment(frames.gather(numbers), drawn))


class Remembered(nn.Module):
    """A network that has nothing to compute: each clip's feature is known."""

    def __init__(self) -> None:
        super().__init__()
        self.neck = nn.BatchNorm1d(DIMENSIONS)
        self.register_buffer("known", torch.randn(64, DIMENSIONS, generator=torch.Generator().manual_seed(0)))

    def forward(self, clips: Tensor) -> Output:
        return Output(self.known[: len(clips)])


def test_tracklet_pooling(kernel: Any) -> None:
    """From decoded frames to the mean of every tracklet's clips; the network takes no time."""
    recipe = Recipe(size=(64, 32))
    frames, model = decoded(recipe.size, 128), Remembered().eval()
    poolings = (Pooling.of(Protocol(), recipe.frames), Pooling.of(Protocol(neck="before"), recipe.frames))
    with torch.inference_mode():
        kernel(lambda: _mean_clips(model, frames, recipe, poolings, torch.device("cpu"), None))
