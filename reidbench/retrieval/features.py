"""From tracklets to the vectors that are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reidbench.data.clips import evaluation_clips, normalise
from reidbench.data.frames import CACHE_LIMIT, Frames, in_turn, open_frames
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Tracklet
from reidbench.precision import PRECISIONS
from reidbench.spec import Protocol, Recipe

Progress = Callable[[int, int, str], None]
"""Called with the clips done, the clips in all, and a note."""

CLIPS_AT_ONCE = 32
"""Clips in a forward pass: with the frames of these alone in memory, a tracklet may have any length."""


@dataclass(frozen=True)
class Features:
    """What retrieval knows of N tracklets.

    `vectors` float32 [N, D] of unit length, `identities` and `cameras` int64 [N], and `groups` str [N], the group of
    look-alikes each is of ("" for none).
    """

    vectors: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.identities)


def embed_dataset(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    protocol: Protocol,
    *,
    device: torch.device,
    cache_limit: int = CACHE_LIMIT,
    progress: Progress | None = None,
) -> tuple[Features, Features]:
    """The features of a dataset's queries and of the gallery that `protocol` puts them to.

    The gallery holds the queries first where they belong in it; junk, and distractors where the protocol drops them,
    are not embedded at all.
    """
    gallery = gallery_of(dataset, protocol)
    with_queries = _holds_queries(dataset, protocol)
    everything = embed(
        model,
        dataset,
        gallery if with_queries else (*dataset.query, *gallery),
        recipe,
        protocol,
        device=device,
        cache_limit=cache_limit,
        progress=progress,
    )
    query, rest = _part(everything, 0, len(dataset.query)), len(dataset.query)
    return query, everything if with_queries else _part(everything, rest, len(everything))


def gallery_of(dataset: Dataset, protocol: Protocol) -> tuple[Tracklet, ...]:
    """The gallery that a protocol puts a dataset's queries to, the queries first where they belong in it, no junk."""
    dropped = {JUNK} if protocol.distractors else {JUNK, DISTRACTOR}
    rest = tuple(t for t in dataset.gallery if t.identity not in dropped)
    return (*dataset.query, *rest) if _holds_queries(dataset, protocol) else rest


def _holds_queries(dataset: Dataset, protocol: Protocol) -> bool:
    return dataset.queries_in_gallery if protocol.queries_in_gallery is None else protocol.queries_in_gallery


def embed(
    model: nn.Module,
    dataset: Dataset,
    tracklets: Sequence[Tracklet],
    recipe: Recipe,
    protocol: Protocol,
    *,
    device: torch.device,
    cache_limit: int = CACHE_LIMIT,
    progress: Progress | None = None,
) -> Features:
    """The features of `tracklets` of a dataset, in their order, by a model on `device`, which is left in eval mode.

    A tracklet's vector is the mean of its clips' features, then the neck (or the neck first, if the protocol says so),
    at unit length. Frame size, frames a clip and precision are the recipe's. Clips of many tracklets share a batch.
    """
    model.eval()
    frames = open_frames(dataset, tracklets, recipe.size, limit=cache_limit)
    sums, counts = _sum_clips(model, frames, recipe, protocol, device, progress)
    with torch.inference_mode():
        vectors = sums / counts[:, None]
        if protocol.neck == "after":
            vectors = model.neck(vectors)  # type: ignore[operator]
        vectors = functional.normalize(vectors.float(), dim=1)
    return Features(
        vectors.cpu().numpy(),
        np.array([t.identity for t in tracklets], dtype=np.int64),
        np.array([t.camera for t in tracklets], dtype=np.int64),
        np.array([str(t.traits.get("group", "")) for t in tracklets]),
    )


def _sum_clips(
    model: nn.Module,
    frames: Frames,
    recipe: Recipe,
    protocol: Protocol,
    device: torch.device,
    progress: Progress | None,
) -> tuple[Tensor, Tensor]:
    """For each tracklet the sum of its clips' features float32 [N, D], and the number of its clips [N]."""
    owners, numbers = all_clips(frames, recipe.frames, protocol.clips)
    counts = torch.from_numpy(np.bincount(owners, minlength=len(frames.starts) - 1)).to(device)
    sums: Tensor | None = None
    dtype = PRECISIONS[recipe.precision]

    def load(first: int) -> Tensor:
        return frames.gather(numbers[first : first + CLIPS_AT_ONCE])

    with torch.inference_mode():
        for first, pixels in in_turn(load, range(0, len(owners), CLIPS_AT_ONCE), device):
            clips = normalise(pixels.to(device))
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                feature = model(clips).feature
                if protocol.neck == "before":
                    feature = model.neck(feature)  # type: ignore[operator]
            if sums is None:
                sums = torch.zeros(len(counts), feature.shape[1], device=device)
            sums.index_add_(0, torch.from_numpy(owners[first : first + CLIPS_AT_ONCE]).to(device), feature.float())
            if progress:
                progress(min(first + CLIPS_AT_ONCE, len(owners)), len(owners), "clips embedded")
    assert sums is not None, "embed was given no tracklets"
    return sums, counts


def all_clips(frames: Frames, length: int, which: str) -> tuple[np.ndarray, np.ndarray]:
    """Of all clips, in order: the position of its tracklet [clips], and the numbers of its frames [clips, length]."""
    owners: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    for row, (start, end) in enumerate(zip(frames.starts, frames.starts[1:], strict=False)):
        clips = start + evaluation_clips(int(end - start), length, which)
        owners.append(np.full(len(clips), row))
        numbers.append(clips)
    return np.concatenate(owners), np.concatenate(numbers)


def _part(features: Features, first: int, last: int) -> Features:
    return Features(
        features.vectors[first:last],
        features.identities[first:last],
        features.cameras[first:last],
        features.groups[first:last],
    )
