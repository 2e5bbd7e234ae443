"""Marks in figure files by which they are known to be up to date, so that a report does not draw them again."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from reidbench.files import write_bytes
from reidbench.reporting.tables.table import Table

MAKER = "reidbench "
"""What every stamp begins with."""

HEAD = 4096
"""Bytes from the start of a figure file within which its stamp stands, but for a PDF, where it stands near the end."""


def figure_stamp(table: Table) -> str:
    """A hash over all that the figures of a table depend on: its content, the code that draws, matplotlib."""
    entries = [
        (place, e.state, e.estimate, e.published, e.difference, e.reason, [(r.key, r.started) for r in e.records])
        for place, e in table.entries.items()
    ]
    plan = table.plan
    content = (plan.name, plan.suite, plan.preset, table.machine, table.headings, entries)
    return stamp_of(content)


def stamp_of(content: object) -> str:
    """A hash over what figures show, by its `repr`, the code that draws, and matplotlib's version."""
    digest = hashlib.sha256(f"{content!r}{version('matplotlib')}".encode())
    digest.update(_drawing_code())
    return f"{MAKER}{digest.hexdigest()[:20]}"


@cache
def _drawing_code() -> bytes:
    """The code that draws and that computes what is drawn, read once a process."""
    return b"".join(path.read_bytes() for path in drawing_code())


def drawing_code() -> list[Path]:
    """Its files: all of the folders that figures take anything from."""
    here = Path(__file__).parent
    folders = (here.with_name(name) for name in ("tables", "findings", "figures"))
    computing = (
        here.parents[1] / "statistics.py",
        here.parents[1] / "estimates.py",
        here.parent / "documents/block.py",
    )
    return [*computing, *(path for folder in folders for path in sorted(folder.glob("*.py")))]


def bears(path: Path, stamp: str) -> bool:
    """Whether a file is there and holds the stamp."""
    try:
        with path.open("rb") as file:
            return stamp.encode() in file.read(-1 if path.suffix == ".pdf" else HEAD)
    except FileNotFoundError:
        return False


def bring(stamp: str, source: Path, target: Path) -> None:
    """Copies the up-to-date figures named `<source>-*` to `<target>-*`, so that they need not be drawn there."""
    if source.parent.resolve() == target.parent.resolve():
        return
    for path in source.parent.glob(f"{source.name}-*.*"):
        if path.suffix in (".svg", ".png", ".pdf") and bears(path, stamp):
            write_bytes(target.with_name(target.name + path.name.removeprefix(source.name)), path.read_bytes())
