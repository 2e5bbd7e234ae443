"""From what a command asks to the cells that answer it. Imports no torch and measures nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from reidbench import machine as this_machine
from reidbench import presets, registry
from reidbench.data.splits import Splits
from reidbench.deployment.backends import BACKENDS, EAGER, check_backend, missing, not_in
from reidbench.files import sha256_of
from reidbench.planning.dataset_identity import AskedData, choose_splits, identities
from reidbench.planning.rows import choose_rows
from reidbench.planning.wellformed import check_suite
from reidbench.recipes import Preset, Recipe
from reidbench.registry import lookup, nearest, resolve_options
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import COST_SHAPE, NO_TRUNK, Cell, Column, Places, Row, Suite, UserError, canonical_json
from reidbench.store import Store
from reidbench.trunks import SYNTHETIC, cannot_start

PUBLISHED_ONLY = "published only"
NOT_HERE = "the registry does not have this method yet"
"""Why a row has no model, where it does not say so itself."""
NAMED_TRUNKS = ("imagenet", "synthetic")
MOST_SEEDS = 100
"""Trainings of a row that can be asked for; nobody has had a tenth of it measured."""


@dataclass(frozen=True)
class Request:
    """What the command line asks of a suite. Empty values, and no number of seeds, mean the preset's own.

    `splits` chooses of a dataset's random splits, as `parse_splits` reads it: "" for all of them.
    """

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
    splits: str = ""


@dataclass(frozen=True)
class Plan:
    """A suite with the cells that fill it.

    `cells` maps (row name, column index) to its cells: one a seed for accuracy, of each of the dataset's `splits` where
    it has any, else one. `absent` says why a column cannot be measured here, of which `uninstalled` holds what could
    be, and perhaps was elsewhere, with packages that are not installed. `request` is what it was made by.
    """

    name: str
    suite: Suite
    preset: Preset
    request: Request
    cells: Mapping[tuple[str, int], tuple[Cell, ...]]
    absent: Mapping[tuple[str, int], str]
    splits: Splits = field(default_factory=Splits)
    uninstalled: Mapping[tuple[str, int], tuple[Cell, ...]] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        """Where the data lie and what trunks start from, on this machine."""
        return Places(self.request.root, self.request.weights)

    def all_cells(self) -> list[Cell]:
        """Every cell once, in the order of rows and columns."""
        return list({cell.key: cell for cells in self.cells.values() for cell in cells}.values())

    @property
    def own(self) -> frozenset[str]:
        """The settings of the recipe that some row has otherwise than the preset."""
        by_model = self.preset.by_model
        return frozenset(name for row in self.suite.rows for name in (*row.recipe, *by_model.get(row.model, ())))


def all_cells(plans: Iterable[Plan]) -> list[Cell]:
    """The cells of several plans, each once: what they share is measured once."""
    return list({cell.key: cell for plan in plans for cell in plan.all_cells()}.values())


def make_plan(name: str, suite: Suite, request: Request, store: Store) -> Plan:
    """Expands rows x columns x splits x seeds. Raises UserError for anything unknown in the suite or the request."""
    check_suite(name, suite)
    check_device(request.device)
    preset = choose_preset(request)
    rows = choose_rows(suite, request.rows)
    check_only(request.only)
    machine = store.machine()
    reference = next(row for row in suite.rows if row.name == suite.reference)
    splits = choose_splits(asked_data(request, preset))
    opened: dict[str, list[dict[str, Any]]] = {}
    cells: dict[tuple[str, int], tuple[Cell, ...]] = {}
    absent: dict[tuple[str, int], str] = {}
    uninstalled: dict[tuple[str, int], tuple[Cell, ...]] = {}
    for index, column in _wanted_columns(suite, request, preset.dataset):
        trains = registry.measurements()[column.measurement].needs_training
        reason = _reason_to_leave_out(column, preset.dataset, machine)
        lacking = _lacking(column, request.device if trains else "cpu", machine)
        options = {**request.dataset_options, **column.data}
        for row in rows:
            if reason or not row.model:
                absent[row.name, index] = reason or f"{PUBLISHED_ONLY}: {row.absent or NOT_HERE}"
                continue
            if trains:
                recipe = trained_by(row, preset)
                if cannot := cannot_start(registry.trunk_of(row.model), recipe.trunk):
                    absent[row.name, index] = cannot
                    continue
                data = canonical_json(column.data)
                if data not in opened:
                    asked = replace(request, dataset_options=options)
                    opened[data] = identities(asked_data(asked, preset), splits, store)
                training = _training_settings(row, recipe, request)
                found = _accuracy_cells(row, column, preset, training, opened[data])
            else:
                settings = _cost_settings(row, column, reference, machine)
                found = (_cell(row, column.measurement, cost_options(row), settings),)
            # What was recorded while it was installed is still shown.
            if lacking and not all(map(store.holds, found)):
                absent[row.name, index], uninstalled[row.name, index] = lacking, found
            else:
                cells[row.name, index] = found
    shown = replace(suite, rows=rows)
    return Plan(name, shown, preset, request, cells, absent, splits, uninstalled)


def _wanted_columns(suite: Suite, request: Request, dataset: str) -> Iterator[tuple[int, Column]]:
    """The columns of a kind with their places; one bound to the dataset makes the unbound one needless.

    Of costs alone, asked for on a GPU, what would be measured on the CPU is not wanted.
    """
    bound = {column.quantity for column in suite.columns if column.dataset == dataset}
    for index, column in enumerate(suite.columns):
        measurement = registry.measurements()[column.measurement]
        kind = "accuracy" if measurement.needs_training else "cost"
        here = "device" not in measurement.needs or column.settings.get("device", "cpu") == request.device
        elsewhere = (request.only, request.device) == ("cost", "cuda") and not here
        if request.only in ("", kind) and not elsewhere and (column.dataset or column.quantity not in bound):
            yield index, column


def _reason_to_leave_out(column: Column, dataset: str, machine: Mapping[str, Any]) -> str:
    """Why no row of a column can be measured here; "" where they can."""
    if column.settings.get("device") == "cuda" and not machine["gpu"]:
        reason = this_machine.gpu().reason if machine == this_machine.describe() else ""
        return f"torch sees no GPU: {reason}" if reason else "no CUDA GPU on this machine"
    if column.dataset and column.dataset != dataset:
        return f"trained on {dataset}, not on {column.dataset}"
    return ""


def _lacking(column: Column, device: str, machine: Mapping[str, Any]) -> str:
    """Why a column's backend cannot run here, on `device` if the column names none; "" where it can.

    What a processor computes in is known of this machine alone, so of records of another `machine` it is not asked.
    Raises UserError if it never could.
    """
    if "backend" not in column.settings:
        return ""
    settings = {"device": device, "precision": "fp32", **column.settings}
    known = lookup("backend", settings["backend"], BACKENDS).devices
    somewhere = settings["device"] if "device" in column.settings or device in known else known[0]
    backend = check_backend(settings["backend"], somewhere, settings["precision"])
    if settings["precision"] not in backend.precisions.get(settings["device"], ()):
        return f"{backend.name} does not compute in {settings['precision']} on {settings['device']}"
    if reason := missing(backend.packages, backend.extra):
        return reason
    return not_in(backend.name, settings["precision"]) if machine == this_machine.describe() else ""


def accuracy_cell(model: str, options: Mapping[str, Any], request: Request, seed: int, store: Store) -> Cell:
    """The accuracy cell of one model under a preset, as any suite would plan it, of one split of the dataset."""
    check_device(request.device)
    preset = choose_preset(request)
    kind = registry.trunk_of(model)
    if kind == NO_TRUNK and request.weights in NAMED_TRUNKS:
        raise UserError(
            f"--weights {request.weights}: there are none for {model}, which stands on no known trunk and starts as it "
            "is built; leave it out, or give a file that its load_trunk can take"
        )
    row = Row(model, model, options)
    recipe = trained_by(row, preset)
    dataset, *_ = identities(asked_data(request, preset), Splits(), store)
    settings = {**_training_settings(row, recipe, request), "dataset": dataset, "seed": seed}
    return _cell(row, "accuracy", model_options(row, preset), settings)


def model_cell(model: str, options: Mapping[str, Any], preset: Preset) -> Cell:
    """A cell that holds a model's identity at a preset's scale and nothing that is measured of it."""
    row = Row(model, model, options)
    return _cell(row, "export", model_options(row, preset), {})


def check_only(only: str) -> None:
    """Raises UserError for a kind of column that is not known; "" stands for both."""
    if only:
        lookup("kind of column for --only", only, {"accuracy": 1, "cost": 1})


def check_device(device: str) -> None:
    """Raises UserError for a device that is not known."""
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: give cpu or cuda")


def choose_preset(request: Request) -> Preset:
    """The preset with the dataset, the seeds and the trunk's weights of the request, its recipe that of the dataset."""
    preset = lookup("preset", request.preset, presets.PRESETS)
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


