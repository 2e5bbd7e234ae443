"""MEVID (Davila et al., WACV 2023) in its published layout: persons in several outfits before 33 cameras.

bbox_train/<id>/<id>O<outfit>C<camera>T<track>F<frame>.jpg     as in 0201O003C330T004F00192.jpg
bbox_test/<id>/...
train_name.txt, test_name.txt                 frame names, one a line
track_train_info.txt, track_test_info.txt     rows of first, last, identity, outfit, camera: 0-based inclusive ranges
query_IDX.txt                                 0-based rows of track_test_info that are queries

Its authors' page counts 6,338 and 1,754 tracklets; lists of their sizes in its repository have a line less each. So no
count is held against the tree; every frame that is listed must be there.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from reidbench.data.census import check_frames, fingerprint, refuse, summary
from reidbench.data.index import indexed
from reidbench.data.info_files import read_lines, read_table
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.data.tree import Tree
from reidbench.registry import dataset
from reidbench.spec import UserError

FRAME_NAME = re.compile(r"([0-9]{4})O[0-9]{3}C([0-9]{3})T[0-9]+F[0-9]+\.(?:jpg|jpeg|png)")

COLUMNS = 5
"""First and last frame, identity, outfit, camera."""

NOBODY = -1


@dataset
def mevid(root: str) -> Dataset:
    """MEVID: 104 training identities, 33 cameras, in the outfits that clothes_changing goes by.

    Raises UserError if the tree is damaged.
    """
    return indexed("mevid", Path(root), read_tree, None)


def read_tree(tree: Tree) -> Dataset:
    """Reads both lists, in their order; test rows that are no queries form the gallery, in which queries are sought.

    An identity is the list's number plus 1, for 0 would be a distractor. As in the authors' code a row of person -1, or
    without frames, is left out, and one that goes on after the last name ends there; `remarks` name them.
    """
    tree.check_folders("bbox_train", "bbox_test")
    problems: list[str] = []
    remarks: list[str] = []
    train, test = (_read_part(tree, part, problems, remarks) for part in ("train", "test"))
    rows = _read_queries(tree.file("query_IDX.txt"), len(test), problems)
    refuse(problems)
    chosen = set(rows)
    query = tuple(tracklet for row in rows if (tracklet := test[row]))
    gallery = tuple(tracklet for row, tracklet in enumerate(test) if tracklet and row not in chosen)
    trained = tuple(filter(None, train))
    shared = {t.identity for t in trained} & {t.identity for t in (*query, *gallery)}
    if shared:
        raise UserError(f"{tree.root}: person {min(shared) - 1:04d} is in both the training and the test list")
    found = Dataset(
        name="mevid",
        root=tree.root,
        train=trained,
        query=query,
        gallery=gallery,
        fingerprint="",
        queries_in_gallery=False,
        about=summary("mevid", trained, query, gallery),
        remarks=tuple(remarks),
    )
    check_frames(tree, found)
    return replace(found, fingerprint=fingerprint(tree, found))


def _read_part(tree: Tree, part: str, problems: list[str], remarks: list[str]) -> list[Tracklet | None]:
    """The tracklets of `part` ("train" or "test"), each with frames of one person before one camera.

    None where a row has none. What is wrong or odd is added to `problems` and `remarks`.
    """
    names_file, rows_file = tree.file(f"{part}_name.txt"), tree.file(f"track_{part}_info.txt")
    names, rows = read_lines(names_file, "frame names"), read_table(rows_file, "tracklets", COLUMNS)
    tracklets: list[Tracklet | None] = []
    for number, (first, last, person, outfit, camera) in enumerate(rows.tolist(), start=1):
        where = f"{rows_file}: row {number}"
        listed = names[first : last + 1] if 0 <= first <= last else []
        tracklets.append(None)
        if person == NOBODY or not listed:
            remarks.append(f"{where}: {'is of nobody' if person == NOBODY else 'has no frames'}; left out")
            continue
        if last >= len(names):
            remarks.append(f"{where}: goes on to frame {last} of {len(names)} in {names_file.name}, counted from 0")
        wanted = (f"{person:04d}", f"{camera:03d}")
        stranger = next((name for name in listed if _person_and_camera(name) != wanted), "")
        if stranger:
            problems.append(f"{where}: says person {person}, camera {camera}, but lists {stranger[:80]!r}")
            continue
        frames = tuple(f"bbox_{part}/{person:04d}/{name}" for name in listed)
        tracklets[-1] = Tracklet(frames, person + 1, camera, {"clothes": str(outfit)})
    return tracklets


def _person_and_camera(name: str) -> tuple[str, ...]:
    """As a frame's name says; nothing for what is no such name, and could lead elsewhere."""
    match = FRAME_NAME.fullmatch(name)
    return match.groups() if match else ()


def _read_queries(file: Path, count: int, problems: list[str]) -> list[int]:
    """The 0-based rows of the queries, in the file's order; what is wrong with them is added to `problems`."""
    rows: list[int] = read_table(file, "queries", 1)[:, 0].tolist()
    outside = [row for row in rows if not 0 <= row < count]
    if outside:
        problems.append(f"{file}: query {outside[0]} does not lie in the {count} test tracklets, counted from 0")
    if len(set(rows)) != len(rows):
        problems.append(f"{file}: holds a query twice")
    return rows
