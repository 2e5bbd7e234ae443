"""LS-VID (Li et al., ICCV 2019) in its published layout.

tracklet_train/<id>/, tracklet_test/<id>/            frames; between underscores, the third word of a name is the camera
list_sequence/list_seq_{train,test}.txt              a tracklet a line: what its frames' paths begin with, its identity
test/data/info_test.mat                              HDF5: query, the 1-based lines of list_seq_test that are queries,
                                                     and info_test, for each line [first, last, identity, camera]
test/query.npy, test/info_test.npy                   the same two arrays, as some copies hold them instead

The validation part (tracklet_val) is not read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reidbench.data.census import accept, fingerprint, refuse, summary
from reidbench.data.index import indexed
from reidbench.data.info_files import read_array, read_hdf5, read_lines
from reidbench.data.tracklets import Dataset, Release, Tracklet, cut_training
from reidbench.data.tree import Tree
from reidbench.registry import dataset
from reidbench.spec import UserError

LSVID = Release(
    "LS-VID",
    {
        "training tracklets": 2831,
        "training identities": 842,
        "test tracklets": 11333,
        "test identities": 2730,
        "queries": 3504,
        "junk tracklets": 0,
        "distractor tracklets": 0,
        "cameras": 15,
    },
    {
        "training": "list_sequence/list_seq_train.txt",
        "test": "list_sequence/list_seq_test.txt",
        "queries": "test/data/info_test.mat or test/query.npy",
    },
)
"""From the paper, section 3. It gives no numbers of frames."""


@dataset
def lsvid(root: str, *, subset: bool = False, dense: int = 64) -> Dataset:
    """LS-VID: 842 training identities, 3,504 queries, 15 cameras.

    Training tracklets are cut every `dense` frames (0: not at all), by default as in the authors' release.

    Raises UserError if the tree is damaged, or if its counts differ from the published ones and `subset` is not set.
    """
    return cut_training(accept(indexed("lsvid", Path(root), read_tree, LSVID), subset=subset), dense)


def read_tree(tree: Tree) -> Dataset:
    """Reads both lists; test lines that are no queries form the gallery, and queries customarily belong in it as well.

    An identity is the list's number plus 1, for 0 would be a distractor. Raises UserError for a missing or damaged
    file, a line without frames, and numbers that contradict each other.
    """
    tree.check_folders("list_sequence", "tracklet_train", "tracklet_test")
    problems: list[str] = []
    train = _read_part(tree, "train", problems)
    test = _read_part(tree, "test", problems)
    refuse(problems)
    file, queries, info = _read_info(tree)
    lines = _query_lines(file, queries, len(test))
    if info is not None:
        _compare(file, info, test)
    chosen = set(lines)
    query = tuple(test[line] for line in lines)
    gallery = tuple(tracklet for line, tracklet in enumerate(test) if line not in chosen)
    found = Dataset(
        name="lsvid",
        root=tree.root,
        train=tuple(train),
        query=query,
        gallery=gallery,
        fingerprint="",
        queries_in_gallery=True,
        about=summary("lsvid", train, query, gallery),
        release=LSVID,
    )
    return replace(found, fingerprint=fingerprint(tree, found))


def _read_part(tree: Tree, part: str, problems: list[str]) -> list[Tracklet]:
    """The tracklets of a list in its order; lines that have no tracklet are added to `problems`."""
    file = tree.file(f"list_sequence/list_seq_{part}.txt")
    rows: list[tuple[int, str, str, int]] = []
    listed: dict[str, list[str]] = defaultdict(list)
    for number, line in enumerate(read_lines(file, "tracklets"), start=1):
        path, _, label = line.rpartition(" ")
        folder, _, prefix = path.strip().rpartition("/")
        if not _is_number(label) or not prefix or not _is_below(path.strip()):
            problems.append(f"{file}: line {number}: {line[:80]!r} is not a path below the root and an identity")
        elif prefix in listed[folder]:
            problems.append(f"{file}: line {number}: lists {folder}/{prefix} again")
        else:
            listed[folder].append(prefix)
            rows.append((number, folder, prefix, int(label) + 1))
    if not rows:
        problems.append(f"{file}: lists no tracklet")
    shared = {folder: _share_out(tree.frames(folder), prefixes) for folder, prefixes in listed.items()}
    tracklets = []
    for number, folder, prefix, identity in rows:
        names = shared[folder][prefix]
        cameras = {"_".join(name.split("_")[2:3]) for name in names}
        if names and len(cameras) == 1 and _is_number(min(cameras)):
            frames = tuple(f"{folder}/{name}" for name in names)
            tracklets.append(Tracklet(frames, identity, int(min(cameras))))
        else:
            wrong = f"is not one camera, as in {names[0]}" if names else "is missing: no frame's name begins so"
            what = "the third word of its frames' names " if names else ""
            problems.append(f"{file}: line {number}: {tree.root / folder / prefix}: {what}{wrong}")
    return tracklets


def _is_number(text: str) -> bool:
    """Whether a text is a whole number of at most nine digits: more would be of no person or camera."""
    return re.fullmatch("[0-9]{1,9}", text) is not None


def _is_below(path: str) -> bool:
    """Whether a path of the list can only lie below the root, on any system."""
    parts = path.split("/")
    return path.isprintable() and ".." not in parts and not path.startswith("/") and not set(path) & {"\\", ":"}


def _share_out(names: Sequence[str], prefixes: Sequence[str]) -> Mapping[str, list[str]]:
    """The names of the frames of each prefix, each name with the longest it begins with; a number is not cut in two."""
    found: dict[str, list[str]] = {prefix: [] for prefix in prefixes}
    longest_first = sorted(prefixes, key=len, reverse=True)
    for name in names:
        for prefix in longest_first:
            if name.startswith(prefix) and not (prefix[-1].isdecimal() and name[len(prefix)].isdecimal()):
                found[prefix].append(name)
                break
    return found


def _read_info(tree: Tree) -> tuple[Path, np.ndarray, np.ndarray | None]:
    """The file of the queries, their lines, and the rows [first, last, identity, camera] of all tracklets, if known."""
    published, file = tree.file("test/data/info_test.mat"), tree.file("test/query.npy")
    if published.is_file() or not file.is_file():
        arrays = read_hdf5(published, "query", "info_test")
        if "query" not in arrays:
            raise UserError(f"{published}: holds no variable named query")
        return published, arrays["query"].reshape(-1), arrays.get("info_test")
    rows = tree.file("test/info_test.npy")
    return file, read_array(file).reshape(-1), read_array(rows) if rows.is_file() else None


def _query_lines(file: Path, numbers: np.ndarray, count: int) -> list[int]:
    """The 0-based lines of the queries, in the file's order."""
    outside = [number for number in numbers.tolist() if not 1 <= number <= count]
    if outside:
        raise UserError(f"{file}: query {outside[0]} does not lie in the {count} test tracklets")
    if not len(numbers) or len(np.unique(numbers)) != len(numbers):
        raise UserError(f"{file}: holds no query, or one twice")
    return (numbers - 1).tolist()


def _compare(file: Path, rows: np.ndarray, test: Sequence[Tracklet]) -> None:
    """Raises UserError where the rows tell identities or cameras apart otherwise than the list and its frames' names.

    The numbers themselves may differ.
    """
    if rows.ndim != 2 or len(rows) != len(test) or rows.shape[1] < 4:
        raise UserError(f"{file}: info_test has shape {rows.shape}, not [{len(test)} tracklets, 4]")
    for what, known, column in (
        ("identities", [t.identity for t in test], rows[:, 2].tolist()),
        ("cameras", [t.camera for t in test], rows[:, 3].tolist()),
    ):
        here, there = dict(zip(known, column, strict=True)), dict(zip(column, known, strict=True))
        for line, (own, other) in enumerate(zip(known, column, strict=True), start=1):
            if here[own] != other or there[other] != own:
                raise UserError(f"{file}: info_test has other {what} than list_seq_test.txt, see line {line}")
