"""CCVID (Gu et al., CVPR 2022) in its published layout: persons in several outfits, filmed for the gait dataset FVG.

train.txt, query.txt, gallery.txt     a tracklet a line: session1/001_01 <tab> 001 <tab> u0_l0_s0_c0_a0
session{1,2,3}/<person>_<camera>/*    its frames

The second field of a line is the person; the third names the outfit among that person's own. Cameras of session 3 are
other ones than those of the same number in sessions 1 and 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from reidbench.data.census import accept, fingerprint, refuse, summary
from reidbench.data.index import indexed
from reidbench.data.info_files import read_lines
from reidbench.data.tracklets import PARTS, Dataset, Release, Tracklet, cut_training
from reidbench.data.tree import Tree
from reidbench.registry import dataset

SESSIONS = ("session1", "session2", "session3")

LINE = re.compile(
    r"(?P<folder>(?P<session>session[123])/[0-9]+_(?P<camera>[0-9]{1,2}))\s+(?P<person>[0-9]{1,9})\s+(?P<worn>\S+)"
)

CAMERAS = 12
"""Of sessions 1 and 2; those of session 3 are numbered on from there, as the authors' code does."""

CCVID = Release(
    "CCVID",
    {
        "training tracklets": 948,
        "training identities": 75,
        "test tracklets": 1908,
        "test identities": 151,
        "queries": 834,
        "query identities": 151,
        "junk tracklets": 0,
        "distractor tracklets": 0,
    },
    {"training": "train.txt", "test": "query.txt and gallery.txt", "queries": "query.txt"},
)
"""What its paper gives, as others report it who counted the same in the release. Frames are 347,833 in all."""


@dataclass(frozen=True)
class Listed:
    """A line of one of the lists."""

    part: str
    folder: str
    person: int
    camera: int
    worn: str


@dataset
def ccvid(root: str, *, subset: bool = False, dense: int = 64) -> Dataset:
    """CCVID: 75 training identities, 834 queries of 151 persons, in the outfits that clothes_changing goes by.

    Training tracklets are cut every `dense` frames (0: not at all), by default as in the authors' release.

    Raises UserError if the tree is damaged, or if its counts differ from the published ones and `subset` is not set.
    """
    return cut_training(accept(indexed("ccvid", Path(root), read_tree, CCVID), subset=subset), dense)


def read_tree(tree: Tree) -> Dataset:
    """Reads the three lists and the folders that they name. Tracklets keep the lists' order."""
    tree.check_folders(*SESSIONS)
    problems: list[str] = []
    listed = [line for part in PARTS for line in _read_list(tree, part, problems)]
    problems += _contradictions(tree.root, listed)
    parts: dict[str, list[Tracklet]] = {part: [] for part in PARTS}
    for line in listed:
        frames = tuple(f"{line.folder}/{name}" for name in tree.frames(line.folder))
        if frames:
            parts[line.part].append(Tracklet(frames, line.person, line.camera, {"clothes": line.worn}))
        else:
            problems.append(f"{tree.root / line.folder}: missing, or holds no frame")
    train, query, gallery = (tuple(parts[part]) for part in PARTS)
    found = Dataset(
        name="ccvid",
        root=tree.root,
        train=train,
        query=query,
        gallery=gallery,
        fingerprint="",
        queries_in_gallery=False,
        about=summary("ccvid", train, query, gallery),
        release=CCVID,
    )
    refuse(problems, found)
    return replace(found, fingerprint=fingerprint(tree, found))


def _read_list(tree: Tree, part: str, problems: list[str]) -> Iterable[Listed]:
    """The lines of a part's list; what is wrong with the others is added to `problems`."""
    file = tree.file(f"{part}.txt")
    lines = [(number, line) for number, line in enumerate(read_lines(file, "tracklets"), 1) if line]
    if not lines:
        problems.append(f"{file}: lists no tracklet")
    for number, line in lines:
        match = LINE.fullmatch(line)
        if match is None or not int(match["person"]):
            problems.append(f"{file}: line {number} is {line[:80]!r}, not as session1/001_01 001 u0_l0_s0_c0_a0")
            continue
        camera = int(match["camera"]) + (CAMERAS if match["session"] == SESSIONS[2] else 0)
        yield Listed(part, match["folder"], int(match["person"]), camera, match["worn"])


def _contradictions(root: Path, listed: list[Listed]) -> list[str]:
    """What cannot be true of the three lists together, a line each."""
    trained, tested = ({line.person for line in listed if (line.part == "train") is train} for train in (True, False))
    problems = [f"{root}: person {person:03d} is trained on and tested" for person in sorted(trained & tested)]
    seen: dict[str, Listed] = {}
    for line in listed:
        first = seen.setdefault(line.folder, line)
        if first is not line:
            problems.append(f"{root / f'{line.part}.txt'}: {line.folder} is listed in {first.part}.txt already")
    return problems
