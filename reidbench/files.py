"""Writing files so that a reader, or a process killed at any moment, never leaves half of one. Imports no torch."""

from __future__ import annotations

import errno
import fnmatch
import glob
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reidbench.spec import UserError

if TYPE_CHECKING:
    from filelock import AcquireReturnProxy, BaseFileLock

ABANDONED_AFTER = 24 * 3600
"""Seconds after which a draft is taken for one whose writer was killed."""

TELL_EVERY = 5.0
"""Seconds between two signs of life of a process that waits for another."""

_told: list[Callable[[Path], None]] = []

_set_by: dict[str, Path] = {}
"""By environment variable the folder that it names."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` to write to, and renames it onto `path` at the end.

    A reader sees the old file or the whole new one, whenever the process dies. On an exception the temporary file is
    removed and `path` stays as it was. What a killed process left a day ago goes. Who may read the file is what the
    user's umask says. Raises UserError, naming `path`, where the system refuses (no permission, full disk).
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_drafts(path)
        draft = draft_of(path)
        draft.touch(exist_ok=False)
        temporary = draft
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def draft_of(path: Path) -> Path:
    """A name beside `path` that no other writer takes, for what is to be renamed onto it; `sweep_drafts` knows it."""
    return path.with_name(f".{path.name}.{secrets.token_urlsafe(6)}.part")


def refused(path: Path, error: OSError, option: str = "") -> UserError:
    """What to tell a user when the system refuses to write `path`: space is not short where a folder is in the way.

    `option` is what names another place, where there is such.
    """
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = f"{'free some space or ' if full else ''}{_elsewhere(path)}{f' with {option}' if option else ''}"
    return UserError(f"{path}: cannot be written ({error.strerror or error}); {advice}")


def is_set_by(variable: str, folder: Path) -> None:
    """Has what is told of a refusal inside a folder say that an environment variable names another."""
    _set_by[variable] = folder


def _elsewhere(path: Path) -> str:
    variable = next((name for name, folder in _set_by.items() if path.is_relative_to(folder)), "")
    return f"set {variable} to another folder" if variable else "choose another folder"


def sweep_drafts(path: Path) -> None:
    """Removes the drafts of `path`, files or folders named `.<name>.*.part` beside it, that are older than a day."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        _drop_if_abandoned(draft)


def _drop_if_abandoned(draft: Path) -> None:
    # Another process may sweep at the same time; what cannot be removed is in nobody's way.
    with suppress(OSError):
        if time.time() - draft.stat().st_mtime > ABANDONED_AFTER:
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink()


def resolved(path: Path) -> Path:
    """The path without links. Raises UserError for a link that leads to itself."""
    try:
        return path.resolve()
    except RuntimeError as error:
        raise UserError(f"{path}: is a link that leads to itself; give another path") from error


def listed(folder: Path, pattern: str = "*") -> list[Path]:
    """What a folder holds under names of a pattern, in no order; nothing where there is no such folder.

    Raises UserError where it cannot be listed: Path.glob would find it empty.
    """
    try:
        with os.scandir(folder) as entries:
            return [folder / name for name in fnmatch.filter((entry.name for entry in entries), pattern)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({error.strerror or error}); make it readable") from error


def check_writable(folder: Path, option: str = "") -> None:
    """Makes a folder and an empty file there, so that a refusal comes before the work. Raises UserError, which names
    the `option` that gives another."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Of a name of its own: other runs may try the same folder at the same moment.
        with tempfile.NamedTemporaryFile(prefix=".writable.", suffix=".part", dir=folder):
            pass
    except OSError as error:
        raise refused(folder, error, option) from error


def sweep_tree(folder: Path) -> None:
    """Removes abandoned drafts of any name from a folder that is the project's own, and from folders two below it."""
    for pattern in (".*.part", "*/.*.part", "*/*/.*.part"):
        # Path.glob fails where another process removes a folder meanwhile.
        for draft in glob.glob(pattern, root_dir=folder, include_hidden=True):  # noqa: PTH207
            _drop_if_abandoned(folder / draft)


@contextmanager
def alone(path: Path, *, patience: float = -1) -> Iterator[None]:
    """Lets one process at a time make `path`; the others wait. The lock goes with its process, however that ends.

    With a `patience` in seconds, who has waited for so long gets a TimeoutError.
    """
    # Not at the top: what this project needs may be missing, and `doctor` is to say so.
    from filelock import FileLock

    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = _acquire(FileLock(lock), path, patience)
    except TimeoutError:
        raise
    except OSError as error:
        raise UserError(f"{lock}: cannot be locked ({error.strerror or error}); {_elsewhere(path)}") from error
    with held:
        yield


def _acquire(lock: BaseFileLock, path: Path, patience: float) -> AcquireReturnProxy[BaseFileLock]:
    from filelock import Timeout

    if patience >= 0:
        return lock.acquire(timeout=patience)
    while True:
        try:
            return lock.acquire(timeout=TELL_EVERY)
        except Timeout:
            for tell in _told:
                tell(path)


def while_waiting(tell: Callable[[Path], None]) -> None:
    """Has this process call `tell` with the path, every few seconds, while it waits in `alone`."""
    _told[:] = [tell]


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all. Raises UserError where the system refuses."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all. Raises UserError where the system refuses."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
