"""Whether each file of a machine's folder is what its place says, and where it should go if not. Imports no torch."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reidbench import machine
from reidbench.spec import Record, UserError
from reidbench.store import ASIDE, CALIBRATION, MACHINE, Store, aside, calibrated_machine, read_sealed

STILL_WRITTEN = 600.0
"""Seconds within which a temporary file may be one that another process is about to finish."""

NAMED = 8
"""Files of a kind that the text names; it counts the rest."""


@dataclass(frozen=True)
class Fault:
    """A file that should not be as it is, or where it is.

    `target` is where a repair moves it; without one only the user can mend it, as `what` says.
    """

    kind: str
    path: Path
    what: str
    target: Path | None = None


@dataclass(frozen=True)
class Kept:
    """A record that can be read, with the file it was read from, and whether that holds a digest."""

    path: Path
    record: Record
    sealed: bool


@dataclass(frozen=True)
class Survey:
    """What a machine's folder holds: records that can be read, those superseded apart, faults, and what is only odd."""

    folder: Path
    current: tuple[Kept, ...]
    superseded: tuple[Kept, ...]
    faults: tuple[Fault, ...]
    remarks: tuple[str, ...]


def survey(store: Store) -> Survey:
    """Reads everything in a machine's folder, but for another's within it; changes nothing."""
    nested = sorted(path.parent for path in store.folder.glob(f"*/{MACHINE}"))
    faults: list[Fault] = [*_machine_faults(store), *_nested(nested)]
    faults += [
        *_closed(store.folder),
        *(fault for fault in _temporary(store.folder) if not _within(fault.path, nested)),
    ]
    paths = sorted(path for path in store.folder.glob("*/*.json") if path.parent not in nested)
    current = list(_read(paths, faults))
    superseded = list(_read(sorted(store.folder.glob("*/superseded/*.json")), faults))
    by_key: dict[str, list[Kept]] = {}
    for kept in current:
        by_key.setdefault(kept.record.key, []).append(kept)
    left_over: dict[Path, Fault] = {}
    taken = {kept.path for kept in superseded}
    for same in by_key.values():
        left_over |= {fault.path: fault for fault in _unfinished(store, same, taken)}
    staying = [kept for kept in current if kept.path not in left_over]
    left_over |= {fault.path: fault for fault in _doubled(staying, superseded)}
    faults += left_over.values()
    for kept in current:
        faults += _misnamed(kept, store.path(kept.record), left_over)
    for kept in superseded:
        faults += _misnamed(kept, _kept_name(store, kept), left_over)
    return Survey(
        store.folder, tuple(current), tuple(superseded), tuple(faults), tuple(_remarks(store, current, nested))
    )


def _machine_faults(store: Store) -> Iterator[Fault]:
    path = store.folder / MACHINE
    if not path.is_file():
        what = "says what machine the records are of, and is missing"
        if store.name == machine.name():
            yield Fault("machine", path, f"{what}; this machine has the folder's name and can be written down", path)
        else:
            yield Fault("machine", path, f"{what}: copy it from where the records come from")
        return
    try:
        if store.name == machine.name():
            store.check_is_here()
        store.machine()
    except UserError as error:
        advice = "restore it, or move it away and let the next run on that machine write it"
        yield Fault("machine", path, f"{_reason(error, path)}: {advice}")


def _nested(folders: Iterable[Path]) -> Iterator[Fault]:
    for folder in folders:
        what = "a machine's folder inside another, where no report looks: move it up, under a name that is free there"
        yield Fault("nested", folder, what)


def _within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _closed(folder: Path) -> Iterator[Fault]:
    for path in sorted((folder, *folder.rglob("*"))):
        if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
            yield Fault("unreadable", path, "a folder without the permission to list it: get that")


def _temporary(folder: Path) -> Iterator[Fault]:
    for path in sorted(folder.rglob(".*.part")):
        with suppress(FileNotFoundError):  # its writer has finished meanwhile
            if path.parent.name != ASIDE and time.time() - path.stat().st_mtime > STILL_WRITTEN:
                yield Fault("temporary", path, "left by a process that was killed while it wrote", aside(path))


def _read(paths: Iterable[Path], faults: list[Fault]) -> Iterator[Kept]:
    """The records that can be read; of the others a fault each."""
    for path in paths:
        try:
            record, sealed = read_sealed(path)
        except UserError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                continue  # a run has just replaced it
            if isinstance(error.__cause__, OSError):
                faults.append(Fault("unreadable", path, f"{_reason(error, path)}: get the permission to read it"))
            else:
                faults.append(Fault("damaged", path, _reason(error, path), aside(path)))
            continue
        yield Kept(path, record, sealed)


