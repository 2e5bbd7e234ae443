"""Tracklets of any layout, as a CSV file in the root lists them, a line each.

part,person,camera,frames
train,anna,north,people/anna/north                a folder: all images in it, in natural order of their names
query,17,2,test/0017/*C2T0001*.jpg                or those of a folder whose names fit a pattern
gallery,distractor,2,test/strangers/0001          nobody to be found; junk is left out of every ranking

A column `clothes`, if there is one, names what is worn among the person's own outfits. Others are ignored.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from reidbench.data.census import fingerprint, refuse, summary
from reidbench.data.index import indexed
from reidbench.data.info_files import read_text
from reidbench.data.tracklets import DISTRACTOR, JUNK, PARTS, Dataset, Tracklet
from reidbench.data.tree import Tree, in_order
from reidbench.registry import dataset
from reidbench.spec import UserError

COLUMNS = ("part", "person", "camera", "frames")

WORN = "clothes"
"""The column that a list need not have."""

NOBODY = {"distractor": DISTRACTOR, "junk": JUNK}
"""Persons that are none."""

NUMBER = re.compile(r"0*[1-9][0-9]{0,8}")

ELSEWHERE = {"0": "distractor", "-1": "junk"}
"""What MARS, and code that reads it, calls persons that are none."""


@dataclass(frozen=True)
class Line:
    """A line of the list at `path`. Numbers in it have no leading zeros."""

    path: Path
    number: int
    part: str
    person: str
    camera: str
    frames: str
    clothes: str = ""

    @property
    def where(self) -> str:
        """What errors call it."""
        return f"{self.path}: line {self.number}"


@dataset
def listed(root: str, *, file: str = "tracklets.csv", queries_in_gallery: bool = False) -> Dataset:
    """Tracklets of any layout: `file` in the root names the part, person, camera and frames of each.

    Persons and cameras are numbers or words; unless all are whole numbers from 1 they are numbered in natural order.
    With `queries_in_gallery` a query is searched for among the other queries, too.

    Raises UserError for a list that cannot be read, contradicts itself or names frames that are not there.
    """
    return indexed("listed", Path(root), read_tree, None, file=file, queries_in_gallery=queries_in_gallery)


def read_tree(tree: Tree, file: str, queries_in_gallery: bool) -> Dataset:
    """Reads the list, and the folders that it names. Tracklets keep its order."""
    path = tree.file(_below_root(file, "--data file"))
    lines = read_lines(path)
    persons = numbered((line.person for line in lines), NOBODY)
    cameras = numbered(line.camera for line in lines)
    problems = contradictions(path, lines)
    parts: dict[str, list[Tracklet]] = {part: [] for part in PARTS}
    names: dict[str, list[str]] = {}
    held: dict[str, Line] = {}
    whole: dict[tuple[str, ...], Line] = {}
    for line in lines:
        try:
            frames = _frames(tree, line, names)
        except UserError as error:
            problems.append(str(error))
            continue
        if (same := whole.setdefault(frames, line)) is not line:
            problems.append(f"{line.where}: lists the frames of line {same.number} again")
            continue
        others = dict.fromkeys(held.setdefault(frame, line) for frame in frames)
        problems += [
            f"{line.where}: has frames of line {other.number}, which is of another person or part"
            for other in others
            if (other.part, other.person) != (line.part, line.person)
        ]
        worn = {WORN: line.clothes} if line.clothes else {}
        parts[line.part].append(Tracklet(frames, persons[line.person], cameras[line.camera], worn))
    train, query, gallery = (tuple(parts[part]) for part in PARTS)
    if not (query and (gallery or queries_in_gallery)):
        problems.append(f"{path}: lists no {'gallery' if query else 'query'} tracklet")
    refuse(problems)
    about = summary("listed", train, query, gallery)
    found = Dataset("listed", tree.root, train, query, gallery, "", queries_in_gallery=queries_in_gallery, about=about)
    return replace(found, fingerprint=fingerprint(tree, found))


def read_lines(path: Path) -> list[Line]:
    """The lines of a list, in its order. Raises UserError naming the first that is none."""
    reader = csv.DictReader(io.StringIO(read_text(path, "tracklets"), newline=""), strict=True, skipinitialspace=True)
    lines = []
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        if lacking := [name for name in COLUMNS if name not in reader.fieldnames]:
            first = f"its first line must name {', '.join(COLUMNS)}, with commas between them"
            raise UserError(f"{path}: has no column {', '.join(lacking)}; {first}")
        for row in reader:
            if None in row or None in row.values():
                than = f"{'more' if None in row else 'fewer'} fields than the first line"
                raise UserError(f"{path}: line {reader.line_num}: has {than}")
            if any(map(str.strip, row.values())):
                told = (row.get(name, "").strip() for name in (*COLUMNS, WORN))
                lines.append(_checked(Line(path, reader.line_num, *told)))
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num + 1}: is no CSV ({error})") from error
    return lines


def _checked(line: Line) -> Line:
    """A line, its numbers without leading zeros. Raises UserError for one that says what it cannot."""
    if line.part not in PARTS:
        raise UserError(f"{line.where}: part is {line.part[:80]!r}; give {', '.join(PARTS[:-1])} or {PARTS[-1]}")
    if lacking := next((name for name in COLUMNS if not getattr(line, name)), ""):
        raise UserError(f"{line.where}: has no {lacking}")
    nobody = ELSEWHERE.get(line.person, line.person.casefold())
    if nobody in NOBODY and nobody != line.person:
        raise UserError(f"{line.where}: person is {line.person}; write {nobody}")
    person, camera, clothes = (
        str(int(name)) if NUMBER.fullmatch(name) else name for name in (line.person, line.camera, line.clothes)
    )
    return replace(line, person=person, camera=camera, clothes=clothes)


def numbered(names: Iterable[str], known: Mapping[str, int] | None = None) -> dict[str, int]:
    """A number for each name, those of `known` aside: its own where all are numbers, else its place from 1."""
    known = known or {}
    others = in_order({*names} - known.keys())
    own = all(map(NUMBER.fullmatch, others))
    return {**known, **{name: int(name) if own else place for place, name in enumerate(others, 1)}}


def contradictions(path: Path, lines: Sequence[Line]) -> list[str]:
    """What cannot be true of the lines together, a line each."""
    problems = [
        f"{line.where}: {line.person} is nobody to be trained on or searched for"
        for line in lines
        if line.person in NOBODY and line.part != "gallery"
    ]
    trained, tested = ({line.person for line in lines if (line.part == "train") is train} for train in (True, False))
    both = in_order(trained & tested - NOBODY.keys())
    return problems + [f"{path}: person {person} is trained on and tested" for person in both]


def _frames(tree: Tree, line: Line, names: dict[str, list[str]]) -> tuple[str, ...]:
    """The frames of a line, relative to the root; `names` keeps what folders hold, which several lines may share."""
    place = PurePosixPath(_below_root(line.frames, line.where))
    folder, pattern = (place.parent, place.name) if re.search(r"[*?]", place.name) else (place, "*")
    if str(folder) not in names:
        names[str(folder)] = sorted(tree.frames(str(folder)))
    known, prefix = names[str(folder)], re.split(r"[*?[]", pattern)[0]
    # A folder may hold the frames of all tracklets: few of them begin as these do.
    alike = known[bisect_left(known, prefix) : bisect_right(known, prefix, key=lambda name: name[: len(prefix)])]
    found = in_order(name for name in alike if fnmatchcase(name, pattern))
    if not found:
        hint = "; a pattern is for the names of images alone" if re.search(r"[*?]", str(folder)) else ""
        raise UserError(f"{line.where}: {tree.root / line.frames} is missing, or holds no image that fits{hint}")
    return tuple(str(folder / name) for name in found)


def _below_root(name: str, where: str) -> str:
    """A path, made plain. Raises UserError for one that leads out of the root."""
    path = PurePosixPath(name)
    if not name or "\0" in name or path.is_absolute() or ".." in path.parts:
        raise UserError(f"{where}: {name!r} is no path below the root")
    return str(path)
