"""The exact command that measures a table again."""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reidbench import presets, registry
from reidbench.data.splits import OPTION, written_splits
from reidbench.discovery.source import REQUIRED
from reidbench.options import written_options
from reidbench.planning.plan import Plan
from reidbench.program import beginning
from reidbench.spec import CLIP_FRAMES

PROFILE = "profile"
"""What the name of a plan of `bench.py profile` begins with; the model asked for follows, which is the last row."""

OF_BACKENDS_ALONE = "disk.size"
"""The quantity that `bench.py profile` has a column of for each backend that was asked for, and no other column of."""


def command(plan: Plan) -> str:
    """The command line whose plan this is. What lies elsewhere on every machine is left to fill in: DIR, FILE.

    Plugins are named by their files as seen from the folder in which this is called.
    """
    is_profile = plan.name.startswith(f"{PROFILE}-") and plan.name not in registry.suite_paths()
    parts = _of_profile(plan) if is_profile else _of_suite(plan)
    for path in registry.plugins():
        parts += ["--plugin", _from_here(Path(path))]
    return shlex.join([*beginning(), PROFILE if is_profile else plan.name, *parts])


def _from_here(path: Path) -> str:
    """The way to an absolute path from the working folder, or the path itself where they have no folder in common."""
    here = Path.cwd()
    is_near = here.parts[:2] == path.parts[:2] or here in path.parents
    return Path(os.path.relpath(path, here)).as_posix() if is_near else str(path)


def _of_profile(plan: Plan) -> list[str]:
    row = plan.suite.rows[-1]
    parts = [row.model, *(part for text in written_options(row.options) for part in ("--set", text))]
    if row.frames != CLIP_FRAMES:
        parts += ["--frames", str(row.frames)]
    if any(column.settings.get("device") == "cuda" for column in plan.suite.columns):
        parts += ["--device", "cuda"]
    by = [column.settings for column in plan.suite.columns if column.quantity == OF_BACKENDS_ALONE]
    if by:
        parts += ["--backend", *(settings["backend"] for settings in by)]
    return [*parts, *(part for name in by[:1] if "precision" in name for part in ("--precision", name["precision"]))]


def _of_suite(plan: Plan) -> list[str]:
    parts = _of_preset(plan) if trains(plan) else []
    if plan.only:
        parts += ["--only", plan.only]
    devices = {cell.settings["device"] for cell in plan.all_cells() if "device" in cell.settings}
    if plan.only == "cost" and devices == {"cuda"}:
        parts += ["--device", "cuda"]
    rows = [row.name for row in plan.suite.rows]
    if plan.name in registry.suite_paths() and len(rows) < len(registry.suite(plan.name).rows):
        parts += ["--rows", *rows]
    return parts


def trains(plan: Plan) -> bool:
    """Whether any column that was asked for needs a training: no other depends on the preset and its data."""
    needing = {i for i, one in enumerate(plan.suite.columns) if registry.measurements()[one.measurement].needs_training}
    return any(index in needing for _, index in (*plan.cells, *plan.absent))


def _of_preset(plan: Plan) -> list[str]:
    parts = ["--preset", plan.preset.name, "--seeds", str(plan.preset.seeds)]
    preset = presets.PRESETS.get(plan.preset.name)
    if preset is None or preset.dataset != plan.preset.dataset:
        parts += ["--dataset", plan.preset.dataset]
    if plan.places.root or registry.datasets()[plan.preset.dataset].options.get("root") is REQUIRED:
        parts += ["--root", "DIR"]
    trunk = plan.preset.recipe.trunk
    if preset is not None and trunk != preset.recipe.trunk:
        parts += ["--weights", "FILE" if trunk == "file" else trunk]
    return parts + _of_training(plan)


def _of_training(plan: Plan) -> list[str]:
    """Options of the dataset, protocol, device and subset, which only the cells that are trained hold."""
    settings = next(iter(trained_settings(plan).values()), None)
    if settings is None:
        return []
    parts = [part for text in written_options(asked_of_dataset(plan)) for part in ("--data", text)]
    if not plan.splits.complete:
        parts += ["--splits", written_splits(plan.splits.numbers)]
    if settings["protocol"]["name"] != "release":
        parts += ["--protocol", settings["protocol"]["name"]]
    if settings["device"] != "cpu":
        parts += ["--device", settings["device"]]
    return [*parts, "--subset"] if settings["dataset"].get("subset") else parts


def trained_settings(plan: Plan) -> dict[int, Mapping[str, Any]]:
    """The settings of a cell of each column that is trained and has any, by the column's index."""
    return {i: some[0].settings for (_, i), some in plan.cells.items() if "protocol" in some[0].settings}


def asked_of_dataset(plan: Plan) -> dict[str, Any]:
    """The options of the dataset in the settings of trained columns which neither preset nor column asks for."""
    asked: dict[str, Any] = {}
    for index, settings in trained_settings(plan).items():
        known = {**plan.preset.dataset_options, **plan.suite.columns[index].data}
        options = settings["dataset"].get("options", {})
        asked |= {name: value for name, value in options.items() if name not in known or known[name] != value}
    if plan.splits.count:
        asked.pop(OPTION, None)
    return asked
