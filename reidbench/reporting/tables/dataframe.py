"""All that is known of a suite as a pandas frame: of a table, or of every record that there is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import registry
from reidbench.data.splits import splits_of, without_split, written_splits
from reidbench.deployment.backends import USUAL
from reidbench.estimates import estimate
from reidbench.json_trees import differences
from reidbench.planning.dataset_identity import is_usual
from reidbench.planning.plan import cost_shape, model_options, trained_by
from reidbench.planning.today import as_of_today, latest_contents
from reidbench.presets import PRESETS, preset_name
from reidbench.recipes import Preset
from reidbench.reporting.tables.matching import against_published, measured_elsewhere, outdated, printed_value
from reidbench.reporting.tables.table import Entry, Table, shared
from reidbench.scatter import Noise, covering, noise_by_device, on_device
from reidbench.spec import Column, Quantity, Record, Row, Suite, UserError, canonical_json
from reidbench.store import MACHINE, Store, machines

if TYPE_CHECKING:
    import pandas as pd

FRAME_COLUMNS = (
    *("suite", "row", "model", "measurement", "quantity", "unit", "value", "low", "high", "n", "sd"),
    *("published", "published_dataset", "difference"),
    *("preset", "dataset", "dataset_options", "splits", "dataset_fingerprint", "protocol"),
    *("device", "precision", "backend", "threads", "shape", "settings"),
    *("machine", "state", "reason"),
)


OWN_SETTINGS = ("tracklet", "gallery", "queries")
"""What the column `settings` tells: what only some measurements have."""


def to_frame(table: Table) -> pd.DataFrame:
    """The entries of a table as a pandas frame (`FRAME_COLUMNS`), values in the unit of the column `unit`."""
    import pandas as pd

    plan = table.plan
    lines = []
    for row in plan.suite.rows:
        for heading in table.headings:
            entry = table.entries[row.name, heading.index]
            splits = plan.splits.numbers if heading.training else ()
            line = _line(row, heading.column, heading.quantity, entry, heading.settings, splits)
            preset = plan.preset.name if heading.training and _has_its_weights(plan.preset) else ""
            reason = _reason(entry.reason, table.machine, entry.records)
            lines.append({"suite": plan.name, **line, "preset": preset, "machine": table.machine, "reason": reason})
    return pd.DataFrame(lines, columns=list(FRAME_COLUMNS))


def _has_its_weights(preset: Preset) -> bool:
    """Whether trunks start from what the preset names: with others a record is of no preset."""
    known = PRESETS.get(preset.name)
    return known is not None and known.recipe.trunk == preset.recipe.trunk


def frame(suite: str, results: str = "results", *, all_data: bool = False) -> pd.DataFrame:
    """All records of a suite as a pandas frame (`FRAME_COLUMNS`), one line a row, quantity and setting, over the seeds
    and the random splits of a dataset.

    A record belongs to a row by its model and options under any preset, and to a column by its settings, whatever suite
    it was measured for. With `all_data` so does an accuracy on data that were made with options which the column does
    not ask for. All machines are listed. A record is "stale" as in a report, where the code of its model or reference
    row, the version of its measurement or trainer, the trunk or the dataset's content is another today, and `reason`
    says which, or on which other machine a record of the folder was measured. Raises UserError where there are no
    records at all.
    """
    import pandas as pd

    suites = registry.suites_of(suite)
    found = stores(results)
    with others_told(found):
        recorded = [(store, store.records(), noise_by_device(store.folder)) for store in found]
    lines = [
        {"suite": name, **line, "machine": store.name}
        for name, each in suites.items()
        for store, records, noises in recorded
        for line in _lines_of(each, store.name, records, noises, all_data)
    ]
    return pd.DataFrame(lines, columns=list(FRAME_COLUMNS))


def stores(results: str) -> list[Store]:
    """Those of all machines in a results folder, or the one whose folder it is. Raises UserError for none."""
    folder = Path(results).absolute()
    if (folder / MACHINE).is_file():
        return [Store(folder.resolve().parent, folder.resolve().name)]
    found = [Store(folder, name) for name in machines(folder)]
    if not found:
        raise UserError(f"no records under {folder}: measure first, or give the folder that holds the results")
    return found


@contextmanager
def others_told(found: Sequence[Store]) -> Iterator[None]:
    """Adds to a UserError on a file of one machine's folder how the other machines are read without it."""
    try:
        yield
    except UserError as error:
        others = [store.folder for store in found if not str(error).startswith(f"{store.folder}{os.sep}")]
        if not others or len(others) == len(found):
            raise
        raise UserError(f"{error}; another machine is read alone by its own folder as results: {others[0]}") from error


