"""What a suite's rows were trained by besides what its report shows: other presets, datasets, protocols, devices."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from reidbench import registry
from reidbench.data.splits import OPTION
from reidbench.machine import slug
from reidbench.planning.plan import Plan, Request
from reidbench.presets import PRESETS, preset_name
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Suite
from reidbench.store import Store


def trained_otherwise(plans: Sequence[Plan], store: Store) -> list[str]:
    """The options of `report` that show what else the rows of some plans were trained by; none where nothing was.

    Left out are recipes that are no preset's, and data made with options of its own.
    """
    trained = [(plan, cell) for plan in plans for cell in plan.all_cells() if "recipe" in cell.settings]
    own = {slug(row.name): row.recipe for plan in plans for row in plan.suite.rows}
    cells = store.cells(*{cell.measurement for _, cell in trained}) if trained else ()
    found = {_options(asked) for row, cell in cells if row in own and (asked := asked_by(cell["settings"], own[row]))}
    shown = {
        _options(asked)
        for plan, cell in trained
        if (asked := asked_by(cell.settings, own[slug(cell.row)], usual=plan.preset.name))
    }
    return sorted(found - shown)


def reports_of(suite: Suite, store: Store) -> list[Request]:
    """What asks for each report of a suite that a machine may have records for: the usual one, then others.

    Left out is what `trained_otherwise` leaves out, and what is asked for by a name that is not known here.
    """
    measurements = registry.measurements()
    names = {column.measurement for column in suite.columns if measurements[column.measurement].needs_training}
    asked = [asked_by(cell["settings"]) for _, cell in store.cells(*names)] if names else []
    usual = Request(dataset=PRESETS[Request.preset].dataset)
    others = {_options(each): each for each in asked if each and _is_known(each)}
    return [usual, *(each for _, each in sorted(others.items()) if each != usual)]


def asked_by(settings: Mapping[str, Any], own: Mapping[str, Any] | None = None, *, usual: str = "") -> Request | None:
    """What asks for a training with these settings, of a row with an `own` part of the recipe, of several presets the
    `usual` one; None if nothing but options of its own does."""
    recipe, data = settings["recipe"], settings["dataset"]
    preset = PRESETS.get(usual)
    if preset is None or not preset.has(recipe, own or {}):
        preset = PRESETS.get(preset_name(recipe, own))
    if preset is None:
        return None
    known = preset.dataset_options if data["name"] == preset.dataset else {}
    if {name: value for name, value in data["options"].items() if name != OPTION} != known:
        return None
    # Where a backend runs a trained network, the device is the backend's.
    device = Request.device if "backend" in settings else settings["device"]
    protocol = settings["protocol"]["name"]
    return Request(preset.name, dataset=data["name"], subset=data["subset"], protocol=protocol, device=device)


def _options(asked: Request) -> str:
    """The options that ask for it, preset and dataset also where they are the default."""
    parts = ["--preset", asked.preset, "--dataset", asked.dataset]
    parts += ["--subset"] if asked.subset else []
    parts += ["--protocol", asked.protocol] if asked.protocol != Request.protocol else []
    parts += ["--device", asked.device] if asked.device != Request.device else []
    return shlex.join(parts)


def _is_known(asked: Request) -> bool:
    return asked.dataset in registry.datasets() and asked.protocol in PROTOCOLS
