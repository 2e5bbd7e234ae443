"""Which record answers a cell, which one is stale, and which numbers may stand side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

from reidbench import registry
from reidbench.audit.rules import ROUNDINGS, interval
from reidbench.data.splits import split_of, splits_of
from reidbench.environment import TOLD
from reidbench.json_trees import differences, without
from reidbench.scatter import Noise, noise_by_device
from reidbench.spec import PAPER_SIZE, Cell, Column, Published, Quantity, Record, Row, canonical_json
from reidbench.statistics import Estimate
from reidbench.store import Store, calibrated_machine

MAY_DIFFER = {
    "source": "code of the model",
    "settings.trunk": "trunk",
    "settings.version": "version of the measurement",
    "settings.training": "version of the trainer",
    "settings.reference.source": "code of the reference row",
    "settings.dataset.fingerprint": "content of the dataset",
}
"""Where the identity of a stale record may differ from the cell's, in what changes without a request for it, and what
that is called."""

JOINED = {
    "protocol": "protocol",
    "recipe": "recipe",
    "trunk": "trunk",
    "version of the measurement": "version",
    "precision": "precision",
    "device": "device",
    "thread count": "threads",
}
"""What must be one and the same in all records of a column, beside the dataset and what is a row's own, and which
setting of a cell it is."""

OF_A_TRUNK = ("recipe", "trunk")
"""What must be the same only in those whose models stand on one kind of trunk."""


class Records:
    """The records of a store, each read once, and all of a measurement's only where a stale one is looked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_key: dict[str, Record | None] = {}
        self._good: dict[str, dict[str, list[Record]]] = {}
        self._stale: dict[str, tuple[Record, str] | None] = {}

    @cached_property
    def noises(self) -> Mapping[str, Noise]:
        """How far sessions lie apart on the machine, by device, where that is known."""
        return noise_by_device(self._store.folder)

    @cached_property
    def foreign_calibration(self) -> str:
        """One sentence where the calibration in the machine's folder is of another; "" where it is not."""
        origin = calibrated_machine(self._store.folder)
        home = self._store.name
        if origin in ("", home):
            return ""
        return f"times are judged by a calibration of machine {origin} that lies in the folder of {home}"

    def fresh(self, cell: Cell) -> Record | None:
        """The record of exactly this cell, whatever its status."""
        if cell.key not in self._by_key:
            self._by_key[cell.key] = self._store.load(cell)
        return self._by_key[cell.key]

    def holds(self, cell: Cell) -> bool:
        """Whether a cell has a successful record: an attempt that failed is none."""
        record = self.fresh(cell)
        return record is not None and record.status == "ok"

    def stale(self, cell: Cell) -> tuple[Record, str] | None:
        """The latest record that differs only as a stale one may, with where it differs."""
        if cell.key not in self._stale:
            identity = cell.identity
            found = []
            for record in self._successful(cell.measurement).get(_asked(identity), ()):
                if paths := [path for path, *_ in differences(identity, record.cell)]:
                    found.append((record, outdated(paths)))
            self._stale[cell.key] = max(found, key=lambda pair: pair[0].started, default=None)
        return self._stale[cell.key]

    def _successful(self, measurement: str) -> dict[str, list[Record]]:
        """The good records of a measurement by what was asked for."""
        if measurement not in self._good:
            alike = self._good[measurement] = {}
            for record in self._store.records(measurement):
                if record.status == "ok":
                    alike.setdefault(_asked(record.cell), []).append(record)
        return self._good[measurement]


def _asked(identity: Mapping[str, Any]) -> str:
    """What is the same in the identities of a cell and of its stale records."""
    return canonical_json(without(identity, MAY_DIFFER))


def outdated(paths: Sequence[str]) -> str:
    """Why a record is stale that differs from its cell at some paths of its identity."""
    names = (next((name for place, name in MAY_DIFFER.items() if _leads(place, path)), path) for path in paths)
    return f"measured with another {', '.join(dict.fromkeys(names))}"


def _leads(place: str, path: str) -> bool:
    return f"{path}.".startswith(f"{place}.")


def printed_value(row: Row, column: Column) -> str:
    """What was published for a row in a column, as printed; "" if nothing was."""
    published = row.publication(column.published, column.dataset)
    return published.values[column.published] if published else ""


def against_published(
    row: Row, column: Column, quantity: Quantity, known: Estimate | None, settings: Sequence[Mapping[str, Any]]
) -> tuple[float | None, str]:
    """Measured minus published in the unit shown, or None and why the two are not comparable.

    `settings` are those of the row's cells, one a seed and split.
    """
    published = row.publication(column.published, column.dataset)
    if published is None or known is None:
        return None, ""
    if reason := _incomparable(published, column, settings):
        return None, reason
    printed = as_number(published.values[column.published])
    if printed is None:
        return None, "the published value is not a number"
    return known.value * quantity.scale - printed, ""


def as_number(text: str) -> float | None:
    """A published value as a number; None for "" and for words."""
    try:
        return float(text)
    except ValueError:
        return None


def prints_as(number: float, text: str) -> bool:
    """Whether a number is what was printed, to its digits: rounded to them or cut after them."""
    try:
        return any(low <= Fraction(number) < high for low, high in (interval(text, how) for how in ROUNDINGS))
    except (ValueError, OverflowError):
        return False


