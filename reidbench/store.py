"""Immutable JSON records under `results/<machine>/<measurement>/<row>-<key>.json`, written atomically. No torch."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from reidbench import machine, registry
from reidbench.data.cache import cache_folder
from reidbench.data.lookalikes import SYNTHETIC, groups_by_factor, groups_by_number
from reidbench.files import alone, check_writable, listed, refused, sweep_tree, write_text
from reidbench.soundness import cell_fault, machine_fault, record_fault, tree_fault
from reidbench.spec import Cell, Record, UserError, canonical_json

MACHINE = "machine.json"
"""The file of a machine's folder that describes it."""

CALIBRATION = "calibration.json"
"""The file of how far sessions on a machine lie apart: `scatter.FILE`, whose module needs numpy."""

ASIDE = "damaged"
"""The folder, beside a file, that the file is moved to where it can serve no more."""

DIGEST = "digest"
"""Under this name a record's file holds the SHA-256 of all else in it; files older than it have none."""

HEAD = '{\n "cell": '
"""How a record's file begins, for its entries are sorted."""

EXACT = 2**53
"""Below this every whole number is a float of its own."""


def machines(root: Path | str) -> list[str]:
    """Names of the machines that have records under a results folder. Raises UserError if one cannot be listed."""
    return sorted(folder.name for folder in listed(Path(root)) if listed(folder, MACHINE))


def calibrated_machine(folder: Path) -> str:
    """The machine of which a folder's calibration of times is; "" where it has none, or none that can be read."""
    try:
        found = json.loads((folder / CALIBRATION).read_text(encoding="utf-8"))
        name = found["about"]["machine"] if found["log_ratios"] else ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return name if isinstance(name, str) and machine.slug(name) == name.lower() else ""


