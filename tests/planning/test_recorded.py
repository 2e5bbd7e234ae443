"""The seeds of a report: what most rows have recorded, whatever one row lacks or has beside."""

from dataclasses import replace
from pathlib import Path

import pytest

from reidbench.planning.plan import Request, make_plan
from reidbench.planning.recorded import recorded_plan
from reidbench.spec import Column, Record, Row, Suite
from reidbench.store import Store

SUITE = Suite(
    "Three",
    (Row("A", "two_branch"), Row("B", "baseline"), Row("C", "bicnet"), Row("Elsewhere")),
    (Column("complexity.macs"), Column("accuracy.mAP"), Column("accuracy.top1")),
    "B",
)


def record(store: Store, **seeds: int) -> None:
    """Records so many seeds of each row."""
    for cell in make_plan("three", SUITE, Request(seeds=5), store).all_cells():
        if cell.settings.get("seed", 5) < seeds.get(cell.row, 0):
            found = ({}, {"ap": [1.0]}, {}, "here", {}, "2026", 1.0)
            store.save(Record(cell.identity, cell.key, cell.row, "ok", *found))


@pytest.mark.parametrize(
    ("recorded", "seeds"),
    [
        ({}, 1),
        ({"A": 3, "B": 3, "C": 3}, 3),
        ({"A": 3, "B": 3, "C": 2}, 3),
        ({"A": 3, "B": 3}, 3),
        ({"A": 1, "B": 1, "C": 4}, 1),
        ({"A": 2, "B": 1, "C": 4}, 2),
    ],
)
def test_a_report_takes_the_seeds_that_most_rows_have(tmp_path: Path, recorded: dict[str, int], seeds: int) -> None:
    store = Store(tmp_path, "here")
    record(store, **recorded)
    found = recorded_plan("three", SUITE, Request(), store, store.holds)
    asked = make_plan("three", SUITE, Request(seeds=seeds), store)
    assert replace(found, request=asked.request) == asked


def test_what_was_asked_for_goes_first(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    record(store, A=3, B=3, C=3)
    assert recorded_plan("three", SUITE, Request(seeds=2), store, store.holds).preset.seeds == 2


def test_a_preset_of_several_seeds_says_what_is_missing_of_them(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    found = recorded_plan("three", SUITE, Request(preset="standard"), store, store.holds)
    assert found.preset.seeds == len(found.cells["A", 1]) == 3


def test_costs_alone_have_no_seeds(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    assert recorded_plan("three", SUITE, Request(only="cost"), store, store.holds) == make_plan(
        "three", SUITE, Request(only="cost"), store
    )
