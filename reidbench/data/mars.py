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
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Tracklet
from reidbench.registry import dataset
from reidbench.spec import UserError

FRAME_NAME = re.compile(r"(?:[0-9]{4}|00-1)C[0-9]T[0-9]+F[0-9]+\.(?:jpg|jpeg|png)")
"""A frame's name. It has no separator in it, so that no list can name a file outside its identity's folder."""

PUBLISHED = {
    "training tracklets": 8298,
    "training identities": 625,
    "training frames": 509914,
    "test tracklets": 12180,
    "test identities": 634,
    "test frames": 681089,
    "queries": 1980,
    "query identities": 626,
    "junk tracklets": 870,
    "distractor tracklets": 3248,
    "cameras": 6,
}
"""What the published info/*.mat files hold."""

SAMPLED = 64
"""Frames whose bytes go into a fingerprint."""


@dataset
def mars(root: str, *, subset: bool = False) -> Dataset:
    """MARS in its published layout: 625 training identities, 1,980 queries, 6 cameras.

    Raises UserError if the tree is damaged, or if its counts differ from the published ones and `subset` is not set.
    """
    found = read_layout(Path(root), name="mars")
    differing = [f"{what} {count} (published {PUBLISHED[what]})" for what, count in _differences(found)]
    if not differing:
        return replace(found, subset=False)
    if not subset:
        raise UserError(
            f"{root}: differs from the published MARS: {', '.join(differing)}; mend it, or accept it with --subset"
        )
    return replace(found, subset=True)


def read_layout(root: Path, *, name: str) -> Dataset:
    """Reads a dataset in the MARS layout (see this module's docstring) under any name, whatever its counts.

    Tracklets come in the order of the info files. Test rows that are no queries form the gallery, junk and distractors
    included. Every listed frame is looked for by name. The fingerprint is a SHA-256 over the frame names, the rows, the
    queries, the traits and the bytes of a sample of 64 frames: reading a million would take longer than a training.

    Raises UserError for a missing or damaged file, a row that disagrees with its frames' names, or missing frames.
    """
    info = root / "info"
    if not info.is_dir():
        raise UserError(f"{info}: no such folder; the root must hold bbox_train, bbox_test and info as MARS does")
    traits = _read_traits(info / "traits.json")
    digest = hashlib.sha256()
    train = _read_part(root, "train", traits, digest)
    test = _read_part(root, "test", traits, digest)
    rows = _read_queries(info / "query_IDX.mat", test, digest)
    digest.update(json.dumps(traits, sort_keys=True).encode())

    nobody = next((t for t in train if t.identity in (JUNK, DISTRACTOR)), None)
    if nobody:
        raise UserError(f"{info / 'tracks_train_info.mat'}: {nobody.frames[0]} is junk or a distractor, not trainable")
    shared = {t.identity for t in train} & {t.identity for t in test}
    if shared:
        raise UserError(f"{info}: identity {min(shared)} is in both the training and the test list")
    _find_frames(root, (*train, *test))
    digest.update(_sample(root, (*train, *test)))
    chosen = set(rows)
    return Dataset(
        name=name,
        root=root,
        train=tuple(train),
        query=tuple(test[row] for row in rows),
        gallery=tuple(tracklet for row, tracklet in enumerate(test) if row not in chosen),
        fingerprint=digest.hexdigest(),
        queries_in_gallery=True,
        about=f"{name}: {len({t.identity for t in train})} training identities in {len(train)} tracklets, "
        f"{len(rows)} queries among {len(test)} test tracklets",
    )


def _differences(found: Dataset) -> list[tuple[str, int]]:
    test = (*found.query, *found.gallery)
    counts = {
        "training tracklets": len(found.train),
        "training identities": len(found.train_identities),
        "training frames": sum(len(t.frames) for t in found.train),
        "test tracklets": len(test),
        "test identities": len({t.identity for t in test} - {JUNK, DISTRACTOR}),
        "test frames": sum(len(t.frames) for t in test),
        "queries": len(found.query),
        "query identities": len({t.identity for t in found.query}),
        "junk tracklets": sum(t.identity == JUNK for t in test),
        "distractor tracklets": sum(t.identity == DISTRACTOR for t in test),
        "cameras": len({t.camera for t in (*found.train, *test)}),
    }
    return [(what, count) for what, count in counts.items() if count != PUBLISHED[what]]