class Store:
    """The records of one machine.

    A successful record is never replaced by a failed one. A failed attempt lies beside it under its own file name and
    goes when the cell succeeds. A folder that cannot be listed is a UserError wherever it is looked into, for nothing
    would seem recorded there.
    """

    def __init__(self, root: Path | str, machine_name: str) -> None:
        self.folder = Path(root) / machine.check_name(machine_name)
        self.name = machine_name

    def machine(self) -> dict[str, Any]:
        """The description of the machine, from its machine.json, or of this one, which is about to be introduced."""
        path = self.folder / MACHINE
        if not path.is_file():
            return dict(machine.describe())
        found = _read_json(path)
        if fault := machine_fault(found):
            raise UserError(f"{path}: damaged ({fault}); restore it, or move it away to introduce this machine anew")
        return found

    def load(self, cell: Cell) -> Record | None:
        """The record of a cell: the successful one, else the last failed attempt, else None."""
        return self._found(cell.measurement, cell.key) or self._found(cell.measurement, cell.key, ".failed")

    def holds(self, cell: Cell) -> bool:
        """Whether a cell has a successful record: an attempt that failed is none."""
        record = self.load(cell)
        return record is not None and record.status == "ok"

    def path(self, record: Record) -> Path:
        """The file of a record."""
        ending = "" if record.status == "ok" else ".failed"
        stem = f"{machine.slug(record.row)}-{record.key}{ending}.json"
        return self.folder / str(record.cell["measurement"]) / stem

    def superseded_path(self, record: Record, number: int = 1) -> Path:
        """The file of a successful record once its cell was measured again.

        It has a number from 2 on where two began in one second, as they can where the clock was set back.
        """
        path = self.path(record)
        counted = f"-{number}" if number > 1 else ""
        return path.parent / "superseded" / f"{path.stem}-{machine.slug(record.started)}{counted}.json"

    def records(self, *measurements: str) -> list[Record]:
        """All records of the machine, or those of some measurements, ordered by file name."""
        return [record for _, record in _read_all(self._files(measurements))]

    def cells(self, *measurements: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The row, as file names have it, and the cell of each successful record of some measurements.

        What the records hold besides is not read, so that this takes little time and minds no damage there; a file
        whose cell is not found sound is left out. For hints.
        """
        for path in self._files(measurements):
            row, _, key = path.stem.rpartition("-")
            cell = _cell_at_the_head(path)
            if isinstance(cell, dict) and not cell_fault(cell, key):
                yield row, cell

    def superseded(self, *measurements: str) -> list[Record]:
        """Successful records of cells that were measured again later, ordered by file name.

        One that was kept by a process that died before it replaced it is not among them.
        """
        kept = [record for _, record in _read_all(self._files(measurements, "superseded"))]
        return [record for record in kept if record != self._found(str(record.cell["measurement"]), record.key)]

    def _files(self, measurements: Collection[str] = (), below: str = "") -> Iterator[Path]:
        for folder in map(self.folder.joinpath, measurements) if measurements else listed(self.folder):
            if not measurements and (folder / MACHINE).is_file():
                raise UserError(f"{folder}: a machine's folder inside another; move it up")
            yield from listed(folder / below, "*.json")

    def _found(self, measurement: str, key: str, ending: str = "") -> Record | None:
        for path, record in _read_all(listed(self.folder / measurement, f"*-{key}{ending}.json")):
            if record.key != key:
                raise UserError(f"{path}: holds the record of another cell ({record.key}); move it away")
            return record
        return None

    def save(self, record: Record) -> Path:
        """Writes a record. One of the same cell that was measured before goes to the folder `superseded` beside it.

        What lies there damaged is set aside, for what has been measured must not be lost over it. Raises UserError
        where the folder cannot be written or the disk is full.
        """
        self.introduce_machine()
        path = self.path(record)
        content = {**asdict(record), "samples": {name: _short(each) for name, each in record.samples.items()}}
        content[DIGEST] = digest(content)
        text = _laid_out(content) + "\n"
        # Two runs that name one cell's row differently would each remove the other's record.
        with alone(cache_folder() / "records"):
            if record.status == "ok":
                for old in listed(path.parent, f"*-{record.key}.json"):
                    self._keep(old)
            write_text(path, text)
            outdated = "*.json" if record.status == "ok" else ".failed.json"
            for old in listed(path.parent, f"*-{record.key}{outdated}"):
                if old != path:
                    old.unlink(missing_ok=True)
        return path

    def _keep(self, old: Path) -> None:
        """Copies a record to the folder `superseded` beside it, once, under a name that none there has."""
        try:
            record = read_record(old)
        except UserError:
            move(old, aside(old))
            return
        content = old.read_text(encoding="utf-8")
        for number in itertools.count(1):
            kept = self.superseded_path(record, number)
            if not kept.exists():
                write_text(kept, content)
                return
            if kept.read_bytes() == content.encode():
                return

    def check_is_here(self) -> None:
        """Raises UserError if the folder is another machine's, whose records a measurement here must not join."""
        path = self.folder / MACHINE
        advice = "name a new folder with --machine NAME"
        if path.is_file() and (there := _read_json(path)) != (here := machine.describe()):
            raise UserError(f"{path}: describes another machine than this one ({_unlike(there, here)}); {advice}")
        # Looked for again at the end: another run may introduce this machine, and record a cell, between two looks.
        if not path.is_file() and any(self._files()) and not path.is_file():
            raise UserError(f"{path}: is missing, and the records beside it may be another's; copy it too, or {advice}")

    def check_writable(self) -> None:
        """Raises UserError now if records could not be written later. Sweeps what killed writers left long ago."""
        self.introduce_machine()
        check_writable(self.folder)
        sweep_tree(self.folder)

    def introduce_machine(self) -> None:
        """Writes down what machine the folder is of, this one, unless that is written already."""
        path = self.folder / MACHINE
        if not path.is_file():
            write_text(path, json.dumps(machine.describe(), indent=1, sort_keys=True) + "\n")


def _unlike(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """The facts in which the description of a machine differs from that of this one, in order of their names."""
    found = []
    for name in sorted({*there, *here}):
        values = [side.get(name, "unknown") for side in (there, here)]
        if values[0] != values[1]:
            found.append("{} {}, here {}".format(name, *(str(value)[:80] or "none" for value in values)))
    return " and ".join(found)


def aside(path: Path) -> Path:
    """Where a file goes that can serve no more: no name that is taken, and none that a store would read."""
    stamp = machine.slug(machine.now().partition("+")[0])
    target = path.parent / ASIDE / f"{path.name.lstrip('.')}.{stamp}"
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{path.name.lstrip('.')}.{stamp}-{number}")
    return target


def move(path: Path, target: Path) -> bool:
    """Moves a file to a place of its folder; False where it is gone: another process has finished what it was about.

    Raises UserError where the system refuses.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise refused(target, error) from error
    return True


def _short(readings: Iterable[float]) -> list[float]:
    """With 1 for 1.0, which JSON reads as the same number: most samples of an accuracy are marks of 0 and 1."""
    return [int(value) if abs(value) < EXACT and float(value).is_integer() else value for value in readings]


def _laid_out(content: Any, margin: str = "") -> str:
    """JSON as a person reads it: a line for every entry, but a row of readings or options on one."""
    inner = margin + " "
    if isinstance(content, Mapping) and content:
        entries = [f"{json.dumps(str(name))}: {_laid_out(value, inner)}" for name, value in sorted(content.items())]
        return "{\n" + ",\n".join(inner + entry for entry in entries) + f"\n{margin}}}"
    if isinstance(content, list | tuple) and any(isinstance(value, Mapping | list | tuple) for value in content):
        entries = [_laid_out(value, inner) for value in content]
        return "[\n" + ",\n".join(inner + entry for entry in entries) + f"\n{margin}]"
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def _read_all(paths: Iterable[Path]) -> Iterator[tuple[Path, Record]]:
    """Records by the order of their names, without those that another run removes meanwhile."""
    for path in sorted(paths):
        try:
            yield path, read_record(path)
        except UserError:
            if path.exists():
                raise


def _cell_at_the_head(path: Path) -> Any:
    """The cell with which a record's file begins; None where it does not begin so."""
    try:
        text = path.read_text(encoding="utf-8")
        return json.JSONDecoder().raw_decode(text, len(HEAD))[0] if text.startswith(HEAD) else None
    except (OSError, ValueError, RecursionError):
        return None


def read_record(path: Path) -> Record:
    """One record from its file. Raises UserError naming the file if it is damaged or of another format."""
    return read_sealed(path)[0]


def read_sealed(path: Path) -> tuple[Record, bool]:
    """One record, and whether its file holds a digest, which then fits what it holds. Raises UserError likewise."""
    content = _read_json(path)
    seal = content.pop(DIGEST, None)
    if seal is not None and not _fits(seal, content):
        raise UserError(f"{path}: damaged (its digest does not fit the rest); move it away to measure the cell again")
    try:
        record = Record(**content)
    except TypeError:
        raise UserError(f"{path}: not a record of this version of reidbench; move it away") from None
    if fault := record_fault(record):
        raise UserError(f"{path}: damaged ({fault}); move it away to measure the cell again")
    return _as_today(record), seal is not None


def _as_today(record: Record) -> Record:
    """A record with what older ones say otherwise.

    They keep the versions of a backend's packages apart, and hold no `group` of a query, which follows from what they
    hold: the factors of its queries, or the options of the synthetic data and the numbers of persons.
    """
    apart, samples = record.context.get("backend_versions"), record.samples
    if isinstance(apart, dict):
        context = {name: value for name, value in record.context.items() if name != "backend_versions"}
        record = replace(record, versions={**record.versions, **apart}, context=context)
    if "group" in samples or "identity" not in samples:
        return record
    known = groups_by_factor(samples) or _groups_of_synthetic(record)
    return replace(record, samples={**samples, "group": known}) if known else record


def _groups_of_synthetic(record: Record) -> list[float]:
    dataset = record.cell["settings"].get("dataset", {})
    if dataset.get("name") != SYNTHETIC:
        return []
    try:
        options = {**registry.datasets()[SYNTHETIC].options, **dataset.get("options", {})}
        asked = {name: options[name] for name in ("train_ids", "test_ids", "detail", "gait")}
        return groups_by_number(record.samples["identity"], **asked)
    except (TypeError, ValueError, OverflowError):  # no options of this dataset
        return []


def digest(content: Mapping[str, Any]) -> str:
    """The SHA-256 of what a record's file holds but for the digest, however it is spaced and ordered."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _fits(seal: object, content: Mapping[str, Any]) -> bool:
    try:
        return seal == digest(content)
    except (ValueError, RecursionError):  # a number that is not finite, or nested too deep: nothing of ours
        return False


def refuse_constant(name: str) -> NoReturn:
    """What is to be done about NaN and the infinities, which are no JSON: raises ValueError."""
    raise ValueError(f"{name} is no number of JSON")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise UserError(f"{path}: no file to read; move it away")
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); move it away to measure the cell again") from error
    fault = tree_fault(content) if isinstance(content, dict) else "not an object"
    if fault:
        raise UserError(f"{path}: damaged ({fault}); move it away to measure the cell again")
    return content
