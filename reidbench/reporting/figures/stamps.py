"""Notes in the cache folder of what figure files were drawn of, so that a report does not draw them again.

They are not in the files: a committed figure changes only where its drawing does.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from reidbench.data.cache import cache_folder
from reidbench.files import write_bytes, write_text
from reidbench.program import HERE
from reidbench.reporting.tables.table import Table
from reidbench.spec import UserError


def figure_stamp(table: Table) -> str:
    """A hash over all that the figures of a table depend on: its content, the code, matplotlib."""
    entries = [
        (place, e.state, e.estimate, e.published, e.difference, e.reason, [(r.key, r.started) for r in e.records])
        for place, e in table.entries.items()
    ]
    plan = table.plan
    content = (plan.name, plan.suite, plan.preset, table.machine, table.headings, entries)
    return stamp_of(content)


def stamp_of(content: object) -> str:
    """A hash over what figures show, by its `repr`, the code of this project, and matplotlib's version."""
    digest = hashlib.sha256(f"{content!r}{version('matplotlib')}".encode())
    digest.update(_code())
    return digest.hexdigest()[:20]


@cache
def _code() -> bytes:
    """All of it, read once a process: what is drawn may be computed anywhere."""
    return b"".join(path.read_bytes() for path in sorted(HERE.rglob("*.py")))


def write_drawn(path: Path, content: bytes, stamp: str) -> None:
    """Writes a figure file and its note, if there is a cache to keep that in."""
    write_bytes(path, content)
    with suppress(UserError):
        write_text(note_of(path), _noted(content, stamp))


def is_drawn(path: Path, stamp: str) -> bool:
    """Whether a figure file lies there as it was written with that stamp."""
    try:
        return note_of(path).read_text(encoding="utf-8") == _noted(path.read_bytes(), stamp)
    except (OSError, ValueError, UserError):
        return False


def bring(stamp: str, source: Path, target: Path) -> None:
    """Copies the up-to-date figures named `<source>-*` to `<target>-*`, so that they need not be drawn there."""
    if source.parent.resolve() == target.parent.resolve():
        return
    for path in source.parent.glob(f"{source.name}-*.*"):
        if path.suffix in (".svg", ".png", ".pdf") and is_drawn(path, stamp):
            name = target.name + path.name.removeprefix(source.name)
            write_drawn(target.with_name(name), path.read_bytes(), stamp)


def note_of(path: Path) -> Path:
    """The note of a figure file, which may not be there. Raises UserError where there is no cache folder."""
    return cache_folder() / "figures" / hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]


def _noted(content: bytes, stamp: str) -> str:
    return f"{stamp} {hashlib.sha256(content).hexdigest()}\n"
