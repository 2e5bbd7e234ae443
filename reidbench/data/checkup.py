"""Whether a dataset's folder holds what its publishers say it does: everything that is wrong, not the first thing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from reidbench.data.census import TreeError, count, matches, origin, undressed
from reidbench.data.images import AT_A_TIME, read_image
from reidbench.data.index import forget
from reidbench.data.jpeg import decode_jpeg
from reidbench.data.opening import WrongFunctionError, open_dataset
from reidbench.data.tracklets import Dataset
from reidbench.discovery.entries import Entry
from reidbench.spec import Advance, UserError, printable

AT_ONCE = 1024
"""Frames between two reports of how far the decoding is."""


@dataclass(frozen=True)
class Count:
    """How many there are of something, how many the publishers say, if they do, and where in the tree they lie."""

    name: str
    found: int
    expected: int | None
    file: str

    @property
    def differs(self) -> bool:
        return self.expected is not None and self.found != self.expected


@dataclass(frozen=True)
class Checkup:
    """What a folder holds.

    `problems` stand in the way of using it, `remarks` may be so in the release; both are a line each. `unmatched` are
    the queries without a match in another camera, by whether queries are in the gallery. `decoded` counts the frames
    that were decoded. Without `counts` too little could be read.
    """

    dataset: str
    title: str
    root: str
    counts: tuple[Count, ...] = ()
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    unmatched: Mapping[str, int] | None = None
    decoded: int = 0

    @property
    def passed(self) -> bool:
        return not self.problems and not any(counted.differs for counted in self.counts)


def check_tree(
    entry: Entry,
    arguments: Mapping[str, Any],
    *,
    decode: bool,
    progress: Advance,
    anew: bool = True,
) -> Checkup:
    """Reads a dataset anew, whatever is kept in the index, and decodes every frame if asked to.

    `arguments` are those of the dataset's function, which are known to it. Without `anew` the index is used.
    """
    root = str(arguments.get("root", ""))
    if root and anew:
        forget(Path(root))
    found: Dataset | None
    problems: tuple[str, ...] = ()
    progress(0, 1, "reads the lists and folders")
    try:
        found = open_dataset(entry, arguments)
    except WrongFunctionError:
        raise
    except TreeError as error:
        found, problems = error.found, tuple(map(printable, error.problems))
    except UserError as error:
        found, problems = None, (str(error),)
    if found is None:
        return Checkup(entry.name, entry.name, root, problems=problems)
    frames = [f for t in (*found.train, *found.query, *found.gallery) for f in t.frames] if decode else []
    damaged = _damaged(found.root, frames, progress)
    published = found.release.counts if found.release else {}
    return Checkup(
        entry.name,
        found.release.title if found.release else entry.name,
        str(found.root),
        tuple(
            Count(name, number, published.get(name), origin(found.release, name) if found.release else "")
            for name, number in count(found).items()
        ),
        (*problems, *damaged),
        tuple(map(printable, (*found.remarks, *_partly_dressed(found)))),
        {gallery: counted.count(0) for gallery, counted in matches(found).items()},
        len(frames),
    )


def _partly_dressed(found: Dataset) -> list[str]:
    """A remark where it is said of some that are tested what they wear, and not of all: no protocol goes by that."""
    tested = (*found.query, *found.gallery)
    unsaid = undressed(tested)
    if not unsaid or not any(tracklet.worn for tracklet in tested):
        return []
    first = found.root / unsaid[0].frames[0]
    return [f"{first}: does not say what is worn, the first of {len(unsaid)} tested; so no protocol goes by clothes"]


def _damaged(root: Path, frames: list[str], progress: Advance) -> list[str]:
    """What is wrong with those frames that are there, a line each."""
    if not frames:
        return []

    def fault(frame: str) -> str:
        path = root / frame
        try:
            if not decode_jpeg(path) and path.exists():
                read_image(path)
        except UserError as error:
            return str(error)
        return ""

    def faults_of(part: list[str]) -> list[str]:
        return [told for frame in part if (told := fault(frame))]

    faults: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(frames), AT_ONCE):
            some = frames[first : first + AT_ONCE]
            parts = [some[start : start + AT_A_TIME] for start in range(0, len(some), AT_A_TIME)]
            faults += chain.from_iterable(pool.map(faults_of, parts))
            progress(first + len(some), len(frames), f"frames decoded, {len(faults)} damaged")
    return faults
