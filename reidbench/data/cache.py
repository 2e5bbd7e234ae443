"""The folder of everything that can be made again (synthetic data, decoded frames, weights), and atomic writing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reidbench.spec import UserError


def cache_folder() -> Path:
    """The cache folder, made if it is missing: `$REIDBENCH_CACHE`, else `reidbench` in `$XDG_CACHE_HOME` or `~/.cache`.

    Raises UserError if it cannot be made or written to.
    """
    named = os.environ.get("REIDBENCH_CACHE")
    if named:
        folder = Path(named).expanduser().resolve()
    else:
        base = os.environ.get("XDG_CACHE_HOME")
        folder = (Path(base).expanduser() if base else Path.home() / ".cache") / "reidbench"
    advice = "set REIDBENCH_CACHE to a folder you can write to"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the cache folder cannot be made ({error.strerror}); {advice}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder}: no permission to write to the cache folder; {advice}")
    return folder


def scratch_folder(key: str) -> Path:
    """Where the cell of that key keeps what a later attempt can go on from; removed once its record is stored."""
    return cache_folder() / "runs" / key


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