def _read_part(root: Path, part: str, traits: Mapping[str, Any], digest: Any) -> list[Tracklet]:
    """The tracklets of `part` ("train" or "test"), each row checked against the names of its frames."""
    names_file, rows_file = root / "info" / f"{part}_name.txt", root / "info" / f"tracks_{part}_info.mat"
    names = _read_names(names_file)
    rows = _read_matrix(rows_file, f"track_{part}_info")
    if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows):
        raise UserError(f"{rows_file}: track_{part}_info has shape {rows.shape}, not [tracklets, 4]")
    digest.update("\n".join((part, *names, "")).encode())
    digest.update(rows.astype("<i8").tobytes())

    tracklets = []
    for number, (first, last, identity, camera) in enumerate(rows.tolist(), start=1):
        where = f"{rows_file}: row {number}"
        if not 1 <= first <= last <= len(names):
            raise UserError(f"{where}: frames {first} to {last} do not lie in the {len(names)} names of {names_file}")
        folder = "00-1" if identity == JUNK else f"{identity:04d}"
        listed, head = names[first - 1 : last], f"{folder}C{camera}T"
        for name in listed:
            if not name.startswith(head):
                raise UserError(f"{where}: says identity {identity}, camera {camera}, but lists {name}")
        frames = tuple(f"bbox_{part}/{folder}/{name}" for name in listed)
        tracklets.append(Tracklet(frames, identity, camera, traits.get(listed[0].rpartition("F")[0], {})))
    return tracklets


def _read_queries(file: Path, test: Sequence[Tracklet], digest: Any) -> list[int]:
    """The 0-based rows of the queries, in the file's order."""
    numbers = _read_matrix(file, "query_IDX").reshape(-1)
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
    try:
        names = [line.strip() for line in file.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read ({_reason(error)}); it lists frame names, one a line") from error
    for line, name in enumerate(names, start=1):
        if FRAME_NAME.fullmatch(name) is None:
            raise UserError(f"{file}: line {line}: {name[:80]!r} is not a frame name such as 0001C1T0001F001.jpg")
    return names


def _read_matrix(file: Path, key: str) -> np.ndarray:
    """The integer array `key` of a MATLAB file."""
    if not file.is_file():
        raise UserError(f"{file}: no such file; restore it from the published info folder")
    try:
        array = loadmat(file, variable_names=[key])[key]
    except KeyError as error:
        raise UserError(f"{file}: holds no variable named {key}") from error
    except Exception as error:  # scipy raises errors of many types for damaged files
        raise UserError(f"{file}: cannot be read as a MATLAB file ({_reason(error)})") from error
    if array.dtype.kind not in "iuf" or not np.array_equal(array, np.floor(array)):
        raise UserError(f"{file}: {key} holds something other than whole numbers")
    return array.astype(np.int64)


def _read_traits(file: Path) -> dict[str, dict[str, str | int]]:
    if not file.exists():
        return {}
    try:
        traits = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({_reason(error)})") from error
    if not isinstance(traits, dict) or not all(isinstance(known, dict) for known in traits.values()):
        raise UserError(f'{file}: must map tracklets to traits, such as {{"0001C1T0001": {{"group": "g1"}}}}')
    return traits


def _find_frames(root: Path, tracklets: Iterable[Tracklet]) -> None:
    """Raises UserError if a listed frame is missing: one directory listing an identity, no call a frame."""
    listed: dict[str, list[str]] = defaultdict(list)
    for tracklet in tracklets:
        listed[os.path.dirname(tracklet.frames[0])].extend(tracklet.frames)  # noqa: PTH120 - a million paths
    missing, first = 0, ""
    for folder, frames in listed.items():
        try:
            present = {f"{folder}/{entry.name}" for entry in os.scandir(root / folder)}
        except OSError:
            present = set()
        absent = [frame for frame in frames if frame not in present]
        first = first or (absent[0] if absent else "")
        missing += len(absent)
    if missing:
        raise UserError(f"{root / first}: missing, the first of {missing} listed frames that are not there")


def _sample(root: Path, tracklets: Sequence[Tracklet]) -> bytes:
    """The SHA-256 of the first frame of 64 tracklets spread over the list, which tells apart trees of equal names."""
    digest = hashlib.sha256()
    for row in np.linspace(0, len(tracklets) - 1, SAMPLED).astype(int):
        path = root / tracklets[row].frames[0]
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({_reason(error)})") from error
    return digest.digest()


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
