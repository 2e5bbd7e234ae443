"""Immutable JSON records under `results/<machine>/<measurement>/<row>-<key>.json`, written atomically. No torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reidbench import machine
from reidbench.files import check_writable, write_text
from reidbench.soundness import machine_fault, record_fault, tree_fault
from reidbench.spec import Cell, Record, UserError


def machines(root: Path | str) -> list[str]:
    """Names of the machines that have records under a results folder."""
    folder = Path(root)
    return sorted(path.parent.name for path in folder.glob("*/machine.json")) if folder.is_dir() else []


class Store:
    """The records of one machine.

    A successful record is never replaced by a failed one. A failed attempt lies beside it under its own file name and
    goes when the cell succeeds.
    """

    def __init__(self, root: Path | str, machine_name: str) -> None:
        self.folder = Path(root) / machine.check_name(machine_name)
        self.name = machine_name

    def machine(self) -> dict[str, Any]:
        """The description of the machine, from its machine.json, or of this one, which is about to be introduced."""
        path = self.folder / "machine.json"
        if not path.is_file():
            return dict(machine.describe())
        found = _read_json(path)
        if fault := machine_fault(found):
            raise UserError(f"{path}: damaged ({fault}); restore it, or move it away to introduce this machine anew")
        return found

    def load(self, cell: Cell) -> Record | None:
        """The record of a cell: the successful one, else the last failed attempt, else None."""
        for ending in ("", ".failed"):
            for path in sorted((self.folder / cell.measurement).glob(f"*-{cell.key}{ending}.json")):
                record = read_record(path)
                if record.key != cell.key:
                    raise UserError(f"{path}: holds the record of another cell ({record.key}); move it away")
                return record
        return None

    def path(self, record: Record) -> Path:
        """The file of a record."""
        ending = "" if record.status == "ok" else ".failed"
        stem = f"{machine.slug(record.row)}-{record.key}{ending}.json"
        return self.folder / str(record.cell["measurement"]) / stem

    def records(self) -> list[Record]:
        """All records of the machine, ordered by file name."""
        return [read_record(path) for path in sorted(self.folder.glob("*/*.json"))]

    def superseded(self) -> list[Record]:
        """Successful records of cells that were measured again later, ordered by file name."""
        return [read_record(path) for path in sorted(self.folder.glob("*/superseded/*.json"))]

    def save(self, record: Record) -> Path:
        """Writes a record. One of the same cell that was measured before goes to the folder `superseded` beside it.

        Raises UserError where the folder cannot be written or the disk is full.
        """
        self._introduce_machine()
        path = self.path(record)
        folder = path.parent
        if record.status == "ok":
            for old in folder.glob(f"*-{record.key}.json"):
                kept = f"{old.stem}-{machine.slug(read_record(old).started)}.json"
                write_text(folder / "superseded" / kept, old.read_text(encoding="utf-8"))
        write_text(path, json.dumps(asdict(record), indent=1, sort_keys=True, allow_nan=False) + "\n")
        if record.status == "ok":
            for old in folder.glob(f"*-{record.key}*.json"):
                if old != path:
                    old.unlink(missing_ok=True)
        return path

    def check_is_here(self) -> None:
        """Raises UserError if the folder is another machine's, whose records a measurement here must not join."""
        path = self.folder / "machine.json"
        if path.is_file() and _read_json(path) != machine.describe():
            raise UserError(f"{path}: describes another machine than this one; name a new folder with --machine NAME")

    def check_writable(self) -> None:
        """Raises UserError now if records could not be written later."""
        self._introduce_machine()
        check_writable(self.folder)

    def _introduce_machine(self) -> None:
        path = self.folder / "machine.json"
        if not path.is_file():
            write_text(path, json.dumps(machine.describe(), indent=1, sort_keys=True) + "\n")


def read_record(path: Path) -> Record:
    """One record from its file. Raises UserError naming the file if it is damaged or of another format."""
    content = _read_json(path)
    try:
        record = Record(**content)
    except TypeError:
        raise UserError(f"{path}: not a record of this version of reidbench; move it away") from None
    if fault := record_fault(record):
        raise UserError(f"{path}: damaged ({fault}); move it away to measure the cell again")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise UserError(f"{path}: no file to read; move it away")
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); move it away to measure the cell again") from error
    fault = tree_fault(content) if isinstance(content, dict) else "not an object"
    if fault:
        raise UserError(f"{path}: damaged ({fault}); move it away to measure the cell again")
    return content
