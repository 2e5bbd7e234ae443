"""The commands that measure suites: when a model is tried before it is measured."""

from pathlib import Path

import pytest

from reidbench.cli import main
from reidbench.commands import suites
from reidbench.planning.plan import all_cells
from reidbench.spec import Record


@pytest.mark.parametrize(("status", "tries"), [("ok", 1), ("failed", 2)])
def test_a_model_is_tried_until_it_is_measured(
    status: str, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def record(runner: suites.Runner, plans: list[suites.Plan], **_: object) -> None:
        for cell in all_cells(plans):
            known = (runner.store.name, {"python": "3.11"}, "2026-01-01T00:00:00+00:00", 1.0)
            runner.store.save(Record(cell.identity, cell.key, cell.row, status, {}, {}, {}, *known))

    monkeypatch.setattr(suites, "tried", lambda name, *_: tried.append(name))
    monkeypatch.setattr(suites.Runner, "run", record)
    for _ in range(2):
        assert main(["profile", "bicnet", "--results", str(tmp_path), "--machine", "here"]) == 0
    assert tried == ["bicnet"] * tries
