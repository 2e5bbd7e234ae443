"""The frame of differences: what committed reports print, and what is recorded beside their usual ones."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import reidbench
from reidbench import registry
from reidbench.planning.plan import Request, make_plan
from reidbench.presets import PRESETS
from reidbench.reporting.findings.difference_frame import DIFFERENCE_COLUMNS, difference_frame
from reidbench.reporting.findings.elsewhere import reports_of, trained_otherwise
from reidbench.spec import Protocol
from reidbench.store import Store

RESULTS = Path(__file__).parents[3] / "results"
CPU, GPU = "amd-epyc-2-core-407a", "nvidia-h100-80gb-hbm3-16-core-c007"

Line = tuple[str, float, float, float, bool]
"""The name of a difference, its value and the ends of its interval, and whether it is beyond the noise."""


@pytest.fixture(autouse=True)
def made_up_measurements() -> None:
    """None: the records here are of real ones."""


@pytest.fixture(scope="module")
def differences() -> Callable[[str], pd.DataFrame]:
    """The frame of a suite of all that is committed, made once for all tests of this file."""
    return cache(lambda suite: reidbench.load_differences(suite, RESULTS))


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    """The committed records of Table 2."""
    return reidbench.load_records("table2", RESULTS)


def printed(report: str) -> dict[tuple[str, str], tuple[int, list[Line]]]:
    """The tables of differences of a committed report by title and unit, each with its number of decimals."""
    found: dict[tuple[str, str], tuple[int, list[Line]]] = {}
    title, table = "", None
    for line in (RESULTS / CPU / f"{report}.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip(" *") for cell in line.strip("| ").split("|")]
        if not line.startswith("|"):
            title, table = line.removeprefix("### ") if line.startswith("### ") else title, None
        elif cells[-1] == "contains 0":
            table = (title, re.search(r"\(([^()]*)\)$", cells[1])[1])
        elif table and not set(cells[0]) <= set("-:"):
            low, high = map(float, cells[2].strip("[]").split(","))
            digits = len(cells[1].partition(".")[2])
            found.setdefault(table, (digits, []))[1].append((cells[0], float(cells[1]), low, high, cells[3] == "no"))
    return found


@pytest.mark.parametrize(
    ("report", "suite", "preset"),
    [
        ("table2", "table2", "quick"),
        ("table2-fine", "table2", "fine"),
        ("stress", "stress", "quick"),
        ("components", "components", "quick"),
        ("backends", "backends", "quick"),
    ],
)
def test_each_difference_that_a_committed_report_lists_is_there(
    report: str, suite: str, preset: str, differences: Callable[[str], pd.DataFrame]
) -> None:
    frame = differences(suite)
    assert tuple(frame.columns) == DIFFERENCE_COLUMNS
    frame = frame[(frame.machine == CPU) & (frame.preset == preset) & (frame.protocol == "release")]
    assert set(zip(frame.suite, frame.dataset, frame.protocol, strict=True)) == {(suite, "synthetic", "release")}
    tables = printed(report)
    assert tables
    for (title, unit), (digits, lines) in tables.items():
        family = frame[(frame.family == title) & (frame.unit == unit)]
        rounded = [
            (line.name, *(round(number, digits) for number in (line.value, line.low, line.high)), line.beyond)
            for line in family.itertuples()
        ]
        assert rounded == lines


def test_a_difference_of_what_another_machine_measured_says_so_in_its_reason(
    tmp_path: Path, differences: Callable[[str], pd.DataFrame]
) -> None:
    shutil.copytree(RESULTS / CPU / "accuracy", tmp_path / "copied" / "accuracy")
    shutil.copy(RESULTS / CPU / "machine.json", tmp_path / "copied")
    here = differences("table2").query("machine == @CPU")
    copied = reidbench.load_differences("table2", tmp_path)
    assert len(copied) == len(here) and set(here.reason) == {""}
    assert set(copied.machine) == {"copied"} and set(copied.reason) == {f"measured on machine {CPU}"}


def test_each_line_is_identified_and_joins_the_records_of_its_suite(
    differences: Callable[[str], pd.DataFrame], records: pd.DataFrame
) -> None:
    frame = differences("table2")
    shared = ["preset", "dataset", "dataset_fingerprint", "protocol", "device", "machine"]
    assert not frame.duplicated(["family", "name", *shared]).any()
    assert set(frame.machine) >= {CPU, GPU} and {"cpu", "cuda"} <= set(frame.device)
    joined = frame.merge(records[records.row == "BiCnet-TKS"], on=["measurement", "quantity", *shared])
    assert len(joined) == len(frame)
    assert (joined.n_x <= joined.n_y).all(), "seeds of a difference, and of a row"


def test_the_values_are_those_of_the_rows_less_each_other(
    differences: Callable[[str], pd.DataFrame], records: pd.DataFrame
) -> None:
    lines, rows = (
        frame[(frame.machine == CPU) & (frame.preset == "quick") & (frame.protocol == "release")]
        for frame in (differences("table2"), records)
    )
    values = rows[rows.quantity == "mAP"].set_index("row").value
    for line in lines.itertuples():
        upper, lower = line.name.split(" over ")
        assert line.value == pytest.approx(values[upper] - values[lower])


def recorded(store: Store, monkeypatch: pytest.MonkeyPatch, *changes: dict) -> None:
    """Has the store tell of as many trainings, the settings of each changed."""
    settings = {
        "recipe": PRESETS["tiny"].recipe.identity,
        "dataset": {"name": "synthetic", "options": {}, "subset": False},
        "protocol": Protocol().identity,
        "device": "cpu",
    }
    cells = [("base-b-256x128", {"settings": {**settings, **change}}) for change in changes]
    monkeypatch.setattr(Store, "cells", lambda self, *names: iter(cells))


def test_reports_are_those_that_options_ask_for_the_usual_one_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, suite = Store(tmp_path, "here"), registry.suite("table2")
    usual = Request("quick", dataset="synthetic")
    recorded(store, monkeypatch)
    assert reports_of(suite, store) == [usual]
    mars = {"dataset": {"name": "mars", "options": {}, "subset": True}}
    recorded(
        store,
        monkeypatch,
        {},
        {"recipe": PRESETS["quick"].recipe.identity},
        {"device": "cuda"},
        mars,
        {"protocol": {**Protocol().identity, "name": "reranked"}},
        {"backend": "openvino", "device": "cuda"},
        {"recipe": {**PRESETS["tiny"].recipe.identity, "steps": 151}},
        {"dataset": {"name": "synthetic", "options": {"occlusion": 0.5}, "subset": False}},
        {"dataset": {"name": "of_a_plugin", "options": {}, "subset": False}},
        {"protocol": {**Protocol().identity, "name": "of_once"}},
    )
    found = reports_of(suite, store)
    assert found[0] == usual
    tiny = Request("tiny", dataset="synthetic")
    others = [tiny, Request("tiny", dataset="synthetic", device="cuda")]
    others += [Request("tiny", dataset="mars", subset=True), Request("tiny", dataset="synthetic", protocol="reranked")]
    assert len(found) == 1 + len(others) and all(each in found for each in others)


def test_a_training_on_a_gpu_is_told_with_what_asks_for_it() -> None:
    store = Store(RESULTS, GPU)
    plan = make_plan("table2", registry.suite("table2"), Request(only="accuracy"), store)
    assert trained_otherwise([plan], store) == ["--preset tiny --dataset synthetic --device cuda"]


def test_a_collection_has_the_differences_of_its_suites(
    differences: Callable[[str], pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {name: registry.suite(name) for name in ("backends", "kernels")}
    monkeypatch.setattr(registry, "suites_of", lambda name: chosen if name == "paper" else {name: chosen[name]})
    alone = [differences(name) for name in chosen]
    together = reidbench.load_differences("paper", RESULTS)
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))
    assert set(together.suite) == set(chosen)


def test_a_suite_that_trains_nothing_has_no_differences() -> None:
    suite = registry.suite("overhead")
    assert not any(registry.measurements()[column.measurement].needs_training for column in suite.columns)
    assert difference_frame("overhead", str(RESULTS)).empty


def test_there_must_be_records(tmp_path: Path) -> None:
    with pytest.raises(reidbench.UserError, match=f"no records under {tmp_path}"):
        reidbench.load_differences("table2", tmp_path)
