"""A worker measures what was planned: a plugin that was edited since, or runs a suite by itself, costs its cells."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reidbench import registry
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.running.events import Events
from reidbench.running.jobs import IN_WORKER
from reidbench.running.runner import Runner
from reidbench.running.worker import as_planned
from reidbench.spec import Cell, UserError
from reidbench.store import Store

PLUGIN = '''"""Two models and what they are measured by."""
import os
from reidbench.registry import measurement, model
from reidbench.running.runner import Runner
from reidbench.spec import Column, Outcome, Quantity, Row, Suite

if "TOY_RUNS" in os.environ:
    Runner(None, None).run([])

@model(trunk="none")
def worked_on(*, classes=0):
    """Is edited."""
    return 64

@measurement(quantities={"size": Quantity("size", "", "lower")}, mode="batch", needs=())
def toysize(cells, progress):
    """How large it is."""
    for cell in cells:
        yield cell, Outcome({"size": float(registry_build(cell.model))})

def registry_build(name):
    from reidbench import registry
    return registry.build(name)

SUITE = Suite("Toy", (Row("one", "worked_on"),), (Column("toysize.size"),), "one", figures=())
'''


class Watcher:
    def state(self, *_: Any) -> None: ...
    def progress(self, *_: Any) -> None: ...


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Store, Path]:
    """A plan for a plugin, the store it goes to, and the plugin's file."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "toysuite.py"
    file.write_text(PLUGIN)
    registry.add_plugin(file)
    store = Store(tmp_path / "results", "here")
    return make_plan("toysuite", registry.suite("toysuite"), Request(), store), store, file


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: text.replace("return 64", "return 65"), "its code has changed since the run was planned"),
        (lambda text: text.replace("def worked_on", "def renamed"), "no model is named 'worked_on'"),
        (lambda text: text + "(", "not a Python file"),
    ],
)
def test_code_that_was_edited_after_planning_is_not_measured(
    planned: tuple[Plan, Store, Path], edit: Callable[[str], str], said: str
) -> None:
    plan, store, file = planned
    file.write_text(edit(file.read_text()))
    Runner(store, Watcher()).run([plan])
    (record,) = store.records()
    assert record.status == "failed" and record.values == {}
    assert str(file) in record.error or "renamed" in file.read_text()
    assert said in record.error and "\n" not in record.error


def test_a_comment_that_was_written_after_planning_is_no_other_code(planned: tuple[Plan, Store, Path]) -> None:
    plan, store, file = planned
    file.write_text(f"# Neither code nor a line of it.\n{file.read_text()}")
    Runner(store, Watcher()).run([plan])
    (record,) = store.records()
    assert (record.status, record.values) == ("ok", {"size": 64.0})


def test_a_row_whose_reference_was_edited_fails_and_the_others_go_on() -> None:
    source = registry.model_source("baseline")
    reference = {"model": "baseline", "source": source}
    good = Cell("good", "latency", "baseline", {}, {"reference": reference}, source)
    bad = Cell("bad", "latency", "baseline", {}, {"reference": {**reference, "source": "0" * 12}}, source)
    told = io.StringIO()
    assert as_planned([good, replace(good, source="0" * 12), bad], Events(told)) == [good]
    events = [json.loads(line) for line in told.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["error", "error"]
    assert events[1]["keys"] == [bad.key]
    assert events[1]["error"].endswith("baseline.py: its code has changed since the run was planned; start again")


def test_a_plugin_that_runs_a_suite_when_it_is_imported_starts_no_chain_of_workers(
    planned: tuple[Plan, Store, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store, file = planned
    monkeypatch.setenv("TOY_RUNS", "1")
    Runner(store, Watcher()).run([plan])
    (record,) = store.records()
    line = PLUGIN.splitlines().index("    Runner(None, None).run([])") + 1
    assert f"{file}, line {line}: runs a suite when it is imported; put that under `if __name__" in record.error
    monkeypatch.setenv(IN_WORKER, "1")
    with pytest.raises(UserError, match="when it is imported"):
        Runner(store, Watcher()).run([plan])
