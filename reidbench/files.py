"""Writing files so that a reader, or a process killed at any moment, never leaves half of one. Imports no torch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from reidbench.spec import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` to write to, and renames it onto `path` at the end.

    A reader sees the old file or the whole new one, whenever the process dies. On an exception the temporary file is
    removed and `path` stays as it was. Raises UserError, naming `path`, where the system refuses (no permission, full
    disk).
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o644)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{path}: cannot be written ({reason}); free some space or choose another folder") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Lets one process at a time make `path`; the others wait. The lock goes with its process, however that ends."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock).acquire()
    except OSError as error:
        raise UserError(f"{lock}: cannot be locked ({error.strerror or error}); choose another folder") from error
    with held:
        yield


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all. Raises UserError where the system refuses."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all. Raises UserError where the system refuses."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
