"""What each training step is fed: every random choice follows from (seed, step) and a clip's place in the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reidbench import distributed
from reidbench.data.clips import Augmentation, draw_augmentation, restricted_clip, training_clip
from reidbench.data.frames import CACHE_LIMIT, Frames, open_frames
from reidbench.data.sampler import BatchPlan, plan_batches
from reidbench.data.tracklets import Dataset
from reidbench.recipes import Recipe
from reidbench.spec import Advance


@dataclass(frozen=True)
class Batch:
    """`clips` uint8 [B, T, H, W, 3] of this process, what is done to them, and a seed for the model's noise.

    `labels` int64 [W * B] are those of all W processes' clips, in order of rank.
    """

    clips: Tensor
    augmentation: Augmentation
    labels: Tensor
    seed: int


@dataclass(frozen=True)
class Feed:
    """Makes the batch of any step from its number."""

    frames: Frames
    labels: np.ndarray
    plan: BatchPlan
    recipe: Recipe
    seed: int
    device: torch.device

    @property
    def classes(self) -> int:
        """How many identities are trained, each with a label of its own from 0."""
        return int(self.labels.max()) + 1

    def batch(self, step: int) -> Batch:
        """This process's share of a step's batch, with what one process would draw for those clips.

        The seed of the model's noise is another one in each process: noise drawn for a share is not that of a whole.
        """
        recipe, rows, place = self.recipe, self.plan.tracklets[step], distributed.current()
        rng = np.random.default_rng([self.seed, step, 1])
        starts = self.frames.starts
        numbers = np.stack([starts[r] + self._clip(starts[r + 1] - starts[r], rng) for r in rows])
        drawn = draw_augmentation(rng, len(rows), recipe.size, flip=recipe.flip, erase=recipe.erase)
        share = place.share(len(rows))
        clips, labels = self.frames.gather(numbers[share]), torch.from_numpy(self.labels[rows])
        if self.device.type == "cuda":
            clips = clips if clips.is_cuda else clips.pin_memory()
            labels = labels.pin_memory()
        augmentation = Augmentation(drawn.flips[share], drawn.boxes[share])
        return Batch(clips, augmentation, labels, int(rng.integers(1 << 63)) + place.rank)

    def _clip(self, length: int, rng: np.random.Generator) -> np.ndarray:
        """The frames of a clip of a tracklet of `length` frames, int64 [frames], as the recipe samples them."""
        if self.recipe.sampling == "restricted":
            return restricted_clip(length, self.recipe.frames, rng)
        return training_clip(length, self.recipe.frames, self.recipe.stride, rng)


def open_feed(
    dataset: Dataset,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    cache_limit: int = CACHE_LIMIT,
    progress: Advance | None = None,
) -> Feed:
    """Plans all batches of a training and opens its frames, of which `progress` is told.

    Raises UserError if the data cannot fill a batch, and for a frame that is missing or damaged.
    """
    tracklets = dataset.train
    identities = [t.identity for t in tracklets]
    plan = plan_batches(
        identities,
        per_batch=recipe.identities,
        clips=recipe.clips_per_identity,
        seed=seed,
        epochs=recipe.epochs,
        steps=recipe.steps,
        epoch_of=recipe.epoch_of,
        groups=[str(t.traits.get("group", "")) for t in tracklets] if recipe.grouped else None,
    )
    frames = open_frames(dataset, tracklets, recipe.size, limit=cache_limit, progress=progress).on(device)
    return Feed(frames, np.searchsorted(dataset.train_identities, identities), plan, recipe, seed, device)
