"""The records of one store by what was measured, whatever the code was: one side of a comparison."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from typing import Any

from reidbench import registry
from reidbench.json_trees import differences, without
from reidbench.presets import preset_name
from reidbench.registry import Measurement
from reidbench.reporting.tables.matching import session_of
from reidbench.spec import Cell, Record, canonical_json
from reidbench.store import Store

OTHERS = {
    "settings.dataset": "dataset",
    "settings.protocol": "protocol",
    "settings.recipe.precision": "precision",
    "settings.recipe": "recipe",
    "settings.trunk": "trunk",
    "settings.version": "version of the measurement",
    "settings.training": "version of the trainer",
    "settings.precision": "precision",
    "settings.device": "device",
    "settings.threads": "thread count",
    "settings.backend": "backend",
    "settings.reference": "reference row",
    "settings.shape": "shape of clips",
    "options": "setting of the model's options",
    "model": "model",
}
"""What it is called that two cells differ in, by where in their identity; the first that fits counts."""

SHOWN = 24
"""Characters of a value that a reason may quote."""


def subject(cell: Mapping[str, Any]) -> str:
    """What a cell's identity says is measured: all of it but the code's hashes and the seed."""
    return canonical_json(_without_code(cell))


def _without_code(cell: Mapping[str, Any]) -> dict[str, Any]:
    return without(cell, ("source", "settings.seed", "settings.reference.source"))


def code_of(cell: Mapping[str, Any]) -> tuple[str, str]:
    """The hashes of the code in a cell's identity: the model's, and the reference row's where it has one."""
    return cell["source"], cell["settings"].get("reference", {}).get("source", "")


def is_read(measurement: Measurement) -> bool:
    """Whether another run reads another value of the same code: times, and what a process of its own takes of a device,
    but for what is trained."""
    alone = measurement.mode == "alone" and "device" in measurement.needs and not measurement.needs_training
    return measurement.mode == "interleaved" or alone


class Side:
    """One store's successful records, each read once.

    Those of what is read anew each time (`is_read`) include the ones before the last one, of others only the last is a
    result. Only those of some `measurements` are read, or of all.
    """

    def __init__(self, store: Store, measurements: Collection[str] = ()) -> None:
        known = registry.measurements()
        self.store = store
        self._every: dict[str, list[Record]] = {}
        earlier = [
            record
            for record in store.superseded(*measurements)
            if (found := known.get(record.cell["measurement"])) and is_read(found)
        ]
        for record in (*store.records(*measurements), *earlier):
            if record.status == "ok":
                self._every.setdefault(subject(record.cell), []).append(record)
        self.records, self._without = self._every, set[tuple[str, tuple[str, str]]]()

    def before(self, cells: Iterable[Cell]) -> Side:
        """The same records, read once, of which those of what some cells measure, by the same code and of any seed,
        count as not there."""
        found = copy(self)
        found._without = {(subject(cell.identity), code_of(cell.identity)) for cell in cells}
        kept = {
            what: [record for record in records if not found.is_without(record.cell)]
            for what, records in self._every.items()
        }
        found.records = {what: records for what, records in kept.items() if records}
        return found

    def is_without(self, cell: Mapping[str, Any]) -> bool:
        """Whether records of this identity, whatever their seed, count as not there."""
        return (subject(cell), code_of(cell)) in self._without

    def of(self, cell: Cell, *, exactly: bool = False) -> tuple[Record, ...]:
        """Records of what a cell measures: all seeds, sessions or readings, in the order of time, of one code.

        That is the cell's own code where `exactly`, else the one measured last. Sessions are those of the versions of
        packages that the last one had.
        """
        identity = cell.identity
        found = sorted(self.records.get(subject(identity), ()), key=lambda record: record.started)
        if exactly:
            found = [record for record in found if code_of(record.cell) == code_of(identity)]
        if not found:
            return ()
        last = found[-1]
        same_code = [record for record in found if code_of(record.cell) == code_of(last.cell)]
        return tuple(record for record in same_code if record.versions == last.versions)

    def beside(self, cells: Mapping[str, Cell], record: Record) -> dict[str, Record]:
        """The records of the session that a record comes from, of what some cells measure, by their names."""
        session = session_of(record)
        return {
            name: found
            for name, cell in cells.items()
            for found in self._every.get(subject(cell.identity), ())
            if session_of(found) == session
        }

    def nearest(self, cell: Cell) -> str:
        """In what the record of the same row or model that is most like a cell differs from it; "" if there is none."""
        identity = cell.identity
        found = []
        for records in self.records.values():
            other = records[-1].cell
            alike = records[-1].row == cell.row or (other["model"], other["options"]) == (
                identity["model"],
                identity["options"],
            )
            if other["measurement"] == cell.measurement and alike:
                found.append((list(differences(_without_code(identity), _without_code(other))), other))
        if not found:
            return ""
        nearest, other = min(found, key=lambda pair: len(pair[0]))
        return _in_words(nearest, identity, other)


def _in_words(found: list[tuple[str, Any, Any]], here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """ "another recipe (preset quick, there standard), another thread count (2, there 4)"."""
    labels: dict[str, tuple[str, Any, Any]] = {}
    for each in found:
        place = next((known for known in OTHERS if f"{each[0]}.".startswith(f"{known}.")), "")
        labels.setdefault(place, each)
    presets = [preset_name(cell["settings"].get("recipe", {})) for cell in (here, there)]
    if all(presets) and presets[0] != presets[1]:
        for place in ("settings.recipe", "options"):
            labels.pop(place, None)
        text = [f"another preset ({presets[0]}, there {presets[1]})"]
    else:
        text = []
    for place, (path, own, other) in labels.items():
        what = f"{path.removeprefix(place).strip('.')} {_shown(own)}".strip()
        text.append(f"another {OTHERS.get(place, path)} ({what}, there {_shown(other)})")
    return ", ".join(text)


def _shown(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
