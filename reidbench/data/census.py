"""Counts what lies in a dataset's folder: against what its publishers counted, and against what its lists name."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from reidbench.data.info_files import reason
from reidbench.data.tracklets import DISTRACTOR, JUNK, PARTS, Dataset, Release, Tracklet
from reidbench.data.tree import Tree
from reidbench.spec import ANY, UserError

SAMPLED = 64
"""Frames whose bytes go into a fingerprint."""


class TreeError(UserError):
    """A tree that cannot be used as it is.

    The message is one line; `problems` says all that is wrong, a line each; `found` is what could be read of it.
    """

    def __init__(self, message: str, problems: Sequence[str], found: Dataset | None = None) -> None:
        super().__init__(message)
        self.problems = tuple(problems)
        self.found = found


def count(found: Dataset) -> dict[str, int]:
    """What can be counted in any dataset, by name; "test" is queries and gallery together."""
    test = (*found.query, *found.gallery)
    return {
        "training tracklets": len(found.train),
        "training identities": len(found.train_identities),
        "training frames": sum(len(t.frames) for t in found.train),
        "test tracklets": len(test),
        "test identities": len({t.identity for t in test} - {JUNK, DISTRACTOR}),
        "test frames": sum(len(t.frames) for t in test),
        "queries": len(found.query),
        "query identities": len({t.identity for t in found.query}),
        "query frames": sum(len(t.frames) for t in found.query),
        "junk tracklets": sum(t.identity == JUNK for t in test),
        "distractor tracklets": sum(t.identity == DISTRACTOR for t in test),
        "cameras": len({t.camera for t in (*found.train, *test)}),
    }


def differences(found: Dataset) -> dict[str, tuple[int, int]]:
    """The counts that differ from the release's: name to (found, published)."""
    published = found.release.counts if found.release else {}
    counted = count(found)
    return {name: (counted[name], known) for name, known in published.items() if counted[name] != known}


def summary(name: str, train: Sequence[Tracklet], query: Sequence[Tracklet], gallery: Sequence[Tracklet]) -> str:
    """A dataset in one line, for records."""
    return (
        f"{name}: {len({t.identity for t in train})} training identities in {len(train)} tracklets, "
        f"{len(query)} queries among {len(query) + len(gallery)} test tracklets"
    )


def accept(found: Dataset, *, subset: bool) -> Dataset:
    """The dataset, marked as a subset where its counts differ from its release's.

    A subset's remarks are told in `about`, for there something may be missing. Raises TreeError naming every difference
    if there is one and `subset` is not set.
    """
    differing = differences(found)
    if not differing or found.release is None:
        return replace(found, subset=False)
    told = f"; {first_of(found.remarks, 'remarks')}" if found.remarks else ""
    if subset:
        return replace(found, subset=True, about=f"{found.about}{told}")
    listed = ", ".join(f"{name} {counted} (published {known})" for name, (counted, known) in differing.items())
    raise TreeError(
        f"{found.root}: differs from the published {found.release.title}: {listed}{told}; "
        "mend it, or accept it with --subset",
        (),
        found,
    )


def origin(release: Release, name: str) -> str:
    """The files or folders of a tree that the things of a count are read from."""
    kind = name.split()[0]
    part = {"training": "training", "queries": "queries", "query": "queries"}.get(kind, "test")
    return ", ".join(release.files.values()) if kind == "cameras" else release.files[part]


def refuse(problems: Sequence[str], found: Dataset | None = None) -> None:
    """Raises TreeError if there is a problem."""
    if problems:
        raise TreeError(first_of(problems, "problems"), problems, found)


def first_of(lines: Sequence[str], what: str) -> str:
    """The first of several lines, and how many there are."""
    return lines[0] if len(lines) == 1 else f"{lines[0]} (the first of {len(lines)} {what})"


def check_frames(tree: Tree, found: Dataset) -> None:
    """Raises TreeError if a listed frame is missing: one directory listing an identity, no call a frame."""
    listed: dict[str, list[str]] = defaultdict(list)
    for tracklet in (*found.train, *found.query, *found.gallery):
        for frame in tracklet.frames:
            folder, _, name = frame.rpartition("/")
            listed[folder].append(name)
    missing, first, problems = 0, "", []
    for folder, names in listed.items():
        present = tree.names(folder)
        absent = [name for name in names if name not in present]
        if absent:
            missing += len(absent)
            first = first or f"{tree.root / folder / absent[0]}"
            problems.append(f"{tree.root / folder}: {len(absent)} of {len(names)} frames missing, first {absent[0]}")
    if missing:
        raise TreeError(f"{first}: missing, the first of {missing} listed frames that are not there", problems, found)