def mixtures(measurement: str, rows: Sequence[tuple[str, Record]], own: Collection[str] = ()) -> Iterable[str]:
    """One sentence for each thing that differs between the records of a column, given as (row, record).

    The length of its clips is a row's own and no such thing; nor are the `own` settings of the recipe.
    """
    if not rows:
        return
    kinds: dict[str, list[Any]] = {"dataset": _contents(rows)}
    for label, name in JOINED.items():
        if name not in own:
            kinds[label] = [_without(record.cell["settings"].get(name), {"frames", *own}) for _, record in rows]
    kinds["splits"] = _splits(rows)
    kinds["machine"] = [record.machine for _, record in rows]
    gpus = [str(record.context.get("gpu", "")) for _, record in rows]
    kinds["GPU"] = [gpu or next(filter(None, gpus), "") for gpu in gpus]  # where only some have one, devices differ
    kinds["version of torch"] = [record.versions.get("torch", "") for _, record in rows]
    kinds["environment"] = [{name: record.versions.get(name, "") for name in TOLD} for _, record in rows]
    trunks = [_trunk(record) for _, record in rows]
    for label, values in kinds.items():
        first: dict[str, tuple[str, Any]] = {}
        others: dict[str, dict[str, None]] = {}
        for (name, _), value, trunk in zip(rows, values, trunks, strict=True):
            known, wanted = first.setdefault(trunk if label in OF_A_TRUNK else "", (name, value))
            if value != wanted:
                others.setdefault(known, {})[name] = None
        for known, names in others.items():
            yield f"{measurement}: rows differ in their {label}: {', '.join(names)} from {known}"
    count = sessions(measurement, (record for _, record in rows))
    if count > 1:
        advice = "; compare the rows by their ratio" if has_ratio(measurement) else ""
        yield f"{measurement}: measured in {count} sessions, between which a machine drifts{advice}"


def sessions(measurement: str, records: Iterable[Record]) -> int:
    """In how many sessions records of a measurement were made whose rows take turns; 0 of another measurement.

    What such a session yields has its beginning in common, and, if the measurement names them, its rows.
    """
    if registry.measurements()[measurement].mode != "interleaved":
        return 0
    return len(set(map(session_of, records)))


def session_of(record: Record) -> tuple[str, str]:
    """What the records of one session, in which rows take turns, have in common and those of no other have."""
    return record.started, canonical_json(record.context.get("peers"))


def has_ratio(measurement: str) -> bool:
    """Whether a measurement has a quantity that compares rows of several sessions: a ratio to the reference row."""
    return any(each.over == "reference" for each in registry.measurements()[measurement].quantities.values())


def _trunk(record: Record) -> str:
    """The kind of trunk of a record's model, "" where there is no such model any more."""
    found = registry.models().get(str(record.cell["model"]))
    return found.trunk if found else ""


def _contents(rows: Sequence[tuple[str, Record]]) -> list[bool]:
    """Whether the dataset of each record is that of the first one of its split."""
    first: dict[int | None, Any] = {}
    found = []
    for _, record in rows:
        settings = record.cell["settings"]
        fingerprint = settings.get("dataset", {}).get("fingerprint")
        found.append(fingerprint == first.setdefault(split_of(settings), fingerprint))
    return found


def _splits(rows: Sequence[tuple[str, Record]]) -> list[tuple[int, ...]]:
    """For each record the splits that its row has records of."""
    own: dict[str, list[Mapping[str, Any]]] = {}
    for name, record in rows:
        own.setdefault(name, []).append(record.cell["settings"])
    numbers = {name: splits_of(settings).numbers for name, settings in own.items()}
    return [numbers[name] for name, _ in rows]


def misplaced(folder: str, records: Iterable[Record]) -> Iterable[str]:
    """One sentence for each machine other than the folder's own whose records lie there."""
    for name in _others(folder, records):
        yield f"records of machine {name} lie in the folder of {folder}"


def measured_elsewhere(folder: str, records: Iterable[Record]) -> str:
    """Where some records of a machine's folder were measured on others, on which; "" where none was."""
    names = _others(folder, records)
    return f"measured on machine {', '.join(names)}" if names else ""


def _others(folder: str, records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(record.machine for record in records if record.machine != folder))


def _incomparable(published: Published, column: Column, each: Sequence[Mapping[str, Any]]) -> str:
    settings, splits = each[0], splits_of(each)
    if "dataset" not in settings:
        return "" if column.measurement == "complexity" else "another machine"
    dataset = settings["dataset"]
    if dataset["name"] != published.dataset:
        return f"another dataset: published on {published.dataset}, measured on {dataset['name']}"
    if dataset.get("subset"):
        return f"measured on a subset of {published.dataset}"
    if not splits.complete:
        return f"measured on {splits.text}, published over all"
    size = tuple(settings.get("recipe", {}).get("size", PAPER_SIZE))
    return "" if size == PAPER_SIZE else f"another scale: measured on frames of {size[0]}x{size[1]} pixels"


def _without(value: Any, own: Collection[str]) -> Any:
    return {k: v for k, v in value.items() if k not in own} if isinstance(value, Mapping) else value
