"""What a run shows: lines that can be read in a log, a table that fits 80 columns of a terminal."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from reidbench import registry
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.running import display
from reidbench.running.display import LiveDisplay, PlainDisplay, describe, open_display
from reidbench.running.pace import duration
from reidbench.spec import Cell, Column, Record, Row, Suite, canonical_json
from reidbench.store import Store


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan("table2", registry.suite("table2"), Request(rows=("1", "8")), Store(tmp_path, "here"))


def cell(plan: Plan, measurement: str, row: str = "BiCnet-TKS") -> Cell:
    return next(c for c in plan.all_cells() if c.measurement == measurement and c.row == row)


def record(cell: Cell, status: str = "ok", error: str = "") -> Record:
    values = {"gflops": 1.9e9, "params": 29.2e6} if status == "ok" else {}
    return Record(cell.identity, cell.key, cell.row, status, values, {}, {}, "here", {}, "2026", 61.0, error)


def picture(shown: LiveDisplay) -> str:
    console = Console(file=io.StringIO(), width=80, record=True)
    console.print(shown._render())
    return console.export_text()


def test_plain_lines_say_what_ended_and_how(plan: Plan) -> None:
    out = io.StringIO()
    counted, timed = cell(plan, "complexity"), cell(plan, "latency")
    with open_display([plan], stream=out) as shown:
        assert isinstance(shown, PlainDisplay)
        shown.state(counted, "running")
        shown.state(counted, "ok", record(counted))
        shown.state(timed, "failed", record(timed, "failed", "the worker was ended by SIGKILL; its log: a.log"))
    total = len(plan.all_cells())
    assert out.getvalue().splitlines() == [
        f"[1/{total}] BiCnet-TKS · complexity: Params 29.20 M in 1:01",
        f"[2/{total}] BiCnet-TKS · latency cpu fp32: failed in 1:01",
    ]


def test_plain_progress_comes_now_and_then(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    out, now = io.StringIO(), 0.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now)
    shown = PlainDisplay([plan], out)
    trained = cell(plan, "accuracy")
    for done in range(0, 600, 10):
        now = done / 10
        shown.progress(trained, done, 600, "loss 1.5")
    assert out.getvalue().splitlines() == [
        "    BiCnet-TKS · accuracy cpu seed 0 200/600 loss 1.5, 0:40 left",
        "    BiCnet-TKS · accuracy cpu seed 0 400/600 loss 1.5, 0:20 left",
    ]


def test_time_left_is_that_of_the_work_at_hand(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell waits for another's training, then trains, then embeds: none tells how long the next takes."""
    now = 0.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now)
    running, trained = display.Running(), cell(plan, "accuracy")
    running.start(trained)
    left = []
    training, embedding = [(500, 10, 600), (505, 60, 600), (560, 600, 600)], [(561, 64, 512), (562, 128, 512)]
    for now, done, total in [(0, 0, 1), *training, *embedding, (570, 64, 512)]:
        left.append(running.advance(trained, done, total, "").pace.seconds_left(now))
    assert left == [None, None, pytest.approx(54), 0, None, pytest.approx(6), None]


def test_the_live_table_fits_80_columns_and_fills_in(plan: Plan) -> None:
    shown = LiveDisplay([plan], io.StringIO())
    counted, trained = cell(plan, "complexity"), cell(plan, "accuracy")
    before = picture(shown)
    assert "1.90" not in before and "0/10 cells" in before
    shown.state(counted, "ok", record(counted))
    shown.progress(trained, 10, 600, "loss 2.31, 5.0 steps/s")
    after = picture(shown)
    assert "1.90" in after and "1/10 cells" in after
    assert "BiCnet-TKS · accuracy cpu seed 0 10/600 loss 2.31, 5.0 steps/s" in after
    assert "Base-S (128x64)" in after and "Throughput" in after and "frames/s" in after
    assert all(len(line) <= 80 for line in after.splitlines())
    shown.state(trained, "failed", record(trained, "failed"))
    assert "failed" in picture(shown) and "10/600" not in picture(shown)


