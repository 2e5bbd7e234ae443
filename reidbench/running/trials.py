"""Plugins' models are tried once before their costs are measured: a broken network has no costs. Imports no torch,
except to try."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from reidbench import machine, registry
from reidbench.running.events import Events
from reidbench.spec import Cell, UserError, canonical_json


def cells_to_try(cells: Iterable[Cell]) -> list[Cell]:
    """The cells that hold costs, by this project's own measurements, of models that plugins registered."""
    return [cell for cell in cells if _is_own_cost(cell) and _is_of_plugin(cell)]


def _is_own_cost(cell: Cell) -> bool:
    measurement = registry.measurements()[cell.measurement]
    return not measurement.needs_training and measurement.function.__module__.startswith("reidbench.measurements.")


def _is_of_plugin(cell: Cell) -> bool:
    return str(registry.lookup("model", cell.model, registry.models()).path) in registry.plugins()


def try_models(cells: Sequence[Cell], events: Events) -> None:
    """Sends two clips through each cell's model, once a model. A model that breaks the contract is told as the error of
    all its cells; of others it is told that they were tried, and what else is wrong with them is left to measure."""
    from reidbench.profiling.session import build
    from reidbench.profiling.trial import try_model

    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(canonical_json([cell.model, cell.options, cell.settings["shape"]]), []).append(cell)
    for alike in groups.values():
        first, keys = alike[0], [cell.key for cell in alike]
        events.progress(first, 0, 1, "trying the model")
        started, clock = machine.now(), time.monotonic()
        try:
            model = build(first.model, first.options)
            try_model(first.model, model, (2, *first.settings["shape"][1:]))
        except UserError as error:
            seconds = time.monotonic() - clock
            events.emit("error", keys=keys, started=started, seconds=seconds, status="failed", error=str(error))
            continue
        except Exception:  # such as a want of memory, which one clip may not have
            pass
        events.emit("tried", keys=keys)
