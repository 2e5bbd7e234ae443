"""Records to be kept and damaged: none of these numbers was measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from reidbench.spec import Cell, Record
from reidbench.store import Store

CELL = Cell("Base-B", "complexity", "baseline", {"shrink": (1,)}, {"shape": (1, 8, 3, 256, 128)}, "abc")


def record(
    row: str = "Base-B",
    *,
    day: int = 1,
    status: str = "ok",
    value: float = 12.5,
    width: int = 64,
    machine: str = "here",
) -> Record:
    """A record of a day of 2026; its `width` makes it another cell's."""
    cell = Cell(row, "complexity", "baseline", {**CELL.options, "width": width}, CELL.settings, "abc")
    return Record(
        cell=cell.identity,
        key=cell.key,
        row=row,
        status=status,
        values={"macs": value},
        samples={"ap": [value, 0.25]},
        context={},
        machine=machine,
        versions={"python": "3.11"},
        started=f"2026-01-{day:02d}T00:00:00+00:00",
        seconds=1.0,
    )


def write(path: Path, content: Record) -> Path:
    """A record's file without a digest, under any name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(content)))
    return path


def contents(folder: Path) -> list[bytes]:
    """What all files under a folder hold, wherever they lie."""
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def new_store(tmp_path: Path) -> Store:
    """A store with two results, a failed attempt and a superseded result."""
    store = Store(tmp_path / "results", "here")
    store.save(record(day=1))
    store.save(record(day=2))
    store.save(record("Base-S", width=32))
    store.save(record("TB", width=16, status="failed"))
    return store