def jumps(folder: str, numbers: Sequence[int]) -> list[str]:
    """A remark where the numbers of a tracklet's frames leave some out: nothing else shows that a frame is missing."""
    left_out = [(a + 1, b - 1) for a, b in pairwise(numbers) if b > a + 1]
    spans = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in left_out[:3])
    more = f" and {len(left_out) - 3} more gaps" if len(left_out) > 3 else ""
    return [f"{folder}: no frame has number {spans}{more}; perhaps it is missing"] if left_out else []


def matches(found: Dataset) -> dict[str, tuple[int, ...]]:
    """For each query how many tracklets of its identity another camera has.

    With the other queries counted ("queries in the gallery") and without ("queries left out"); where all persons say
    what is worn, also how many of those that the dataset's custom counts are in "other clothes" and "the same clothes".
    """
    everything = (*found.query, *found.gallery)
    counted = {
        "queries in the gallery": matches_of(found.query, everything),
        "queries left out": matches_of(found.query, found.gallery),
    }
    if undressed(everything) or not everything:
        return counted
    gallery = everything if found.queries_in_gallery else found.gallery
    worn = {"other clothes": "other", "the same clothes": "same"}
    return {**counted, **{name: matches_of(found.query, gallery, clothes) for name, clothes in worn.items()}}


def matches_of(queries: Sequence[Tracklet], gallery: Sequence[Tracklet], clothes: str = ANY) -> tuple[int, ...]:
    """For each query how many tracklets of a gallery it is to find where a protocol wants such `clothes`."""
    found = _elsewhere(queries, gallery, worn=clothes == "same")
    if clothes != "other":
        return found
    same = _elsewhere(queries, gallery, worn=True)
    return tuple(each - dressed for each, dressed in zip(found, same, strict=True))


def _elsewhere(queries: Sequence[Tracklet], gallery: Sequence[Tracklet], *, worn: bool) -> tuple[int, ...]:
    """For each query how many tracklets of its identity other cameras have; with `worn` only those in its clothes."""

    def who(tracklet: Tracklet) -> tuple[int, str]:
        return tracklet.identity, tracklet.worn if worn else ""

    seen: dict[tuple[int, str], Counter[int]] = defaultdict(Counter)
    for tracklet in gallery:
        seen[who(tracklet)][tracklet.camera] += 1
    return tuple(seen[who(query)].total() - seen[who(query)][query.camera] for query in queries)


def undressed(tracklets: Iterable[Tracklet]) -> list[Tracklet]:
    """The tracklets of persons that do not say what is worn."""
    return [tracklet for tracklet in tracklets if tracklet.identity > DISTRACTOR and not tracklet.worn]


def fingerprint(tree: Tree, found: Dataset) -> str:
    """A SHA-256 over every tracklet, what is worn where that is known, and the bytes of a sample of frames."""
    digest = hashlib.sha256()
    for part in PARTS:
        for tracklet in getattr(found, part):
            worn = [{"clothes": tracklet.worn}] if tracklet.worn else []
            line = [part, tracklet.identity, tracklet.camera, *tracklet.frames, *worn]
            digest.update(f"{json.dumps(line)}\n".encode())
    digest.update(sample(tree, (*found.train, *found.query, *found.gallery)))
    return digest.hexdigest()


def sample(tree: Tree, tracklets: Sequence[Tracklet]) -> bytes:
    """The SHA-256 of the first frame of 64 tracklets spread over the list, which tells apart trees of equal names."""
    digest = hashlib.sha256()
    for row in np.linspace(0, len(tracklets) - 1, SAMPLED).astype(int):
        path = tree.file(tracklets[row].frames[0])
        try:
            # What is no file, such as a pipe, may never end.
            digest.update(path.read_bytes() if path.is_file() or not path.exists() else b"")
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({reason(error)})") from error
    return digest.digest()