def _lines_of(
    suite: Suite, folder: str, recorded: Sequence[Record], noises: Mapping[str, Noise], all_data: bool
) -> Iterator[dict[str, Any]]:
    """The lines of one machine's records, in the order of rows and columns."""
    latest = latest_contents(recorded)
    groups = _over_splits(_over_seeds(recorded))
    places = {column.quantity: place for place, column in reversed([*enumerate(suite.columns)])}
    for row in suite.rows:
        pairs = []
        for records in _of_row(row, groups):
            columns = _columns_of(suite, row, records[0], all_data)
            paths = [p for r in records if columns for p, *_ in differences(r.cell, as_of_today(r.cell, latest))]
            reason = outdated(list(dict.fromkeys(paths))) if paths else ""
            pairs += [(column, records, reason) for column in columns]
        for column, records, reason in sorted(pairs, key=lambda pair: places[pair[0].quantity]):
            noise = on_device(noises, records[0].cell["settings"])
            yield _recorded_line(row, column, folder, records, reason, noise)


def _reason(state: str, folder: str, records: Iterable[Record]) -> str:
    """Why a line is not "ok", and on which machine it was measured where that is not the folder's."""
    return "; ".join(filter(None, (state, measured_elsewhere(folder, records))))


def _line(
    row: Row,
    column: Column,
    quantity: Quantity,
    entry: Entry,
    settings: Mapping[str, Any],
    splits: Iterable[int],
) -> dict[str, Any]:
    known, scale = entry.estimate, quantity.scale
    published = row.publication(column.published, column.dataset) if "dataset" in settings else None
    dataset, recipe = settings.get("dataset", {}), settings.get("recipe", {})
    return {
        "row": row.name,
        "model": row.model,
        "measurement": column.measurement,
        "quantity": column.field,
        "unit": quantity.unit,
        "value": known.value * scale if known else None,
        "low": known.low * scale if known else None,
        "high": known.high * scale if known else None,
        "n": known.n if known else 0,
        "sd": known.sd * scale if known else None,
        "published": entry.published,
        "published_dataset": published.dataset if published else "",
        "difference": entry.difference,
        "preset": preset_name(recipe, row.recipe) if recipe else "",
        "dataset": dataset.get("name", ""),
        "dataset_options": options_text(dataset),
        "splits": written_splits(splits),
        "dataset_fingerprint": dataset.get("fingerprint", ""),
        "protocol": settings.get("protocol", {}).get("name", ""),
        "device": settings.get("device", ""),
        "precision": settings.get("precision") or recipe.get("precision", ""),
        "backend": settings.get("backend", ""),
        "threads": settings.get("threads"),
        "shape": "x".join(map(str, _shape(entry, settings))),
        "settings": ", ".join(f"{name} {settings[name]}" for name in OWN_SETTINGS if name in settings),
        "state": entry.state,
        "reason": entry.reason,
    }


def options_text(dataset: Mapping[str, Any]) -> str:
    """The options in a dataset's identity, as in "occlusion 0.5, seed 3"."""
    return ", ".join(f"{name} {value}" for name, value in dataset.get("options", {}).items())


def _shape(entry: Entry, settings: Mapping[str, Any]) -> Sequence[int]:
    """That of the clips, which rows of one column need not share."""
    known: Sequence[int] = settings.get("shape") or next(
        (r.cell["settings"].get("shape", ()) for r in entry.records), ()
    )
    return known


def _recorded_line(
    row: Row, column: Column, folder: str, records: Sequence[Record], reason: str, noise: Noise | None
) -> dict[str, Any]:
    """`folder` is the machine's; `reason` says why the records are stale, "" if they are not; `noise` is that between
    sessions."""
    quantity = registry.quantity(column)
    good = tuple(record for record in records if record.status == "ok")
    settings = [record.cell["settings"] for record in good or records]
    known = covering(noise, quantity, estimate(quantity, column.field, good))
    state = records[0].status if not good else "stale" if reason else "ok"
    published = printed_value(row, column)
    difference = None
    if published and state == "ok":
        difference, _ = against_published(row, column, quantity, known, settings)
    why = _reason(reason if good else records[0].error, folder, good or records)
    entry = Entry(state, known, published, difference, good, why)
    return _line(row, column, quantity, entry, shared(settings), splits_of(settings).numbers)


