"""What a dataset that a command asks for is called with, and what a cell's key holds of it. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reidbench import registry
from reidbench.data.opening import open_dataset
from reidbench.data.splits import OPTION, Splits, parse_splits, without_split
from reidbench.discovery.entries import Entry
from reidbench.discovery.importing import import_file
from reidbench.discovery.source import REQUIRED
from reidbench.presets import PRESETS
from reidbench.registry import check_options, lookup
from reidbench.spec import UserError, canonical_json
from reidbench.store import Store


@dataclass(frozen=True)
class AskedData:
    """A dataset by name with the options given for it; `splits` as `parse_splits` reads it, "" for all."""

    name: str
    options: Mapping[str, Any]
    root: str = ""
    subset: bool = False
    splits: str = ""


def entry_of(asked: AskedData) -> Entry:
    """The dataset's entry in the registry. Raises UserError if it has none."""
    return lookup("dataset", asked.name, registry.datasets())


def arguments(asked: AskedData) -> dict[str, Any]:
    """The keyword arguments of the dataset's function, checked by name; one that has splits is told which."""
    entry = entry_of(asked)
    for name in ("root", "subset"):
        if name in asked.options:
            raise UserError(f"--data {name}: give --{name}")
    given = _options(asked)
    if asked.root:
        given["root"] = asked.root
    if asked.subset:
        given["subset"] = True
    check_options("dataset", entry, given)
    missing = [name for name, value in entry.options.items() if value is REQUIRED and name not in given]
    if missing:
        raise UserError(f"dataset {asked.name} needs --{missing[0]}: the folder that holds it")
    return given


def with_kept(entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset's arguments and, where it lies in a root that notes them, the options that it was made with.

    Raises UserError if one that is given differs from them.
    """
    module = import_file(entry.path)
    if "root" not in given or not hasattr(module, "kept_options"):
        return dict(given)
    return {**given, **module.kept_options(**given)}


def choose_splits(asked: AskedData) -> Splits:
    """The splits of the dataset that are asked for. Raises UserError for those that there are not."""
    entry, given = entry_of(asked), asked.options.get(OPTION)
    if not entry.splits:
        if asked.splits:
            raise UserError(f"--splits {asked.splits}: dataset {asked.name} has no random splits; leave it out")
        return Splits()
    if given is None:
        return parse_splits(asked.splits or "all", asked.name, entry.splits)
    if asked.splits:
        raise UserError(f"--splits {asked.splits} and --data {OPTION}={given}: give one of them")
    return Splits((given,), entry.splits)


def identities(asked: AskedData, splits: Splits, store: Store) -> list[dict[str, Any]]:
    """Name, fingerprint and options of the dataset, once for each split; once where it has none.

    A dataset on disk is read for its fingerprint; without a root (a report) the one of these options in the store's
    records is taken. A split that has no record then has no fingerprint, if another split has one.
    """
    chosen = [{OPTION: number} for number in splits.numbers] or [{}]
    each = [replace(asked, options={**asked.options, **split}) for split in chosen]
    if entry_of(asked).options.get("root") is REQUIRED and not asked.root:
        recorded = _recorded(asked, [_options(one) for one in each], store)
        known = next(filter(None, recorded), None)
        if known:
            pairs = zip(recorded, each, strict=True)
            return [found or {**known, "fingerprint": "", "options": _options(one)} for found, one in pairs]
    return [_identity(one) for one in each]


def fingerprint_of(asked: AskedData) -> str:
    """The fingerprint of a dataset that is made from its options alone; "" where it has to be read for it."""
    entry, given = entry_of(asked), arguments(asked)
    module = import_file(entry.path)
    if asked.root or not hasattr(module, "fingerprint"):
        return ""
    return str(module.fingerprint(**_without_places(given)))


def dataset_text(name: str, subset: bool, options: Mapping[str, Any], splits: int = 0, **_: object) -> str:
    """A dataset's identity in words: its name, which random split it is, other options, whether it is a subset."""
    split = f" split {options[OPTION]} of {splits}" if splits else ""
    given = "".join(f" {option}={value}" for option, value in options.items() if not splits or option != OPTION)
    return f"{name}{split}{given}{' (a subset)' if subset else ''}"


def is_usual(settings: Mapping[str, Any], asked: Mapping[str, Any] | None = None) -> bool:
    """Whether the data in a cell's settings, if any, have no options but a split, a preset's and those `asked` for."""
    made_with = without_split(settings).get("dataset", {}).get("options", {})
    presets = [{}, *(preset.dataset_options for preset in PRESETS.values())]
    return any(made_with == {**usual, **(asked or {})} for usual in presets)


def _identity(asked: AskedData) -> dict[str, Any]:
    """From the options alone where the dataset can be made again from them."""
    entry = entry_of(asked)
    given = with_kept(entry, arguments(asked))
    name, known, subset = asked.name, fingerprint_of(asked), False
    if not known:
        found = open_dataset(entry, given)
        name, known, subset = found.name, found.fingerprint, found.subset
    identity = {"name": name, "fingerprint": known, "options": _without_places(given), "subset": subset}
    return {**identity, "splits": entry.splits} if entry.splits else identity


def _without_places(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a dataset that are its identity: not where it lies, nor that only a part of it is read."""
    return {name: value for name, value in given.items() if name not in ("root", "subset")}


def _options(asked: AskedData) -> dict[str, Any]:
    """Those given, and the first split's number where the dataset has several and none is given."""
    entry = entry_of(asked)
    return {**({OPTION: entry.options.get(OPTION, 1)} if entry.splits else {}), **asked.options}


def _recorded(asked: AskedData, wanted: Sequence[Mapping[str, Any]], store: Store) -> list[dict[str, Any] | None]:
    """The identity of a dataset with each of some options in the latest record that has it."""
    measurements, splits = registry.measurements(), entry_of(asked).splits
    records = [
        record
        for record in store.records(*measurements)
        if (dataset := record.cell["settings"].get("dataset", {})).get("name") == asked.name
        and dataset.get("splits", 0) == splits
        and record.status == "ok"
    ]
    datasets = [record.cell["settings"]["dataset"] for record in sorted(records, key=lambda record: record.started)]
    latest = {canonical_json(dataset.get("options")): dataset for dataset in datasets}
    return [latest.get(canonical_json(options)) for options in wanted]
