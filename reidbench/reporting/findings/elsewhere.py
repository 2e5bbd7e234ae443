"""What a suite's rows were trained by besides what its report shows: other presets, datasets, protocols."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from reidbench.data.splits import OPTION
from reidbench.machine import slug
from reidbench.planning.plan import Plan, Request
from reidbench.presets import PRESETS
from reidbench.reporting.tables.table import preset_name
from reidbench.store import Store


def trained_otherwise(plans: Sequence[Plan], store: Store) -> list[str]:
    """The options of `report` that show what else the rows of some plans were trained by; none where nothing was.

    Left out are recipes that are no preset's, and data made with options of its own.
    """
    trained = [cell for plan in plans for cell in plan.all_cells() if "recipe" in cell.settings]
    rows = {slug(row.name) for plan in plans for row in plan.suite.rows}
    cells = store.cells(*{cell.measurement for cell in trained}) if trained else ()
    found = {_options(cell["settings"]) for row, cell in cells if row in rows}
    return sorted(found - {_options(cell.settings) for cell in trained} - {""})


def _options(settings: Mapping[str, Any]) -> str:
    """What asks for a training, each option also where it is the default; "" if no options do."""
    preset, data = PRESETS.get(preset_name(settings["recipe"])), settings["dataset"]
    if preset is None:
        return ""
    known = preset.dataset_options if data["name"] == preset.dataset else {}
    if {name: value for name, value in data["options"].items() if name != OPTION} != known:
        return ""
    protocol = settings["protocol"]["name"]
    parts = ["--preset", preset.name, "--dataset", data["name"]]
    parts += ["--subset"] if data["subset"] else []
    parts += ["--protocol", protocol] if protocol != Request.protocol else []
    return shlex.join(parts)
