"""The plan of a report: with the seeds that are recorded. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.spec import Cell, Suite
from reidbench.store import Store

Holds = Callable[[Cell], bool]
"""Whether a cell has a successful record: `Store.holds`, or what reads each record once for more than this."""


def recorded_plan(name: str, suite: Suite, request: Request, store: Store, holds: Holds) -> Plan:
    """The plan of a report: where no number of seeds is asked for, with those recorded."""
    plan = make_plan(name, suite, request, store)
    return plan if request.seeds is not None else with_recorded_seeds(plan, holds)


def with_recorded_seeds(plan: Plan, holds: Holds) -> Plan:
    """The plan with as many seeds as most rows have recorded, no fewer than it has; its dataset is not opened again.

    "Most" is half of what the first seed is recorded of (of each split, where the dataset has any): neither does a row
    that failed take the other rows' seeds out of a report, nor do further seeds of one row leave the others incomplete.
    """
    firsts = {cell.key: cell for own in plan.cells.values() for cell in own if cell.settings.get("seed") == 0}.values()
    least = sum(map(holds, firsts)) / 2
    seeds = 1
    while 0 < least <= sum(holds(_with_seed(cell, seeds)) for cell in firsts):
        seeds += 1
    return _with_seeds(plan, max(seeds, plan.preset.seeds))


def _with_seed(cell: Cell, seed: int) -> Cell:
    return replace(cell, settings={**cell.settings, "seed": seed})


def _with_seeds(plan: Plan, seeds: int) -> Plan:
    cells = {
        place: tuple(
            cell if "seed" not in cell.settings else _with_seed(cell, seed)
            for cell in own
            if cell.settings.get("seed", 0) == 0
            for seed in range(seeds if "seed" in cell.settings else 1)
        )
        for place, own in plan.cells.items()
    }
    return replace(plan, preset=replace(plan.preset, seeds=seeds), cells=cells)