def asked_data(request: Request, preset: Preset) -> AskedData:
    """What a request asks of its dataset, the preset's options included."""
    options = {**preset.dataset_options, **request.dataset_options}
    return AskedData(preset.dataset, options, request.root, request.subset, request.splits)


def trained_by(row: Row, preset: Preset) -> Recipe:
    """The recipe that a row is trained by under a preset: the preset's for its model, then the row's own."""
    recipe = preset.recipe_on(preset.dataset, registry.trunk_of(row.model), row.model)
    frames = preset.by_model.get(row.model, {}).get("frames", row.frames)
    return replace(recipe.but(row.recipe), frames=frames)


def model_options(row: Row, preset: Preset) -> dict[str, Any]:
    """A row's options under a preset: those of the preset that the model has, the frame size, then the row's own."""
    known = lookup("model", row.model, registry.models()).options
    recipe = trained_by(row, preset)
    wanted = {**preset.model_options, "size": recipe.size, "frames": recipe.frames}
    return {**{name: value for name, value in wanted.items() if name in known}, **row.options}


def cost_options(row: Row) -> dict[str, Any]:
    """The options that a row's costs are measured with, at the paper's size of frames and its own length of clips."""
    known = lookup("model", row.model, registry.models()).options
    length = {"frames": row.frames} if "frames" in known else {}
    return {**registry.size_of_costs(row.model), **length, **row.options}


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
        settings.setdefault("backend", EAGER)
    if "reference" in measurement.needs:
        shape = cost_shape(reference)
        settings["reference"] = {**_model_identity(reference.model, cost_options(reference)), "shape": shape}
    return settings


