"""A dataset's folder as its readers see it: in one order on every file system, with a note of all they looked at.

Links are followed, wherever they lead: whoever laid out the folder put them there, often to another disk. What is read
through them is taken for a list or an image and for nothing else. A name in a list cannot lead out of the root.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from reidbench.spec import UserError

State = tuple[int, int, int] | None
"""Bytes (0 of a folder) and the times at which content and status last changed, in ns; None of what is not there.

Adding, removing or renaming an entry changes its folder's times; writing to a file, or putting another in its place,
changes that file's.
"""

IMAGES = (".jpg", ".jpeg", ".png")

DIGITS_ALIKE = str.maketrans("123456789", "000000000")


class Tree:
    """A folder that is read. `seen` maps what was looked at, relative to `root`, to its state before it was read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seen: dict[str, State] = {}

    def file(self, name: str) -> Path:
        """The path of a file below the root, there or not."""
        path = self.root / name
        self.seen[name] = state(path)
        return path

    def names(self, folder: str) -> set[str]:
        """Everything in a folder, by name; nothing where there is no such folder."""
        return {entry.name for entry in self._scan(folder)}

    def folders(self, folder: str) -> list[str]:
        """The folders in a folder in natural order, hidden ones left out."""
        return in_order(
            entry.name for entry in self._scan(folder) if _is_folder(entry) and not entry.name.startswith(".")
        )

    def frames(self, folder: str) -> list[str]:
        """The images in a folder by name in natural order, hidden ones (a file manager's) left out."""
        names = (entry.name for entry in self._scan(folder))
        return in_order(name for name in names if name.lower().endswith(IMAGES) and not name.startswith("."))

    def check_folders(self, *folders: str) -> None:
        """Raises UserError for the first of the folders below the root that is not there; it names a folder in the
        root that holds them all, for an archive is often unpacked into a folder of its own."""
        lacking = next((folder for folder in folders if not (self.root / folder).is_dir()), None)
        if lacking is None:
            return
        inner = (self.root / name for name in self.folders(""))
        fitting = next((path for path in inner if all((path / folder).is_dir() for folder in folders)), None)
        hint = f"; {fitting} holds them, so give that as the root" if fitting else ""
        raise UserError(f"{self.root / lacking}: no such folder; the root must hold {', '.join(folders)}{hint}")

    def _scan(self, folder: str) -> list[os.DirEntry[str]]:
        path = self.file(folder)
        try:
            with os.scandir(path) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{path}: cannot be listed ({error.strerror}); make it readable") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link that leads to itself
        raise UserError(f"{entry.path}: cannot be looked at ({error.strerror}); mend or remove it") from error


def state(path: Path) -> State:
    """The state of a file or folder now."""
    try:
        found = path.stat()
    except OSError:
        return None
    size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return size, found.st_mtime_ns, found.st_ctime_ns


def in_order(names: Iterable[str]) -> list[str]:
    """Names in natural order: numbers inside them count as numbers, so that 2 comes before 10."""
    found = list(names)
    # Where all have their digits at the same places, as the millions of frames of a dataset do, that is plain order.
    if len({name.translate(DIGITS_ALIKE) for name in found}) == 1:
        return sorted(found)
    return sorted(found, key=lambda name: (numbers_apart(name), name))


def numbers_apart(name: str) -> list[str | int]:
    """A name as texts and numbers in turn, a text first: "F0010.jpg" is ["F", 10, ".jpg"]."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]
