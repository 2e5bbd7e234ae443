"""From what a command asks to the cells that answer it. Imports no torch and measures nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from reidbench import presets, registry
from reidbench.data.tracklets import Dataset
from reidbench.importing import import_file
from reidbench.registry import check_options, lookup, resolve_options
from reidbench.source import REQUIRED
from reidbench.spec import COST_SHAPE, Cell, Column, Places, Preset, Protocol, Row, Suite, UserError, canonical_json
from reidbench.store import Store
from reidbench.wellformed import check_suite

PUBLISHED_ONLY = "published only: the registry does not have this method yet"
NAMED_TRUNKS = ("imagenet", "synthetic")
MOST_SEEDS = 100
"""Trainings of a row that can be asked for; nobody has had a tenth of it measured."""

SYNTHETIC_TRUNK = Path(__file__).parent / "training" / "synthetic_trunk.pt"


@dataclass(frozen=True)
class Request:
    """What the command line asks of a suite. Empty values, and no number of seeds, mean the preset's own."""

    preset: str = "quick"
    only: str = ""
    rows: tuple[str, ...] = ()
    dataset: str = ""
    root: str = ""
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    protocol: str = "release"
    device: str = "cpu"
    seeds: int | None = None
    subset: bool = False
    weights: str = ""


@dataclass(frozen=True)
class Plan:
    """A suite with the cells that fill it.

    `cells` maps (row name, column index) to its cells: one a seed for accuracy, else one. `absent` says why a column
    cannot be measured here.
    """

    name: str
    suite: Suite
    preset: Preset
    dataset: str
    only: str
    cells: Mapping[tuple[str, int], tuple[Cell, ...]]
    absent: Mapping[tuple[str, int], str]
    places: Places = field(default_factory=Places)

    def all_cells(self) -> list[Cell]:
        """Every cell once, in the order of rows and columns."""
        return list({cell.key: cell for cells in self.cells.values() for cell in cells}.values())


def all_cells(plans: Iterable[Plan]) -> list[Cell]:
    """The cells of several plans, each once: what they share is measured once."""
    return list({cell.key: cell for plan in plans for cell in plan.all_cells()}.values())


def make_plan(name: str, suite: Suite, request: Request, store: Store) -> Plan:
    """Expands rows x columns x seeds. Raises UserError for anything unknown in the suite or the request."""
    check_suite(name, suite)
    check_device(request.device)
    preset = choose_preset(request)
    rows = _choose_rows(suite, request.rows)
    if request.only:
        lookup("kind of column for --only", request.only, {"accuracy": 1, "cost": 1})
    machine = store.machine()
    reference = next(row for row in suite.rows if row.name == suite.reference)
    training: dict[str, dict[str, Any]] = {}
    cells: dict[tuple[str, int], tuple[Cell, ...]] = {}
    absent: dict[tuple[str, int], str] = {}
    for index, column in _wanted_columns(suite, request.only, preset.dataset):
        trains = registry.measurements()[column.measurement].needs_training
        reason = _reason_to_leave_out(column, preset.dataset, machine)
        data = canonical_json(column.data)
        if trains and not reason and data not in training:
            options = {**request.dataset_options, **column.data}
            training[data] = _training_settings(replace(request, dataset_options=options), preset, store)
        for row in rows:
            if reason or not row.model:
                absent[row.name, index] = reason or PUBLISHED_ONLY
            elif trains:
                cells[row.name, index] = _accuracy_cells(row, column, preset, training[data])
            else:
                settings = _cost_settings(row, column, reference, machine)
                cells[row.name, index] = (_cell(row, column.measurement, row_options(row), settings),)
    shown = replace(suite, rows=rows)
    return Plan(name, shown, preset, preset.dataset, request.only, cells, absent, Places(request.root, request.weights))


def _wanted_columns(suite: Suite, only: str, dataset: str) -> Iterator[tuple[int, Column]]:
    """The columns of a kind with their places; one bound to the dataset makes the unbound one needless."""
    bound = {column.quantity for column in suite.columns if column.dataset == dataset}
    for index, column in enumerate(suite.columns):
        measurement = registry.measurements()[column.measurement]
        needless = not column.dataset and column.quantity in bound
        if not needless and only != ("cost" if measurement.needs_training else "accuracy"):
            yield index, column


