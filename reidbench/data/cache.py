"""The folder of everything that can be made again (synthetic data, decoded frames, weights)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from reidbench.files import is_set_by
from reidbench.spec import UserError

KEPT_FREE = 10
"""The disk's share, one in so many, that what takes gigabytes leaves free."""

TRIFLE = 64 << 20
"""Bytes up to which a file is written to a fuller disk, too."""


def cache_folder() -> Path:
    """The cache folder, made if it is missing: `$REIDBENCH_CACHE`, else `reidbench` in `$XDG_CACHE_HOME` or `~/.cache`.

    Raises UserError if it cannot be made or written to.
    """
    named = os.environ.get("REIDBENCH_CACHE")
    advice = "set REIDBENCH_CACHE to a folder you can write to"
    try:
        if named:
            folder = Path(named).expanduser().resolve()
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME", "")).expanduser()
            # The XDG specification has one that is not absolute ignored: it would be another in every folder.
            folder = (base if base.is_absolute() else Path.home() / ".cache") / "reidbench"
    except RuntimeError as error:
        raise UserError(f"{named or 'the cache folder'}: {str(error).rstrip('.').lower()}; {advice}") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the cache folder cannot be made ({error.strerror}); {advice}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder}: no permission to write to the cache folder; {advice}")
    is_set_by("REIDBENCH_CACHE", folder)
    return folder


def leaves_room(folder: Path, size: int) -> bool:
    """Whether a file of `size` bytes in the folder leaves a tenth of the disk free; a trifle need only fit."""
    disk = shutil.disk_usage(folder)
    return disk.free - size >= (0 if size <= TRIFLE else disk.total // KEPT_FREE)


def scratch_folder(key: str) -> Path:
    """Where the training of that key keeps what a later attempt can go on from; removed once its weights are kept."""
    return cache_folder() / "runs" / key
