"""What a dataset is: tracklets with an identity and a camera, in three splits. Imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from reidbench.spec import UserError

JUNK = -1
DISTRACTOR = 0

UNSAID = ("None", "nan", "<NA>", "NaT")
"""What Python, NumPy and pandas write of a text that is missing."""

PARTS = ("train", "query", "gallery")
"""Fields of a `Dataset` that hold its tracklets."""


@dataclass(frozen=True)
class Tracklet:
    """A short sequence of crops of one person from one camera.

    `frames` are paths relative to the dataset's root, in order of time. `identity` is the dataset's own number; `JUNK`
    and `DISTRACTOR` are not persons to be found. `traits` holds what else is known of it: what its person wears, as
    `clothes`, a name among that person's own; of synthetic data its look-alike `group`, the `factor` that tells the
    group apart, `occluded`.
    """

    frames: tuple[str, ...]
    identity: int
    camera: int
    traits: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def worn(self) -> str:
        """What its person wears, "" where nobody says."""
        name = str(self.traits.get("clothes", ""))
        return "" if name in UNSAID else name


@dataclass(frozen=True)
class Release:
    """What the publishers of a dataset counted in it: see `census.count` for the names in `counts`.

    `files` says where in the tree the "training" and "test" tracklets and the "queries" are read from.
    """

    title: str
    counts: Mapping[str, int]
    files: Mapping[str, str]


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk.

    No tracklet is both in `query` and in `gallery`; `queries_in_gallery` says whether customarily queries are searched
    for among the other queries too (MARS, LS-VID, DukeMTMC-VideoReID) or in `gallery` alone (iLIDS-VID, PRID-2011).

    `fingerprint` names its content for a cell's key; `subset` marks a tree whose counts differ from those of its
    `release`, which is None where there is none; `remarks` say what is odd in the tree without being wrong.
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
    release: Release | None = None
    remarks: tuple[str, ...] = ()

    @property
    def train_identities(self) -> tuple[int, ...]:
        """The training identities in ascending order: their positions are the class labels."""
        return tuple(sorted({tracklet.identity for tracklet in self.train}))


def cut_training(found: Dataset, length: int) -> Dataset:
    """The dataset with its training tracklets cut every `length` frames, or as they are for 0: the "dense" split.

    As the authors' release: a piece goes on to the end where less than `length` frames would be left over, so that only
    what was shorter is shorter. The fingerprint names the cut. Raises UserError for another length.
    """
    if type(length) is not int or length < 0:
        raise UserError(f"dataset {found.name}: dense is {length!r}; give a number of frames, or 0 to cut nothing")
    if not length:
        return found
    pieces = tuple(piece for tracklet in found.train for piece in _cut(tracklet, length))
    named = hashlib.sha256(f"{found.fingerprint} dense {length}".encode()).hexdigest()
    about = f"{found.about}; training tracklets cut every {length} frames into {len(pieces)}"
    return replace(found, train=pieces, fingerprint=named, about=about)


def _cut(tracklet: Tracklet, length: int) -> list[Tracklet]:
    count = max(1, len(tracklet.frames) // length)
    ends = [*(length * n for n in range(1, count)), len(tracklet.frames)]
    return [
        replace(tracklet, frames=tracklet.frames[first:last]) for first, last in zip([0, *ends], ends, strict=False)
    ]