def _of_row(row: Row, groups: Sequence[list[Record]]) -> list[list[Record]]:
    """The records of a row's model with its options, as they are for costs or under any preset, and by its recipe."""
    if not row.model:
        return []
    function = registry.lookup("model", row.model, registry.models()).function
    identities = set()
    known: dict[str, set[str]] = {}
    for options in (row.options, *(model_options(row, preset) for preset in PRESETS.values())):
        resolved = registry.resolve_options(row.model, options)
        resolved.pop("classes", None)
        identities.add(canonical_json([function, resolved]))
    return [
        group
        for group in groups
        if canonical_json([group[0].cell["model"], group[0].cell["options"]]) in identities
        and _is_trained_as(row, group[0].cell["settings"], known)
    ]


def _is_trained_as(row: Row, settings: Mapping[str, Any], known: dict[str, set[str]]) -> bool:
    """Whether what a record holds of a training is a row's under some preset, whatever weights were given with it.

    `known` keeps the row's recipes under all presets, by dataset.
    """
    if "recipe" not in settings:
        return True
    dataset = settings["dataset"]["name"]
    if dataset not in known:
        recipes = (trained_by(row, replace(preset, dataset=dataset)) for preset in PRESETS.values())
        known[dataset] = {_but_for_weights(recipe.identity) for recipe in recipes}
    return _but_for_weights(settings["recipe"]) in known[dataset]


def _but_for_weights(recipe: Mapping[str, Any]) -> str:
    """A recipe as a text, without the length of clips, and of the weights of its trunk only whether there are any."""
    return canonical_json({**recipe, "frames": 0, "trunk": bool(recipe.get("trunk"))})


def _columns_of(suite: Suite, row: Row, record: Record, all_data: bool) -> list[Column]:
    """The columns of a suite that a row's record is of, those of one quantity once, with what was published for it.

    As in a table, a column that is bound to the dataset of an accuracy makes the unbound one needless.
    """
    found: dict[str, Column] = {}
    for column in suite.columns:
        if _is_of(record, row, column, all_data):
            known = found.setdefault(column.quantity, column)
            if (bool(column.dataset), bool(column.published)) > (bool(known.dataset), bool(known.published)):
                found[column.quantity] = column
    return list(found.values())


def _is_of(record: Record, row: Row, column: Column, all_data: bool) -> bool:
    """Whether a row's record is one of a column: of its measurement and settings, the threads and presets apart."""
    settings = record.cell["settings"]
    if record.cell["measurement"] != column.measurement:
        return False
    if "dataset" not in settings:
        usual = {**USUAL, "shape": list(cost_shape(row))}
        asked = {**{name: value for name, value in usual.items() if name in settings}, **column.settings}
        return all(settings.get(name) == value for name, value in asked.items())
    if any(settings.get(name) != value for name, value in column.settings.items()):
        return False
    if column.dataset not in ("", settings["dataset"]["name"]):
        return False
    return all_data or is_usual(settings, column.data)


def _over_seeds(records: Sequence[Record]) -> list[list[Record]]:
    """Records that differ in nothing but the seed, together."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        settings = {name: value for name, value in record.cell["settings"].items() if name != "seed"}
        groups.setdefault(canonical_json({**record.cell, "settings": settings}), []).append(record)
    return list(groups.values())


def _over_splits(groups: Sequence[list[Record]]) -> list[list[Record]]:
    """Groups that differ in nothing but the split of their dataset, together; apart where a split has two contents."""
    joined: dict[str, list[list[Record]]] = {}
    for group in groups:
        cell = group[0].cell
        settings = {name: value for name, value in without_split(cell["settings"]).items() if name != "seed"}
        joined.setdefault(canonical_json({**cell, "settings": settings}), []).append(group)
    found: list[list[Record]] = []
    for some in joined.values():
        splits = splits_of(group[0].cell["settings"] for group in some)
        found += [[record for group in some for record in group]] if len(splits.numbers) == len(some) else some
    return found
