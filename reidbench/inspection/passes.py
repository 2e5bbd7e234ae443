"""Runs trained models over clips and keeps their maps, with the frame that each map is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from reidbench import registry
from reidbench.data.clips import normalise
from reidbench.data.frames import Frames, open_frames
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.experiments.accuracy import prepare_device, recipe_of
from reidbench.precision import PRECISIONS
from reidbench.retrieval.features import CLIPS_AT_ONCE, all_clips
from reidbench.spec import Advance, Cell, Output, UserError


@dataclass(frozen=True)
class ClipMaps:
    """The maps of all test clips of some tracklets.

    `owners` int64 `[clips]` is the position of a clip's tracklet, `numbers` int64 `[clips, T]` says which of `frames`
    it holds, and `maps` has float32 `[clips, T', h, w]` by name.
    """

    frames: Frames
    owners: np.ndarray
    numbers: np.ndarray
    maps: dict[str, np.ndarray]

    def by_tracklet(self, values: np.ndarray) -> np.ndarray:
        """Values `[clips, ...]` averaged over the clips of each tracklet, `[tracklets, ...]`."""
        counts = np.bincount(self.owners)
        sums = np.zeros((len(counts), *values.shape[1:]))
        np.add.at(sums, self.owners, values)
        return sums / counts.reshape(-1, *[1] * (values.ndim - 1))

    def first_clip(self, tracklet: int) -> int:
        return int(np.argmax(self.owners == tracklet))


def blank_output(cell: Cell) -> Output:
    """What the cell's model, untrained, returns for one black clip: enough to see which maps it gives."""
    recipe = recipe_of(cell.settings)
    model: nn.Module = registry.build(cell.model, **cell.options).eval()
    with torch.inference_mode():
        output: Output = model(torch.zeros(1, recipe.frames, 3, *recipe.size))
    return output


def clip_maps(
    model: nn.Module,
    dataset: Dataset,
    tracklets: Sequence[Tracklet],
    cell: Cell,
    names: Sequence[str],
    progress: Advance,
) -> ClipMaps:
    """The named maps of the model for every test clip of the tracklets, by the cell's recipe."""
    recipe, device = recipe_of(cell.settings), prepare_device(cell.settings)
    frames = open_frames(dataset, tracklets, recipe.size)
    owners, numbers = all_clips(frames, recipe.frames, "all")
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    dtype = PRECISIONS[recipe.precision]
    for first in range(0, len(owners), CLIPS_AT_ONCE):
        clips = normalise(frames.gather(numbers[first : first + CLIPS_AT_ONCE]).to(device))
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            maps = model(clips).maps
        for name in names:
            found[name].append(maps[name].float().cpu().numpy())
        progress(min(first + CLIPS_AT_ONCE, len(owners)), len(owners), "clips looked at")
    return ClipMaps(frames, owners, numbers, {name: np.concatenate(parts) for name, parts in found.items()})


def frames_of_passes(model: nn.Module, length: int, passes: int) -> list[np.ndarray]:
    """Which frames of a clip of `length` each of several passes through the trunk sees, in its order.

    One pass sees all of them. The branches of a baseline (`shrink`) deal the frames out in turn; the two of a BiCnet
    (`alpha`) take the big and the small frames of each run. Raises UserError for any other model.
    """
    numbers = np.arange(length)
    if passes == 1:
        return [numbers]
    if len(getattr(model, "shrink", ())) == passes:
        return [numbers[branch::passes] for branch in range(passes)]
    alpha = getattr(model, "alpha", 0)
    if passes == 2 and alpha:
        big = length // (1 + alpha) if getattr(model, "paper", False) else 1
        runs = numbers.reshape(-1, big * (1 + alpha))
        return [runs[:, :big].reshape(-1), runs[:, big:].reshape(-1)]
    raise UserError(f"{type(model).__name__}: does not say which frames its {passes} passes through the trunk are of")