def cost_shape(row: Row) -> tuple[int, ...]:
    """One clip of a row, [B, T, 3, H, W], at the paper's scale."""
    return (1, row.frames, *COST_SHAPE[2:])


def _training_settings(row: Row, recipe: Recipe, request: Request) -> dict[str, Any]:
    """The settings of a row's trained cells, but for the dataset and the seed."""
    protocol = lookup("protocol", request.protocol, PROTOCOLS)
    return {
        "version": registry.measurements()["accuracy"].version,
        "recipe": recipe.identity,
        "trunk": trunk_identity(recipe.trunk, request.weights, registry.trunk_of(row.model)),
        "protocol": protocol.identity,
        "device": request.device,
        "threads": 1 if request.device == "cpu" else 0,
    }


def trunk_identity(trunk: str, file: str, kind: str) -> str:
    """What a trunk of some kind starts from: a name, or a hash of the file it is read from."""
    if trunk in ("", "imagenet"):
        return trunk
    path = SYNTHETIC[kind] if trunk == "synthetic" else Path(file)
    if path.exists() and not path.is_file():
        raise UserError(f"--weights {path}: is no file; give a checkpoint")
    try:
        facts = path.stat()
        return f"{trunk} {_digest(path.resolve(), facts.st_mtime_ns, facts.st_size)}"
    except OSError as error:
        hint = nearest(file, NAMED_TRUNKS, otherwise=f"; give a file, or {' or '.join(NAMED_TRUNKS)}")
        raise UserError(f"--weights {path}: cannot read: {error.strerror}{hint}") from error


@cache
def _digest(path: Path, *_: int) -> str:
    """Twelve digits of a file's SHA-256, read once while it has one time and size: each row of a plan asks for it."""
    return sha256_of(path)[:12]


def _accuracy_cells(
    row: Row, column: Column, preset: Preset, training: Mapping[str, Any], datasets: Iterable[Mapping[str, Any]]
) -> tuple[Cell, ...]:
    """One cell for each dataset, of which there are as many as splits, and seed."""
    options, settings = model_options(row, preset), dict(training)
    if column.measurement != "accuracy":
        version = registry.measurements()[column.measurement].version
        settings |= {"version": version, "training": training["version"]}
    return tuple(
        _cell(row, column.measurement, options, {**settings, "dataset": dataset, "seed": seed, **column.settings})
        for dataset in datasets
        for seed in range(preset.seeds)
    )
