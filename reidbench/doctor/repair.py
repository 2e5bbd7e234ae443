"""Mends a folder of records by moving files: nothing is deleted and nothing written over. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from reidbench.doctor.integrity import Fault
from reidbench.files import resolved
from reidbench.spec import UserError
from reidbench.store import MACHINE, Store, move


def repair(store: Store, faults: Sequence[Fault]) -> list[tuple[Path, Path]]:
    """Moves each file that has a place to go; returns what went where. A missing machine.json is written.

    A file whose place is taken by one that has to move itself waits for that; one whose place stays taken stays where
    it is. Raises UserError where the system refuses, and for a place that a link puts outside the folder.
    """
    moved: list[tuple[Path, Path]] = []
    pending = [fault for fault in faults if fault.target is not None]
    while pending:
        waiting = []
        for fault in pending:
            assert fault.target is not None
            if fault.path == fault.target and fault.path.name == MACHINE:
                store.introduce_machine()
                moved.append((fault.path, fault.target))
            elif not resolved(fault.target.parent).is_relative_to(resolved(store.folder)):
                raise UserError(f"{fault.target}: a link leads out of {store.folder}; move {fault.path} by hand")
            elif os.path.exists(fault.target):  # noqa: PTH110 - Path.exists fails where the name is too long
                waiting.append(fault)
            elif move(fault.path, fault.target):
                moved.append((fault.path, fault.target))
        if len(waiting) == len(pending):
            break
        pending = waiting
    return moved
