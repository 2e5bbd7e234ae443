"""The exact command that measures a table again."""

from __future__ import annotations

import os.path
import shlex
from pathlib import Path
from typing import Any

from reidbench import presets, registry
from reidbench.data.splits import OPTION, written_splits
from reidbench.discovery.source import REQUIRED
from reidbench.options import written_options
from reidbench.planning.plan import Plan, Request
from reidbench.program import beginning
from reidbench.spec import CLIP_FRAMES, printable

PROFILE = "profile"
"""What the name of a plan of `bench.py profile` begins with; the model asked for follows, which is the last row."""

OF_BACKENDS_ALONE = "disk.size"
"""The quantity of which `bench.py profile` has a column for each `--backend`, and then for eager torch."""


def command(plan: Plan) -> str:
    """The command line whose plan this is. What lies elsewhere on every machine is left to fill in: DIR, FILE.

    Plugins are named by their files as seen from the folder in which this is called.
    """
    is_profile = plan.name.startswith(f"{PROFILE}-") and plan.name not in registry.suite_paths()
    parts = _of_profile(plan) if is_profile else _of_suite(plan)
    for path in registry.plugins():
        parts += ["--plugin", _from_here(Path(path))]
    return printable(shlex.join([*beginning(), PROFILE if is_profile else plan.name, *parts]))


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
    sized = [column.settings for column in plan.suite.columns if column.quantity == OF_BACKENDS_ALONE]
    by = [settings for settings in sized if "backend" in settings]
    if by:
        parts += ["--backend", *(settings["backend"] for settings in by)]
    return [*parts, *(part for name in by[:1] if "precision" in name for part in ("--precision", name["precision"]))]


def _of_suite(plan: Plan) -> list[str]:
    parts = _of_preset(plan) if trains(plan) else []
    if plan.request.only:
        parts += ["--only", plan.request.only]
    devices = {cell.settings["device"] for cell in plan.all_cells() if "device" in cell.settings}
    if plan.request.only == "cost" and devices == {"cuda"}:
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
    preset, asked, usual = plan.preset, plan.request, presets.PRESETS[plan.preset.name]
    parts = ["--preset", preset.name, "--seeds", str(preset.seeds)]
    if usual.dataset != preset.dataset:
        parts += ["--dataset", preset.dataset]
    if asked.root or registry.datasets()[preset.dataset].options.get("root") is REQUIRED:
        parts += ["--root", "DIR"]
    if preset.recipe.trunk != usual.recipe.trunk:
        parts += ["--weights", "FILE" if preset.recipe.trunk == "file" else preset.recipe.trunk]
    parts += [part for text in written_options(asked_of_dataset(plan)) for part in ("--data", text)]
    if not plan.splits.complete:
        parts += ["--splits", written_splits(plan.splits.numbers)]
    for name in ("protocol", "device"):
        if getattr(asked, name) != getattr(Request, name):
            parts += [f"--{name}", getattr(asked, name)]
    return [*parts, "--subset"] if asked.subset else parts


def asked_of_dataset(plan: Plan) -> dict[str, Any]:
    """The options of the dataset that were asked for otherwise than the preset has them, the split apart."""
    usual, asked = plan.preset.dataset_options, plan.request.dataset_options
    return {n: v for n, v in asked.items() if usual.get(n) != v and not (n == OPTION and plan.splits.count)}
