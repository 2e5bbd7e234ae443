"""The exact command that measures a table again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from reidbench import presets, registry
from reidbench.source import REQUIRED

if TYPE_CHECKING:
    from reidbench.plan import Plan


def command(plan: Plan) -> str:
    """The command line whose plan this is. What lies elsewhere on every machine is left to fill in: DIR, FILE."""
    parts = ["python", "bench.py", plan.name, "--preset", plan.preset.name, "--seeds", str(plan.preset.seeds)]
    preset = presets.PRESETS.get(plan.preset.name)
    if preset is None or preset.dataset != plan.dataset:
        parts += ["--dataset", plan.dataset]
    if registry.datasets()[plan.dataset].options.get("root") is REQUIRED:
        parts += ["--root", "DIR"]
    trunk = plan.preset.recipe.trunk
    if preset is not None and trunk != preset.recipe.trunk:
        parts += ["--weights", "FILE" if trunk == "file" else trunk]
    parts += _of_training(plan)
    if plan.only:
        parts += ["--only", plan.only]
    return shlex.join(parts)


def _of_training(plan: Plan) -> list[str]:
    """Protocol, device and subset, which only the cells that are trained hold."""
    settings = next((cell.settings for cell in plan.all_cells() if "protocol" in cell.settings), None)
    if settings is None:
        return []
    parts = []
    if settings["protocol"]["name"] != "release":
        parts += ["--protocol", settings["protocol"]["name"]]
    if settings["device"] != "cpu":
        parts += ["--device", settings["device"]]
    return [*parts, "--subset"] if settings["dataset"].get("subset") else parts
