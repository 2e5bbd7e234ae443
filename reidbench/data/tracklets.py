"""What a dataset is: tracklets with an identity and a camera, in three splits. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

JUNK = -1
DISTRACTOR = 0


@dataclass(frozen=True)
class Tracklet:
    """A short sequence of crops of one person from one camera.

    `frames` are paths relative to the dataset's root, in order of time. `identity` is the dataset's own number; `JUNK`
    and `DISTRACTOR` are not persons to be found. `traits` holds what else is known of it (synthetic data: its
    look-alike `group`, the `factor` that tells the group apart, `occluded`).
    """

    frames: tuple[str, ...]
    identity: int
    camera: int
    traits: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk.

    `fingerprint` names its content for a cell's key; `subset` marks a tree whose counts differ from the published ones;
    `queries_in_gallery` is the dataset's customary protocol (MARS and LS-VID: True, DukeMTMC-VideoReID: False).
    """

    name: str
    root: Path
    train: tuple[Tracklet, ...]
    query: tuple[Tracklet, ...]
    gallery: tuple[Tracklet, ...]
    fingerprint: str
    queries_in_gallery: bool
    subset: bool = False
    about: str = ""

    @property
    def train_identities(self) -> tuple[int, ...]:
        """The training identities in ascending order: their positions are the class labels."""
        return tuple(sorted({tracklet.identity for tracklet in self.train}))
