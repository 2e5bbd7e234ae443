"""MARS (Zheng et al., ECCV 2016) in its published layout, which the synthetic dataset is written in as well.

bbox_train/<id>/<id>C<camera>T<track>F<frame>.jpg     <id> has 4 characters: 0001, 0000 (distractor), 00-1 (junk)
bbox_test/<id>/...
info/train_name.txt, info/test_name.txt               frame names, one a line
info/tracks_train_info.mat, info/tracks_test_info.mat rows [first, last, identity, camera]: 1-based inclusive ranges
info/query_IDX.mat                                    1-based rows of tracks_test_info that are queries
info/traits.json                                      optional: {"<id>C<camera>T<track>": {"group": ..., ...}}
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from reidbench.data.census import accept, check_frames, refuse, sample, summary
from reidbench.data.index import indexed
from reidbench.data.info_files import read_json, read_lines, read_matlab
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Release, Tracklet
from reidbench.data.tree import Tree
from reidbench.registry import dataset
from reidbench.spec import UserError

FRAME_NAME = re.compile(r"(?:[0-9]{4}|00-1)C[0-9]T[0-9]+F[0-9]+\.(?:jpg|jpeg|png)")
"""A frame's name. It has no separator in it, so that no list can name a file outside its identity's folder."""

MARS = Release(
    "MARS",
    {
        "training tracklets": 8298,
        "training identities": 625,
        "training frames": 509914,
        "test tracklets": 12180,
        "test identities": 634,
        "test frames": 681089,
        "queries": 1980,
        "query identities": 626,
        "query frames": 114493,
        "junk tracklets": 870,
        "distractor tracklets": 3248,
        "cameras": 6,
    },
    {
        "training": "info/tracks_train_info.mat",
        "test": "info/tracks_test_info.mat",
        "queries": "info/query_IDX.mat",
    },
)
"""What the published info/*.mat files hold."""


@dataset
def mars(root: str, *, subset: bool = False) -> Dataset:
    """MARS in its published layout: 625 training identities, 1,980 queries, 6 cameras.

    Raises UserError if the tree is damaged, or if its counts differ from the published ones and `subset` is not set.
    """
    return accept(indexed("mars", Path(root), partial(_read_tree, name="mars", release=MARS), MARS), subset=subset)


def read_layout(root: Path, *, name: str) -> Dataset:
    """Reads a dataset in the MARS layout (see this module's docstring) under any name, whatever its counts.

    Tracklets come in the order of the info files. Test rows that are no queries form the gallery, junk and distractors
    included. Every listed frame is looked for by name. The fingerprint is a SHA-256 over the frame names, the rows, the
    queries, the traits and the bytes of a sample of 64 frames: reading a million would take longer than a training.

    Raises UserError for a missing or damaged file, a row that disagrees with its frames' names, or missing frames.
    """
    return _read_tree(Tree(root), name=name, release=None)


def _read_tree(tree: Tree, *, name: str, release: Release | None) -> Dataset:
    tree.check_folders("info", "bbox_train", "bbox_test")
    traits = _read_traits(tree.file("info/traits.json"))
    digest = hashlib.sha256()
    train = _read_part(tree, "train", traits, digest)
    test = _read_part(tree, "test", traits, digest)
    rows = _read_queries(tree.file("info/query_IDX.mat"), test, digest)
    digest.update(json.dumps(traits, sort_keys=True).encode())

    nobody = next((t for t in train if t.identity in (JUNK, DISTRACTOR)), None)
    if nobody:
        file = tree.file("info/tracks_train_info.mat")
        raise UserError(f"{file}: {nobody.frames[0]} is junk or a distractor, not trainable")
    shared = {t.identity for t in train} & {t.identity for t in test}
    if shared:
        raise UserError(f"{tree.root / 'info'}: identity {min(shared)} is in both the training and the test list")
    chosen = set(rows)
    query = tuple(test[row] for row in rows)
    gallery = tuple(tracklet for row, tracklet in enumerate(test) if row not in chosen)
    found = Dataset(
        name=name,
        root=tree.root,
        train=tuple(train),
        query=query,
        gallery=gallery,
        fingerprint="",
        queries_in_gallery=True,
        about=summary(name, train, query, gallery),
        release=release,
    )
    check_frames(tree, found)
    digest.update(sample(tree, (*train, *test)))
    return replace(found, fingerprint=digest.hexdigest())


def _read_part(tree: Tree, part: str, traits: Mapping[str, Any], digest: Any) -> list[Tracklet]:
    """The tracklets of `part` ("train" or "test"), each row checked against the names of its frames."""
    names_file, rows_file = tree.file(f"info/{part}_name.txt"), tree.file(f"info/tracks_{part}_info.mat")
    names = _read_names(names_file)
    rows = read_matlab(rows_file, f"track_{part}_info")
    if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows):
        raise UserError(f"{rows_file}: track_{part}_info has shape {rows.shape}, not [tracklets, 4]")
    digest.update("\n".join((part, *names, "")).encode())
    digest.update(rows.astype("<i8").tobytes())

    tracklets, problems = [], []
    for number, (first, last, identity, camera) in enumerate(rows.tolist(), start=1):
        where = f"{rows_file}: row {number}"
        if not 1 <= first <= last <= len(names):
            problems.append(f"{where}: frames {first} to {last} do not lie in the {len(names)} names of {names_file}")
            continue
        folder = "00-1" if identity == JUNK else f"{identity:04d}"
        listed, head = names[first - 1 : last], f"{folder}C{camera}T"
        stranger = next((name for name in listed if not name.startswith(head)), "")
        if stranger:
            problems.append(f"{where}: says identity {identity}, camera {camera}, but lists {stranger}")
        frames = tuple(f"bbox_{part}/{folder}/{name}" for name in listed)
        tracklets.append(Tracklet(frames, identity, camera, traits.get(listed[0].rpartition("F")[0], {})))
    refuse(problems)
    return tracklets


def _read_queries(file: Path, test: Sequence[Tracklet], digest: Any) -> list[int]:
    """The 0-based rows of the queries, in the file's order."""
    numbers = read_matlab(file, "query_IDX").reshape(-1)
    digest.update(numbers.astype("<i8").tobytes())
    rows = [number - 1 for number in numbers.tolist()]
    for row in rows:
        if not 0 <= row < len(test):
            raise UserError(f"{file}: query row {row + 1} does not lie in the {len(test)} test tracklets")
        if test[row].identity in (JUNK, DISTRACTOR):
            raise UserError(f"{file}: query row {row + 1} is junk or a distractor, not a person to be found")
    if not rows or len(set(rows)) != len(rows):
        raise UserError(f"{file}: holds no query, or one twice")
    return rows


def _read_names(file: Path) -> list[str]:
    names = read_lines(file, "frame names")
    for line, name in enumerate(names, start=1):
        if FRAME_NAME.fullmatch(name) is None:
            raise UserError(f"{file}: line {line}: {name[:80]!r} is not a frame name such as 0001C1T0001F001.jpg")
    return names


def _read_traits(file: Path) -> dict[str, dict[str, str | int]]:
    if not file.exists():
        return {}
    traits = read_json(file)
    if not isinstance(traits, dict) or not all(map(_are_traits, traits.values())):
        raise UserError(f'{file}: must map tracklets to traits, such as {{"0001C1T0001": {{"group": "g1"}}}}')
    return traits


def _are_traits(known: object) -> bool:
    """Whether they are texts and whole numbers by name, `occluded` 0 or 1."""
    if not isinstance(known, dict) or known.get("occluded", 0) not in (0, 1):
        return False
    return all(isinstance(value, (str, int)) for value in known.values())