def _reason_to_leave_out(column: Column, dataset: str, machine: Mapping[str, Any]) -> str:
    """Why no row of a column can be measured here; "" where they can."""
    if column.settings.get("device") == "cuda" and not machine["gpu"]:
        return "no CUDA GPU on this machine"
    if column.dataset and column.dataset != dataset:
        return f"trained on {dataset}, not on {column.dataset}"
    return ""


def accuracy_cell(model: str, options: Mapping[str, Any], request: Request, seed: int, store: Store) -> Cell:
    """The accuracy cell of one model under a preset, as any suite would plan it."""
    check_device(request.device)
    preset = choose_preset(request)
    training = _training_settings(request, preset, store)
    row = Row(model, model, options)
    return _cell(row, "accuracy", model_options(row, preset), {**training, "seed": seed})


def check_device(device: str) -> None:
    """Raises UserError for a device that is not known."""
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: give cpu or cuda")


def choose_preset(request: Request) -> Preset:
    """The preset with the dataset, the seeds and the trunk's weights of the request, its recipe that of the dataset."""
    preset: Preset = lookup("preset", request.preset, presets.PRESETS)
    if request.weights:
        trunk = request.weights if request.weights in NAMED_TRUNKS else "file"
        preset = replace(preset, recipe=replace(preset.recipe, trunk=trunk))
    if request.dataset:
        lookup("dataset", request.dataset, registry.datasets())
    if request.dataset and request.dataset != preset.dataset:
        preset = replace(preset, dataset=request.dataset, dataset_options={})
    preset = replace(preset, recipe=preset.recipe_on(preset.dataset))
    if request.seeds is None:
        return preset
    if not 1 <= request.seeds <= MOST_SEEDS:
        raise UserError(f"--seeds {request.seeds}: give 1 or more, at most {MOST_SEEDS}")
    return replace(preset, seeds=request.seeds)


def dataset_arguments(request: Request, preset: Preset) -> dict[str, Any]:
    """The keyword arguments of the dataset's function, checked by name."""
    entry = lookup("dataset", preset.dataset, registry.datasets())
    for name in ("root", "subset"):
        if name in request.dataset_options:
            raise UserError(f"--data {name}: give --{name}")
    given = {**preset.dataset_options, **request.dataset_options}
    if request.root:
        given["root"] = request.root
    if request.subset:
        given["subset"] = True
    check_options("dataset", entry, given)
    missing = [name for name, value in entry.options.items() if value is REQUIRED and name not in given]
    if missing:
        raise UserError(f"dataset {preset.dataset} needs --{missing[0]}: the folder that holds it")
    return given


def model_options(row: Row, preset: Preset) -> dict[str, Any]:
    """A row's options under a preset: those of the preset that the model has, the frame size, then the row's own."""
    known = lookup("model", row.model, registry.models()).options
    wanted = {**preset.model_options, "size": preset.recipe.size}
    return {**{name: value for name, value in wanted.items() if name in known}, **row_options(row)}


def row_options(row: Row) -> dict[str, Any]:
    """A row's own options, with the length of its clips where the model is built for one."""
    known = lookup("model", row.model, registry.models()).options
    return {**({"frames": row.frames} if "frames" in known else {}), **row.options}


def _choose_rows(suite: Suite, names: Iterable[str]) -> tuple[Row, ...]:
    """The rows asked for by name or number from 1, in the suite's order; all of them where none is asked for."""
    by_number = {str(number): row for number, row in enumerate(suite.rows, 1)}
    by_name = {row.name: row for row in suite.rows}
    chosen = [by_number.get(name) or lookup("row", name, by_name) for name in names]
    return tuple(row for row in suite.rows if not chosen or row in chosen)


def _cell(row: Row, measurement: str, options: Mapping[str, Any], settings: Mapping[str, Any]) -> Cell:
    """A cell whose identity does not depend on how its model was named: presets and defaults are spelled out."""
    return Cell(row.name, measurement, **_model_identity(row.model, options), settings=settings)


