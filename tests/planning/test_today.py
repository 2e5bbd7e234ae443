"""What a recorded cell would be today: what changes by itself is renewed, what was asked for stays."""

from pathlib import Path

import pytest
from trunkless import TRUNKLESS

from reidbench import registry
from reidbench.data.synthetic import write_synthetic
from reidbench.planning.plan import Request, accuracy_cell, make_plan
from reidbench.planning.today import as_of_today, latest_contents
from reidbench.spec import Cell, Column, Record, Row, Suite
from reidbench.store import Store

SUITE = Suite(
    "Two",
    (Row("A", "two_branch"), Row("B", "baseline", {"shrink": (1,)}), Row("C", "stmp")),
    (Column("latency.latency"), Column("accuracy.mAP"), Column("activation.overlap"), Column("complexity.macs")),
    "B",
)
MARS = {"name": "mars", "fingerprint": "f1", "options": {}, "subset": False}


def record(dataset: dict[str, object], day: int, status: str = "ok") -> Record:
    cell = Cell("A", "accuracy", "baseline", {}, {"dataset": dataset}, "then")
    return Record(cell.identity, cell.key, "A", status, {}, {}, {}, "here", {}, f"2026-01-{day:02d}", 1.0)


def test_what_is_planned_today_is_as_of_today(tmp_path: Path) -> None:
    cells = make_plan("two", SUITE, Request(), Store(tmp_path, "here")).all_cells()
    assert len(cells) == 3 * 4
    for cell in cells:
        assert as_of_today(cell.identity, {}) == cell.identity


def test_what_is_planned_on_kept_synthetic_data_is_as_of_today(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "few", train_ids=2, test_ids=2, cameras=2, frames=8)
    request = Request("tiny", root=str(tmp_path / "few"))
    cell = accuracy_cell("baseline", {}, request, 0, Store(tmp_path / "results", "here"))
    assert as_of_today(cell.identity, {}) == cell.identity


@pytest.mark.parametrize(
    "change",
    [
        {"source": "then"},
        {"settings": {"version": 0}},
        {"settings": {"training": 0}},
        {"settings": {"trunk": "synthetic beef"}},
        {"settings": {"dataset": {"fingerprint": "beef"}}},
    ],
)
def test_what_changes_by_itself_is_renewed(tmp_path: Path, change: dict[str, dict[str, object]]) -> None:
    plan = make_plan("two", SUITE, Request(), Store(tmp_path, "here"))
    today = plan.cells["A", 2][0].identity
    old = {**today, **change}
    if "settings" in change:
        ((name, value),) = change["settings"].items()
        kept = today["settings"][name]
        old["settings"] = {**today["settings"], name: {**kept, **value} if isinstance(value, dict) else value}
    assert old != today and as_of_today(old, {}) == today


def test_a_model_that_stands_on_no_trunk_any_more_starts_from_none(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(TRUNKLESS)
    registry.add_plugin(tmp_path / "own.py")
    today = accuracy_cell("trunkless", {}, Request(), 0, Store(tmp_path, "here")).identity
    assert as_of_today(today, {}) == today
    recipe = {**today["settings"]["recipe"], "trunk": "synthetic"}
    old = {**today, "settings": {**today["settings"], "recipe": recipe, "trunk": "synthetic beef"}}
    assert as_of_today(old, {})["settings"]["trunk"] == ""


def test_the_code_of_the_reference_is_todays_and_of_one_that_is_gone_none(tmp_path: Path) -> None:
    today = make_plan("two", SUITE, Request(), Store(tmp_path, "here")).cells["A", 0][0].identity
    settings = {**today["settings"], "reference": {**today["settings"]["reference"], "source": "then"}}
    assert as_of_today({**today, "settings": settings}, {}) == today
    gone = {**today, "model": "gone", "settings": {**settings, "reference": {"model": "gone", "source": "then"}}}
    found = as_of_today(gone, {})
    assert (found["source"], found["settings"]["reference"]["source"]) == ("", "")


def test_a_dataset_on_disk_is_as_the_latest_good_record_has_it() -> None:
    records = [
        record(MARS, 2),
        record({**MARS, "fingerprint": "f0"}, 1),
        record({**MARS, "fingerprint": "part", "subset": True}, 3),
        record({**MARS, "fingerprint": "failed"}, 4, "failed"),
    ]
    latest = latest_contents(records)
    found = [as_of_today(each.cell, latest)["settings"]["dataset"]["fingerprint"] for each in records]
    assert found == ["f1", "f1", "part", "f1"]


def test_weights_given_in_a_file_are_taken_to_be_that_files(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"some")
    cell = accuracy_cell("baseline", {}, Request(weights=str(file)), 0, Store(tmp_path, "here"))
    assert cell.settings["trunk"].startswith("file ") and as_of_today(cell.identity, {}) == cell.identity