def test_rows_measured_side_by_side_share_a_line(plan: Plan) -> None:
    shown = LiveDisplay([plan], io.StringIO())
    for row in ("Base-S (128x64)", "BiCnet-TKS"):
        shown.state(cell(plan, "latency", row), "running")
    assert picture(shown).count("latency cpu fp32 starting") == 1
    for row in ("Base-S (128x64)", "BiCnet-TKS"):
        shown.progress(cell(plan, "latency", row), 3, 15, f"{row} ms")
    assert picture(shown).count("latency cpu fp32 3/15") == 1


@pytest.mark.parametrize(("seconds", "text"), [(7.4, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_several_suites_are_shown_as_a_row_each_and_shared_cells_once(plan: Plan, tmp_path: Path) -> None:
    other = replace(plan, name="again")
    shown = LiveDisplay([plan, other], io.StringIO())
    shown.state(cell(plan, "complexity"), "ok", record(cell(plan, "complexity")))
    text = picture(shown)
    assert "1/10 cells" in text
    assert [line.split()[:2] for line in text.splitlines() if "1/10" in line][:2] == [
        [plan.name, "1/10"],
        ["again", "1/10"],
    ]


def test_a_wide_suite_shows_how_many_cells_of_each_row_are_settled(tmp_path: Path) -> None:
    levels = tuple(Column("accuracy.mAP", title=f"seed {i}", data={"seed": i}) for i in range(9))
    suite = Suite("Wide", (Row("A", "baseline"), Row("B", "two_branch")), levels, "A")
    wide = make_plan("wide", suite, Request(), Store(tmp_path, "here"))
    shown = LiveDisplay([wide], io.StringIO())
    shown.state(wide.cells["B", 3][0], "ok", record(wide.cells["B", 3][0]))
    lines = [line.split() for line in picture(shown).splitlines()]
    rows = {words[0]: words[1] for words in lines if words and words[0] in ("A", "B")}
    assert rows == {"A": "0/9", "B": "1/9"}


@pytest.mark.parametrize("suite", ["backends", "scale", "stress", "end_to_end"])
def test_the_lines_of_a_run_tell_its_cells_apart(suite: str, tmp_path: Path) -> None:
    """Rows measured side by side share a line; nothing else does."""
    made = make_plan(suite, registry.suite(suite), Request(seeds=2), Store(tmp_path, "here"))
    lines = {}
    for one in made.all_cells():
        who = describe(one) if display.is_shared(one) else f"{one.row} · {describe(one)}"
        same = {name: value for name, value in one.settings.items() if name != "shape"}
        lines.setdefault(who, set()).add(canonical_json(same) if display.is_shared(one) else one.key)
    assert len(lines) > 5 and all(len(cells) == 1 for cells in lines.values())


def test_the_live_display_has_a_line_for_each_backend_and_gallery(plan: Plan) -> None:
    shown = LiveDisplay([plan], io.StringIO())
    timed = cell(plan, "latency")
    for settings in ({}, {"backend": "compile"}, {"gallery": 10_000}, {"gallery": 1_000_000}):
        shown.state(replace(timed, settings={**timed.settings, **settings}), "running")
    lines = [line.strip() for line in picture(shown).splitlines() if "starting" in line]
    assert lines == [
        "latency cpu fp32 starting",
        "latency cpu fp32 compile starting",
        "latency cpu fp32 gallery=10000 starting",
        "latency cpu fp32 gallery=1000000 starting",
    ]


def test_each_backend_tells_of_its_own_progress(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    out, now = io.StringIO(), 0.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now)
    shown, timed = PlainDisplay([plan], out), cell(plan, "latency")
    cells = [timed, replace(timed, settings={**timed.settings, "backend": "openvino"})]
    for one in cells * 2:
        shown.progress(one, 3, 15, "9 ms")
        now += display.LINE_EVERY / 2
    assert [line.split("3/15")[0].strip() for line in out.getvalue().splitlines()] == [
        "latency cpu fp32",
        "latency cpu fp32 openvino",
    ]


def test_a_cell_is_described_with_its_split_seed_and_data() -> None:
    dataset = {"name": "ilids", "fingerprint": "f3", "options": {"split": 3, "occlusion": 0.5}, "splits": 10}
    cell = Cell("A", "accuracy", "baseline", {}, {"dataset": dataset, "device": "cpu", "seed": 1}, "now")
    assert describe(cell) == "accuracy cpu split 3 seed 1 occlusion=0.5"
