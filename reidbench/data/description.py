"""What a dataset looks like: its parts, tracklet lengths, cameras, matches and image sizes. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reidbench.data.census import matches
from reidbench.data.images import image_size
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Tracklet

SAMPLED = 256
"""Frames whose size is looked at."""


@dataclass(frozen=True)
class Part:
    """One part of a dataset: the frames of each of its tracklets, and how many tracklets each camera has."""

    identities: int
    lengths: tuple[int, ...]
    per_camera: dict[int, int]


@dataclass(frozen=True)
class Description:
    """A dataset in numbers.

    `parts` are "training", "queries", "gallery" (persons), and where there are any "distractors" and "junk". `matches`
    are those that `census.matches` counts. `sizes` counts (height, width) in a sample of frames.
    """

    about: str
    parts: dict[str, Part]
    matches: dict[str, tuple[int, ...]]
    sizes: dict[tuple[int, int], int]

    @property
    def cameras(self) -> list[int]:
        return sorted({camera for part in self.parts.values() for camera in part.per_camera})


def describe(found: Dataset) -> Description:
    """The numbers of a dataset. Raises UserError for a sampled frame that is no image."""
    parts = {
        "training": found.train,
        "queries": found.query,
        "gallery": [t for t in found.gallery if t.identity not in (JUNK, DISTRACTOR)],
        "distractors": [t for t in found.gallery if t.identity == DISTRACTOR],
        "junk": [t for t in found.gallery if t.identity == JUNK],
    }
    return Description(
        found.about,
        {name: _part(tracklets) for name, tracklets in parts.items() if tracklets},
        matches(found),
        _sizes(found),
    )


def _part(tracklets: Sequence[Tracklet]) -> Part:
    cameras = Counter(t.camera for t in tracklets)
    return Part(
        identities=len({t.identity for t in tracklets} - {JUNK, DISTRACTOR}),
        lengths=tuple(len(t.frames) for t in tracklets),
        per_camera=dict(sorted(cameras.items())),
    )


def _sizes(found: Dataset) -> dict[tuple[int, int], int]:
    """Sizes of the middle frames of tracklets spread over the dataset, the most frequent first."""
    tracklets = (*found.train, *found.query, *found.gallery)
    rows = np.unique(np.linspace(0, len(tracklets) - 1, SAMPLED).astype(int))
    counted: Counter[tuple[int, int]] = Counter()
    for row in rows:
        frames = tracklets[row].frames
        counted[image_size(found.root / frames[len(frames) // 2])] += 1
    return dict(counted.most_common())
