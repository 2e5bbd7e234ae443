"""DukeMTMC-VideoReID (Wu et al., CVPR 2018) in its published layout.

train/<id>/<tracklet>/<id>_C<camera>_F<frame of the tracklet>_X<frame of the video>.jpg
query/<id>/<tracklet>/...     one tracklet of each test identity, all of which gallery/ holds as well
gallery/<id>/<tracklet>/...   D instead of X: a distractor, that is, a person who is no query

An older copy writes the names as <id>C<camera>F<frame>X<frame>.jpg. Tracklets may begin with frame 2; the authors'
release, which counts from frame 1, leaves out the last frame of those, and this reader none.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from reidbench.data.census import accept, fingerprint, jumps, refuse, summary
from reidbench.data.index import indexed
from reidbench.data.tracklets import DISTRACTOR, Dataset, Release, Tracklet, cut_training
from reidbench.data.tree import Tree
from reidbench.registry import dataset
from reidbench.spec import UserError

FRAME_NAME = re.compile(
    r"(?P<identity>[0-9]{4})(?P<gap>_?)C(?P<camera>[1-9])(?P=gap)F(?P<number>[0-9]+)(?P=gap)(?P<kind>[XD])[0-9]+"
    r"\.(?:jpg|jpeg|png)"
)

Tracklets = tuple[Tracklet, ...]

DUKE = Release(
    "DukeMTMC-VideoReID",
    {
        "training tracklets": 2196,
        "training identities": 702,
        "training frames": 369656,
        "test tracklets": 2636,
        "test identities": 702,
        "test frames": 445764,
        "queries": 702,
        "query identities": 702,
        "query frames": 111848,
        "junk tracklets": 0,
        "distractor tracklets": 408,
        "cameras": 8,
    },
    {"training": "train", "test": "gallery", "queries": "query"},
)
"""From the dataset's own page; query frames as counted in the frame lists of GLTR (github.com/ljn114514/GLTR)."""


@dataset
def duke(root: str, *, subset: bool = False, dense: int = 32) -> Dataset:
    """DukeMTMC-VideoReID: 702 training identities, 702 queries, 408 distractors, 8 cameras.

    Training tracklets are cut every `dense` frames (0: not at all), by default as in the authors' release.

    A query's tracklet in gallery/ is the same crops again. It is left out of `gallery`, and queries belong in the
    gallery that is searched: what is searched is exactly gallery/, and nothing is embedded or counted twice.

    Raises UserError if the tree is damaged, or if its counts differ from the published ones and `subset` is not set.
    """
    return cut_training(accept(indexed("duke", Path(root), read_tree, DUKE), subset=subset), dense)


def read_tree(tree: Tree) -> Dataset:
    """Reads train/, query/ and gallery/, identities and tracklets in natural order, frames by their number.

    A gallery identity that is no query's is a distractor, whether or not its names say so. Raises UserError for names
    that are not the dataset's or contradict each other.
    """
    tree.check_folders("train", "query", "gallery")
    problems: list[str] = []
    remarks: list[str] = []
    train, query, gallery = (_read_part(tree, part, problems, remarks) for part in ("train", "query", "gallery"))
    problems += _contradictions(tree.root, train, query, gallery)
    sought, doubled = {t.identity for t in query}, {_names(t) for t in query}
    rest = tuple(
        tracklet if tracklet.identity in sought else replace(tracklet, identity=DISTRACTOR)
        for tracklet in gallery
        if _names(tracklet) not in doubled
    )
    found = Dataset(
        name="duke",
        root=tree.root,
        train=train,
        query=query,
        gallery=rest,
        fingerprint="",
        queries_in_gallery=True,
        about=summary("duke", train, query, rest),
        release=DUKE,
        remarks=tuple(remarks),
    )
    refuse(problems, found)
    return replace(found, fingerprint=fingerprint(tree, found))


def _read_part(tree: Tree, part: str, problems: list[str], remarks: list[str]) -> tuple[Tracklet, ...]:
    """The tracklets below one folder; what is wrong with the others is added to `problems`."""
    found = []
    for identity in tree.folders(part):
        for name in tree.folders(f"{part}/{identity}"):
            folder = f"{part}/{identity}/{name}"
            try:
                numbers, tracklet = _read_tracklet(tree, folder, identity)
            except UserError as error:
                problems.append(str(error))
            else:
                found.append(tracklet)
                remarks += jumps(folder, numbers)
    return tuple(found)


def _read_tracklet(tree: Tree, folder: str, identity: str) -> tuple[list[int], Tracklet]:
    """The numbers of a tracklet's frames in ascending order, and the tracklet."""
    where = tree.root / folder
    numbered: dict[int, str] = {}
    kinds: set[tuple[str, str]] = set()
    for name in tree.frames(folder):
        match = FRAME_NAME.fullmatch(name)
        if match is None:
            raise UserError(f"{where / name}: not a frame name such as 0001_C6_F0099_X30823.jpg")
        if match["identity"] != identity or int(identity) == DISTRACTOR:
            raise UserError(f"{where / name}: of identity {match['identity']}, but lies under {identity}")
        number = int(match["number"])
        if number in numbered:
            raise UserError(f"{where}: has two frames of number {number}: {numbered[number]} and {name}")
        numbered[number] = name
        kinds.add((match["camera"], match["kind"]))
    if len(kinds) != 1:
        said = "frames of several cameras, or persons and distractors" if kinds else "no frame"
        raise UserError(f"{where}: holds {said}")
    numbers = sorted(numbered)
    frames = tuple(f"{folder}/{numbered[number]}" for number in numbers)
    return numbers, Tracklet(frames, int(identity), int(kinds.pop()[0]))


def _contradictions(root: Path, train: Tracklets, query: Tracklets, gallery: Tracklets) -> list[str]:
    """What cannot be true of the three folders together, a line each."""
    trained, sought = {t.identity for t in train}, {t.identity for t in query}
    known = trained & (sought | {t.identity for t in gallery})
    problems = [f"{root / 'train'}: identity {one:04d} is in query or gallery as well" for one in sorted(known)]
    named = [t for t in (*train, *query, *gallery) if "D" in t.frames[0].rpartition("/")[2]]
    problems += [
        f"{root / t.frames[0]}: a distractor by its name, but its identity is trained on or a query"
        for t in named
        if t.identity in trained | sought
    ]
    return problems + [
        f"{root / part}: holds no tracklet" for part, some in (("train", train), ("query", query)) if not some
    ]


def _names(tracklet: Tracklet) -> tuple[str, ...]:
    return tuple(frame.rpartition("/")[2] for frame in tracklet.frames)
