"""What the doctor says of a results folder, machine by machine, and how it mends it. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from reidbench.doctor.findings import Finding
from reidbench.doctor.integrity import NAMED, Fault, Survey, survey
from reidbench.doctor.repair import repair
from reidbench.program import program
from reidbench.spec import UserError
from reidbench.store import MACHINE, Store, machines

KINDS = {
    "machine": MACHINE,
    "nested": "nested",
    "damaged": "damaged",
    "unreadable": "unreadable",
    "misnamed": "misnamed",
    "unfinished": "superseded",
    "copy": "copies",
    "temporary": "temporary files",
}
"""Kinds of faults in the order in which they are told, with their subjects."""

RECORD_NAME = re.compile(r".+-[0-9a-f]{12}(\.failed)?\.json")
"""Of a record's file: by one a folder without machine.json is known for a machine's."""


def stores(root: str, machine_name: str) -> list[Store]:
    """The machines' folders that were asked for. Raises UserError where there is none of that name, or no folder."""
    folder = Path(root)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--results {root}: is a file; give the folder that holds the machines' records")
    if root != "results" and not folder.exists():
        raise UserError(f"--results {root}: no such folder")
    if not machine_name:
        records = (path for path in folder.glob("*/*/*.json") if RECORD_NAME.fullmatch(path.name))
        names = {path.parent.parent.name for path in records} | set(machines(root))
        return [Store(root, name) for name in sorted(names)]
    store = Store(root, machine_name)
    if not store.folder.is_dir():
        known = " or ".join(machines(root)) or "none there"
        raise UserError(f"no records of machine {machine_name!r} under {root}; give --machine {known}")
    return [store]


def examine(store: Store) -> list[Finding]:
    """All findings on one machine's folder."""
    found = survey(store)
    return [_summary(found), *_faults(found), *(Finding("remark", remark, "note") for remark in found.remarks)]


def mend(store: Store) -> list[Finding]:
    """Repairs one machine's folder; says what went where."""
    return [
        Finding("written", str(path))
        if path == target
        else Finding("moved", f"{path.relative_to(store.folder)} to {target.relative_to(store.folder)}")
        for path, target in repair(store, survey(store).faults)
    ]


def _summary(found: Survey) -> Finding:
    succeeded = sum(kept.record.status == "ok" for kept in found.current)
    sealed = sum(kept.sealed for kept in (*found.current, *found.superseded))
    every = len(found.current) + len(found.superseded)
    facts = {
        "folder": str(found.folder),
        "succeeded": succeeded,
        "failed": len(found.current) - succeeded,
        "superseded": len(found.superseded),
        "sealed": sealed,
    }
    text = f"readable: results {succeeded}, superseded {len(found.superseded)}, failed attempts {facts['failed']}"
    if every:
        text += f"; with a digest, which fits what they hold: {sealed}"
    if sealed < every:
        text += f"; older than digests: {every - sealed}"
    return Finding("records", text, facts=facts)


def _faults(found: Survey) -> Iterator[Finding]:
    for kind, subject in KINDS.items():
        mine = [fault for fault in found.faults if fault.kind == kind]
        if mine:
            yield Finding(subject, _text(mine, found.folder), "wrong", {"files": [_fact(fault) for fault in mine]})


def _text(faults: list[Fault], folder: Path) -> str:
    named = [f"{fault.path.relative_to(folder)}: {fault.what}" for fault in faults[:NAMED]]
    named += [f"and {len(faults) - NAMED} more"] if len(faults) > NAMED else []
    mended = any(fault.target is not None for fault in faults)
    return "\n".join([*named, *([f"{program()} doctor --repair mends it, and deletes nothing"] if mended else [])])


def _fact(fault: Fault) -> dict[str, str]:
    return {"path": str(fault.path), "what": fault.what, "target": str(fault.target or "")}
