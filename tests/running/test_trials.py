"""Models of plugins are tried before their costs are measured, and a broken one costs its own cells alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reidbench import registry
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.running.runner import Runner
from reidbench.running.trials import cells_to_try
from reidbench.spec import Cell, Record
from reidbench.store import Store

PLUGIN = '''"""Three networks of one's own, two of them broken."""
import torch
from torch import nn
from reidbench.registry import model
from reidbench.spec import Column, Output, Row, Suite


class Net(nn.Module):
    def __init__(self, does):
        super().__init__()
        self.does, self.layer, self.neck = does, nn.Linear(3, 4), nn.Identity()

    def forward(self, clips):
        feature = self.layer(clips.mean((1, 3, 4)))
        if self.does == "tuple":
            return feature, feature
        return Output(feature * float("nan") if self.does == "nan" else feature)


@model()
def triednet(*, classes=0, does="well"):
    """Does what it is told."""
    return Net(does)


rows = tuple(Row(name, "triednet", {"does": name}) for name in ("well", "tuple", "nan"))
SUITE = Suite("Tried", rows, (Column("complexity.params"), Column("memory.peak")), "well")
'''


class Quiet:
    def state(self, cell: Cell, state: str, record: Record | None = None) -> None: ...
    def progress(self, cell: Cell, done: int, total: int, note: str) -> None: ...


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Plan, Store]]:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tried.py").write_text(PLUGIN)
    registry.add_plugin(tmp_path / "tried.py")
    store = Store(tmp_path / "results", "here")
    yield make_plan("tried", registry.suite("tried"), Request(), store), store
    registry._plugins.remove(tmp_path / "tried.py")
    registry.forget_found()


def test_a_broken_model_has_no_costs_and_the_others_have_theirs(plan: tuple[Plan, Store]) -> None:
    """Of the sound one the memory alone, for counting operators takes a worker of seconds."""
    whole, store = plan
    made = replace(whole, cells={at: own for at, own in whole.cells.items() if at != ("well", 0)})
    runner = Runner(store, Quiet())
    runner.run([made])
    told = {(record.row, record.cell["measurement"]): record.error for record in runner.failures}
    assert set(told) == {(row, name) for row in ("tuple", "nan") for name in ("complexity", "memory")}
    for (row, _), error in told.items():
        wanted = "its forward returns tuple; let it" if row == "tuple" else "its feature holds NaN or infinite numbers"
        assert error.startswith("model triednet: ") and wanted in error and "/logs/trial-" in error
    records: list[Any] = [store.load(cell) for cell in made.all_cells()]
    assert {record.row for record in records if record.status == "ok"} == {"well"}
    assert sum(record.status == "ok" for record in records) == 1


def test_only_costs_of_plugins_models_are_tried(plan: tuple[Plan, Store]) -> None:
    made, store = plan
    assert len(cells_to_try(made.all_cells())) == 6
    known = make_plan("table2", registry.suite("table2"), Request(only="cost"), store).all_cells()
    assert known and not cells_to_try(known)
