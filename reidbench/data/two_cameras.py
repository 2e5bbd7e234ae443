"""What iLIDS-VID and PRID-2011 have in common: one tracklet a person and camera, and ten splits of the persons.

The first camera's tracklets of the test persons are the queries, the second camera's the gallery, without the queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reidbench.data.census import fingerprint, jumps, refuse, summary
from reidbench.data.tracklets import Dataset, Release, Tracklet
from reidbench.data.tree import Tree, in_order, numbers_apart
from reidbench.spec import UserError

SPLITS = 10


def check_split(name: str, split: object) -> int:
    """The number of a split, from 1. Raises UserError if there is no such split."""
    if type(split) is not int or not 1 <= split <= SPLITS:
        raise UserError(f"dataset {name}: split is {split!r}; give a number from 1 to {SPLITS}")
    return split


def read_persons(
    tree: Tree, release: Release, name: str, cameras: Sequence[str], train: Iterable[str], test: Iterable[str]
) -> Dataset:
    """The dataset of a split: persons given by their folders' names, which are the same below each camera's folder.

    An identity is the number in a person's name; persons and frames come in natural order. Raises UserError if a person
    is in both parts of the split, or is not before both cameras.
    """
    trained, tested = in_order(train), in_order(test)
    problems = [f"{tree.root}: the split trains and tests on {one}" for one in trained if one in set(tested)]
    remarks: list[str] = []

    def tracklets(persons: Iterable[str], views: Iterable[int]) -> tuple[Tracklet, ...]:
        found = []
        for person in persons:
            for camera in views:
                folder = f"{cameras[camera - 1]}/{person}"
                names = tree.frames(folder)
                if not names:
                    problems.append(f"{tree.root / folder}: missing, or holds no frame")
                    continue
                remarks.extend(jumps(folder, [last_number(frame) for frame in names]))
                found.append(Tracklet(tuple(f"{folder}/{frame}" for frame in names), last_number(person), camera))
        return tuple(found)

    parts = tracklets(trained, (1, 2)), tracklets(tested, (1,)), tracklets(tested, (2,))
    found = Dataset(
        name,
        tree.root,
        *parts,
        fingerprint="",
        queries_in_gallery=False,
        about=summary(name, *parts),
        release=release,
        remarks=tuple(remarks),
    )
    refuse(problems, found)
    return replace(found, fingerprint=fingerprint(tree, found))


def last_number(name: str) -> int:
    """The last number in a file's or folder's name, its ending aside; 0 where there is none."""
    parts = numbers_apart(name.rpartition(".")[0] or name)
    return int(parts[-2]) if len(parts) > 1 else 0