def _model_identity(model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    resolved = resolve_options(model, options)
    resolved.pop("classes", None)
    entry = lookup("model", model, registry.models())
    return {"model": entry.function, "options": resolved, "source": registry.model_source(model)}


def _cost_settings(row: Row, column: Column, reference: Row, machine: Mapping[str, Any]) -> dict[str, Any]:
    measurement = registry.measurements()[column.measurement]
    settings: dict[str, Any] = {"shape": cost_shape(row), "version": measurement.version}
    if "device" in measurement.needs:
        settings |= {"device": "cpu", "precision": "fp32", "threads": machine["cores"], **column.settings}
    if "backend" in measurement.needs:
        settings["backend"] = "eager"
    if "reference" in measurement.needs:
        shape = cost_shape(reference)
        settings["reference"] = {**_model_identity(reference.model, row_options(reference)), "shape": shape}
    return settings


def cost_shape(row: Row) -> tuple[int, ...]:
    """One clip of a row, [B, T, 3, H, W], at the paper's scale."""
    return (1, row.frames, *COST_SHAPE[2:])


def _training_settings(request: Request, preset: Preset, store: Store) -> dict[str, Any]:
    from reidbench.retrieval.protocols import PROTOCOLS

    protocol: Protocol = lookup("protocol", request.protocol, PROTOCOLS)
    return {
        "version": registry.measurements()["accuracy"].version,
        "recipe": asdict(preset.recipe),
        "trunk": _trunk_identity(preset.recipe.trunk, request.weights),
        "dataset": _dataset_identity(request, preset, store),
        "protocol": protocol.identity,
        "device": request.device,
        "threads": 1 if request.device == "cpu" else 0,
    }


def _trunk_identity(trunk: str, file: str) -> str:
    """What the trunk starts from: a name, or a hash of the file it is read from."""
    if trunk in ("", "imagenet"):
        return trunk
    path = SYNTHETIC_TRUNK if trunk == "synthetic" else Path(file)
    if path.exists() and not path.is_file():
        raise UserError(f"--weights {path}: is no file; give a checkpoint")
    try:
        return f"{trunk} {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    except OSError as error:
        raise UserError(f"--weights {path}: cannot read: {error.strerror}") from error


def _dataset_identity(request: Request, preset: Preset, store: Store) -> dict[str, Any]:
    """Name, fingerprint and options of the dataset, from its options alone where it can be made again from them.

    A dataset on disk is read for its fingerprint; without `--root` (a report) the one of these options in the store's
    records is taken.
    """
    entry = lookup("dataset", preset.dataset, registry.datasets())
    needs_root = entry.options.get("root") is REQUIRED
    if needs_root and not request.root:
        recorded = _recorded_dataset(preset.dataset, {**preset.dataset_options, **request.dataset_options}, store)
        if recorded:
            return recorded
    arguments = dataset_arguments(request, preset)
    options = {name: value for name, value in arguments.items() if name not in ("root", "subset")}
    module = import_file(entry.path)
    if not request.root and hasattr(module, "fingerprint"):
        return {
            "name": preset.dataset,
            "fingerprint": module.fingerprint(**options),
            "options": options,
            "subset": False,
        }
    try:
        found = entry.load()(**arguments)
    except Exception as error:
        if isinstance(error, UserError) or str(entry.path) not in registry.plugins():
            raise
        raise UserError(f"{entry.path}: dataset {entry.name}: {type(error).__name__}: {error}") from error
    if not isinstance(found, Dataset):
        raise UserError(f"{entry.path}: {entry.function} must return a reidbench.data.tracklets.Dataset")
    return {"name": found.name, "fingerprint": found.fingerprint, "options": options, "subset": found.subset}


def _recorded_dataset(name: str, options: Mapping[str, Any], store: Store) -> dict[str, Any] | None:
    measurements = registry.measurements()
    found = [
        record
        for record in store.records()
        if record.cell["settings"].get("dataset", {}).get("name") == name
        and record.cell["settings"]["dataset"].get("options") == options
        and record.status == "ok"
        and record.cell["measurement"] in measurements
    ]
    return max(found, key=lambda record: record.started).cell["settings"]["dataset"] if found else None


def _accuracy_cells(row: Row, column: Column, preset: Preset, training: Mapping[str, Any]) -> tuple[Cell, ...]:
    options = model_options(row, preset)
    settings = {**training, "recipe": {**training["recipe"], "frames": row.frames}}
    if column.measurement != "accuracy":
        version = registry.measurements()[column.measurement].version
        settings |= {"version": version, "training": training["version"]}
    return tuple(
        _cell(row, column.measurement, options, {**settings, "seed": seed, **column.settings})
        for seed in range(preset.seeds)
    )