def _unfinished(store: Store, same: Sequence[Kept], taken: Collection[Path]) -> Iterator[Fault]:
    """Of the records of one cell, what its last success should have done away with.

    `taken` are the files of superseded records: one that is there already is not moved there again.
    """
    done = sorted((kept for kept in same if kept.record.status == "ok"), key=lambda kept: kept.record.started)
    if not done:
        return
    # Where two began in the same second, that under its proper name is the one that was written last.
    last = max(done, key=lambda kept: (kept.record.started, kept.path == store.path(kept.record)))
    for kept in same:
        if kept is last:
            continue
        if kept.record == last.record:
            yield Fault("copy", kept.path, f"a copy of {last.path.name}", aside(kept.path))
        elif kept.record.status == "ok":
            target = store.superseded_path(kept.record)
            what = f"its cell was measured again ({last.path.name})"
            yield Fault("unfinished", kept.path, what, aside(kept.path) if target in taken else target)
        elif kept.record.started <= last.record.started:
            what = f"a failed attempt at a cell that succeeded since ({last.path.name})"
            yield Fault("unfinished", kept.path, what, aside(kept.path))


def _doubled(current: Sequence[Kept], superseded: Sequence[Kept]) -> Iterator[Fault]:
    """Superseded records that stand for a session which another file stands for too: it would count twice."""
    seen = {_session(kept.record): kept.path for kept in current if kept.record.status == "ok"}
    for kept in sorted(superseded, key=lambda kept: kept.path.name):
        first = seen.setdefault(_session(kept.record), kept.path)
        if first != kept.path:
            yield Fault("copy", kept.path, f"the same session as {first.name}", aside(kept.path))


def _kept_name(store: Store, kept: Kept) -> Path:
    """The name of a superseded record, with the number that it bears where several began in one second."""
    proper = store.superseded_path(kept.record)
    number = kept.path.stem.removeprefix(f"{proper.stem}-")
    return store.superseded_path(kept.record, int(number)) if number.isdecimal() else proper


def _misnamed(kept: Kept, proper: Path, left_over: Iterable[Path]) -> Iterator[Fault]:
    if kept.path != proper and kept.path not in left_over:
        place = proper.name if kept.path.parent == proper.parent else f"{proper.parent.name}/{proper.name}"
        yield Fault("misnamed", kept.path, f"what it holds belongs to {place}", proper)


def _remarks(store: Store, current: Sequence[Kept], nested: Sequence[Path]) -> Iterator[str]:
    others = {kept.record.machine for kept in current} - {store.name}
    if others:
        count = sum(kept.record.machine in others for kept in current)
        yield f"measured on {' and '.join(sorted(others))}: {count}, as reports say"
    if (origin := calibrated_machine(store.folder)) and origin != store.name:
        yield f"{CALIBRATION}: the calibration is of machine {origin}; times here are judged by it, as reports say"
    found = [path for path in sorted(store.folder.rglob("*")) if not _within(path, nested)]
    folders = [path for path in found if path.is_dir() and os.access(path, os.R_OK)]
    if empty := [path for path in folders if not any(path.iterdir())]:
        yield f"empty folders: {_few(empty, store.folder)}"
    if count := sum(len(list(path.iterdir())) for path in folders if path.name == ASIDE):
        yield f"set aside in folders named {ASIDE}: {count}; look at them, and delete what you do not need"
    foreign = [
        path
        for path in sorted(store.folder.glob("*/*"))
        if path.parent not in nested
        and path.is_file()
        and path.suffix != ".json"
        and not path.name.startswith(".")
        and path.parent.name != ASIDE
    ]
    if foreign:
        yield f"no records: {_few(foreign, store.folder)}"


def _few(paths: Sequence[Path], folder: Path) -> str:
    named = ", ".join(str(path.relative_to(folder)) for path in paths[:NAMED])
    return f"{named} and {len(paths) - NAMED} more" if len(paths) > NAMED else named


def _session(record: Record) -> tuple[str, str]:
    return record.key, record.started


def _reason(error: UserError, path: Path) -> str:
    """What a reader said of a file, without the file's name and advice that does not hold here."""
    text = str(error).removeprefix(f"{path}: ")
    return text.partition("; ")[0]
