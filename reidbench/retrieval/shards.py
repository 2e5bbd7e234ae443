"""Test tracklets shared by joined processes: each embeds its own, and is told the vectors of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from reidbench import distributed
from reidbench.data.tracklets import Tracklet

Key = TypeVar("Key")


def own(tracklets: Sequence[Tracklet]) -> Sequence[Tracklet]:
    """Every so many-th of the tracklets, for their lengths often go by identity; all of fewer than there are processes.

    What is embedded by all alike needs not be told.
    """
    place = distributed.current()
    return tracklets[place.rank :: place.world] if _shared(len(tracklets)) else tracklets


def whole(vectors: Mapping[Key, np.ndarray], count: int) -> dict[Key, np.ndarray]:
    """The vectors [count, D] of all tracklets in their order, under each name, from those of each process's own."""
    if not _shared(count):
        return dict(vectors)
    distributed.wait_for_all()
    parts = distributed.from_each(dict(vectors))
    found = {}
    for key, example in vectors.items():
        found[key] = np.empty((count, *example.shape[1:]), example.dtype)
        for rank, part in enumerate(parts):
            found[key][rank :: len(parts)] = part[key]
    return found


def _shared(count: int) -> bool:
    return 1 < distributed.current().world <= count
