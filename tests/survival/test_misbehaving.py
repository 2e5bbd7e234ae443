"""A worker that crashes, hangs, leaks or tells garbage costs its own cell, whose record names its log."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from survived import Figures

from reidbench import registry
from reidbench.planning.plan import Request, make_plan
from reidbench.running.runner import Runner
from reidbench.spec import Cell, Record
from reidbench.store import Store

ENDS = {
    "dies": ("failed", "was ended by SIGKILL"),
    "leaves": ("failed", "stopped with exit code 7"),
    "crashes": ("failed", "was ended by SIGSEGV"),
    "hangs": ("failed", r"neither reported nor computed for 4 s and was ended \(REIDBENCH_IDLE_LIMIT\)"),
    "waits for itself": ("failed", r"neither reported nor computed for 4 s and was ended \(REIDBENCH_IDLE_LIMIT\)"),
    "turns": ("failed", r"reported nothing for 10 s and was ended \(REIDBENCH_SILENT_LIMIT\)"),
    "leaks": ("out-of-memory", r"held [\d.]+ GB of the 0.4 GB that .* was ended \(REIDBENCH_MEMORY_LIMIT\)"),
    "tells garbage": ("failed", "wrote to its stdout what is no event, 'epoch 3, loss 0.5'"),
    "tells noise": ("failed", "wrote to its stdout what is no event, "),
    "tells another's": ("failed", "wrote to its stdout what is no event, "),
    "tells no number": ("failed", "wrote to its stdout what is no event, "),
    "tells without end": ("failed", r"wrote to its stdout what is no event, '\.{60}'"),
    "dies in a line": ("failed", "stopped with exit code 1"),
    "leaves a child": ("failed", "stopped with exit code 5"),
    "measures text": ("failed", r"its outcome cannot be recorded \(values.length is no finite number\)"),
    "measures an object": ("failed", "TypeError: Object of type object is not JSON serializable"),
    "measures infinity": ("failed", "ValueError: Out of range float values are not JSON compliant"),
    "measures nothing": ("failed", "stopped with exit code 0"),
}


class Silent:
    def state(self, cell: Cell, state: str, record: Record | None = None) -> None: ...
    def progress(self, cell: Cell, done: int, total: int, note: str) -> None: ...


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("REIDBENCH_IDLE_LIMIT", "4")
    monkeypatch.setenv("REIDBENCH_SILENT_LIMIT", "10")
    monkeypatch.setenv("REIDBENCH_MEMORY_LIMIT", "0.4")
    registry.add_plugin(Path(__file__).with_name("unruly.py"))
    store = Store(tmp_path / "results", "here")

    def measure(*rows: str, measurement: str) -> dict[str, Record]:
        plan = make_plan("unruly", registry.suite("unruly"), Request(rows=rows), store)
        cells = {place: own for place, own in plan.cells.items() if own[0].measurement == measurement}
        Runner(store, Silent()).run([replace(plan, cells=cells)])
        return {record.row: record for record in store.records()}

    yield measure
    for name in ("unrulyalone", "unrulybatch"):
        registry.MEASUREMENTS.pop(name, None)
    for name in [name for name in sys.modules if name.startswith("reidbench_plugin_unruly")]:
        del sys.modules[name]


def test_each_fault_costs_its_own_cell_and_names_its_log(run, figures: Figures) -> None:
    for fault in ENDS:
        figures.note("misbehaving worker", fault, tried=1)
    found = run(measurement="unrulyalone")
    assert set(found) == {"well", *ENDS} and found["well"].status == "ok"
    for fault, (status, error) in ENDS.items():
        record = found[fault]
        assert record.status == status and re.search(error, record.error), record.error
        log = Path(record.error.partition("log: ")[2])
        assert f"{fault} was here" in log.read_text(errors="replace")
        figures.note("misbehaving worker", fault, survived=1)
    assert [child for child in psutil.Process().children(recursive=True) if "worker" in " ".join(child.cmdline())] == []


def test_the_rest_of_a_batch_goes_on_in_another_worker(run) -> None:
    began = time.monotonic()
    found = run("well", "hangs", "tells garbage", "leaves a child", "measures text", measurement="unrulybatch")
    assert time.monotonic() - began < 120
    statuses = {row: record.status for row, record in found.items()}
    failed = dict.fromkeys(("hangs", "tells garbage", "leaves a child", "measures text"), "failed")
    assert statuses == {"well": "ok", **failed}
