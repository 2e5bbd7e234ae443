"""The registered cost measurements: what they yield, and that it is all a table needs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch

from reidbench import registry
from reidbench.estimates import estimate
from reidbench.measurements import costs
from reidbench.profiling import session
from reidbench.profiling import throughput as sweeping
from reidbench.profiling.latency import Run
from reidbench.spec import Cell, Outcome, Record, UserError

SIZE = (32, 16)
SHAPE = [1, 2, 3, *SIZE]
SMALL: dict[str, Any] = {"size": list(SIZE), "depth": 18, "width": 8}
SETTINGS: dict[str, Any] = {
    "shape": SHAPE,
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
    "backend": "eager",
    "reference": {"model": "baseline", "options": SMALL, "shape": SHAPE},
}
COSTS = ("complexity", "latency", "throughput", "memory")


def cell(row: str, measurement: str, settings: Mapping[str, Any] = SETTINGS, **options: Any) -> Cell:
    """A cell as a worker gets it: JSON values only, so lists where builders take tuples."""
    return Cell(row, measurement, "baseline", {**SMALL, **options}, settings, "source")


def rows(measurement: str) -> list[Cell]:
    return [cell("big", measurement), cell("small", measurement, shrink=[2])]


def measured(cells: list[Cell]) -> dict[str, Outcome]:
    notes: list[tuple[str, int, int]] = []
    function = registry.measurements()[cells[0].measurement].function
    outcomes = {
        found.row: outcome
        for found, outcome in function(cells, lambda found, done, total, note: notes.append((found.row, done, total)))
    }
    assert notes, "the display hears of progress"
    assert all(0 <= done <= total for _, done, total in notes)
    return outcomes


def record(outcome: Outcome) -> Record:
    return Record({}, "key", "row", "ok", machine="m", versions={}, started="", seconds=0.0, **asdict(outcome))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "LATENCY_ROUNDS", 4)
    monkeypatch.setattr(costs, "LATENCY_SECONDS", 0.0)
    monkeypatch.setattr(costs, "THROUGHPUT_SECONDS", 0.0)


def told(found: tuple[Cell, Any]) -> tuple[str, type, str]:
    """The row of what a measurement yields, and the error that it failed of."""
    failed, error = found
    return failed.row, type(error), str(error)


@pytest.mark.parametrize("name", COSTS)
def test_every_quantity_follows_from_the_record(name: str) -> None:
    outcomes = measured(rows(name))
    assert list(outcomes) == ["big", "small"]
    for outcome in outcomes.values():
        assert json.loads(json.dumps(asdict(outcome), allow_nan=False)) == asdict(outcome)
        for field, quantity in registry.measurements()[name].quantities.items():
            found = estimate(quantity, field, [record(outcome)])
            assert (found is not None and found.value >= 0) or field == "reserved", "only CUDA reserves memory"


@pytest.mark.parametrize("name", COSTS)
def test_quantities_say_what_they_are(name: str) -> None:
    found = registry.measurements()[name]
    assert found.about.endswith(".")
    assert found.mode in ("alone", "batch", "interleaved")
    assert not found.needs_training
    for quantity in found.quantities.values():
        assert quantity.title
        assert quantity.about
        assert quantity.better in ("lower", "higher", "")


def test_complexity_is_per_frame_and_by_counter() -> None:
    found = measured(rows("complexity"))
    big, small = found["big"].values, found["small"].values
    assert 2 < big["macs"] / small["macs"] < 4
    assert big["macs"] == found["big"].context["macs_per_clip"]["torch"] / SHAPE[1]
    assert big["macs"] == big["macs_aten"] < big["macs_fvcore"] < big["gflops"]
    assert big["params"] == small["params"]
    assert big["dimension"] == 64
    assert found["big"].context["modules"]["trunk"]["torch"] > 0
    assert any(d["counter"] == "ptflops" for d in found["big"].context["disagreements"])


def test_complexity_without_fvcore_leaves_its_number_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fvcore.nn", None)
    monkeypatch.setattr(costs, "is_installed", lambda package: package != "fvcore")
    found = measured([cell("big", "complexity")])["big"]
    assert "macs_fvcore" not in found.values
    assert found.context["absent"] == {"fvcore": "not installed"}
    assert found.context["lacking"] == {"macs_fvcore": "fvcore not installed"}
    assert found.context["not_installed"] == ["fvcore"]
    monkeypatch.setattr(costs, "is_installed", lambda package: True)
    assert measured([cell("big", "complexity")])["big"].context["not_installed"] == [], (
        "what it needs itself is missing"
    )
    assert found.values["macs"] > 0


def test_latency_keeps_the_readings_of_the_reference_round_by_round() -> None:
    found = measured(rows("latency"))
    assert len(found["small"].samples["seconds"]) == 4
    assert found["small"].samples["per_frame"] == [seconds / 2 for seconds in found["small"].samples["seconds"]]
    assert found["small"].samples["reference"] == found["big"].samples["per_frame"]
    assert found["big"].samples["reference"] == found["big"].samples["per_frame"]
    assert len(found["small"].samples["warmup"]) > 0
    context = found["small"].context
    assert context.pop("other_load") >= 0
    assert context == {"rounds": 4, "peers": ["big", "small"], "threads": 1}
    ratio = registry.measurements()["latency"].quantities["ratio"]
    own = estimate(ratio, "ratio", [record(found["big"])])
    assert own is not None
    assert own.value == 1


def test_latency_measures_the_reference_again_where_its_row_is_not_among_the_cells() -> None:
    found = measured([cell("small", "latency", shrink=[2])])
    assert list(found) == ["small"]
    assert len(found["small"].samples["reference"]) == 4
    assert found["small"].samples["reference"] != found["small"].samples["per_frame"]


def test_rows_of_other_clip_lengths_share_a_session() -> None:
    longer = cell("longer", "latency", {**SETTINGS, "shape": [1, 3, 3, *SIZE]})
    found = measured([cell("big", "latency"), longer])
    assert found["longer"].samples["reference"] == found["big"].samples["per_frame"]
    assert found["longer"].samples["per_frame"] == [seconds / 3 for seconds in found["longer"].samples["seconds"]]


def test_throughput_is_that_of_the_best_batch() -> None:
    found = measured(rows("throughput"))["big"]
    assert found.context["batches"] == [1]
    assert found.context["out_of_memory_at"] is None
    assert len(found.samples["frames_per_second"]) == 6
    assert len(found.samples["seconds_batch_1"]) == 2


@pytest.mark.parametrize("misfit", ["big", "small"])
def test_a_clip_that_does_not_fit_costs_only_its_row_unless_it_is_the_reference(
    misfit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tight(model: Any, *given: Any, **settings: Any) -> Run:
        if (model.shrink == (1,)) == (misfit == "big"):
            return full
        return inference(model, *given, **settings)

    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    inference = session.inference
    monkeypatch.setattr(session, "inference", tight)
    outcomes = registry.measurements()["latency"].function(rows("latency"), lambda *_: None)
    if misfit == "small":
        assert next(outcomes)[0].row == "big"
        assert told(next(outcomes)) == ("small", MemoryError, "one clip does not fit on cpu")
    else:
        with pytest.raises(MemoryError, match="the reference row: one clip does not fit on cpu"):
            next(outcomes)


def test_a_row_of_which_no_batch_fits_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(runs: Mapping[str, Any], frames: Mapping[str, int], **settings: Any) -> dict[str, sweeping.Sweep]:
        first, *others = sweep(runs, frames, **settings).items()
        return {first[0]: sweeping.Sweep(frames[first[0]], out_of_memory=1), **dict(others)}

    sweep = sweeping.sweep
    monkeypatch.setattr(sweeping, "sweep", full)
    outcomes = registry.measurements()["throughput"].function(rows("throughput"), lambda *_: None)
    assert next(outcomes)[0].row == "small"
    assert told(next(outcomes)) == ("big", MemoryError, "not even one clip of 2 frames fits on cpu")


@pytest.mark.parametrize("name", ["latency", "throughput"])
def test_a_row_that_cannot_be_built_costs_only_itself(name: str) -> None:
    cells = [cell("wrong", name, shrink=[7]), cell("worse", name, shrink=[9]), *rows(name)]
    outcomes = registry.measurements()[name].function(cells, lambda *_: None)
    assert [next(outcomes)[0].row for _ in range(2)] == ["big", "small"]
    for row, value in (("wrong", 7), ("worse", 9)):
        found, error = next(outcomes)
        assert found.row == row and isinstance(error, UserError)
        assert str(error).startswith(f"model baseline: shrink=({value},)"), "each of its own"


@pytest.mark.parametrize("name", ["latency", "throughput"])
def test_a_row_that_fails_otherwise_costs_only_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: Any, *given: Any, **settings: Any) -> Run:
        return inference(model, *given, **settings) if model.shrink == (1,) else fail

    def fail() -> None:
        raise RuntimeError("no kernel image\nis available")

    inference = session.inference
    monkeypatch.setattr(session, "inference", broken)
    outcomes = registry.measurements()[name].function(rows(name), lambda *_: None)
    assert next(outcomes)[0].row == "big"
    assert told(next(outcomes)) == ("small", RuntimeError, "no kernel image\nis available")
    with pytest.raises(StopIteration):
        next(outcomes)


def test_a_batch_that_fails_ends_a_row_and_keeps_its_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: Any, shape: Any, **settings: Any) -> Run:
        return inference(model, shape, **settings) if shape[0] == 1 else fail

    def fail() -> None:
        raise RuntimeError("index out of 32 bits")

    inference = session.inference
    monkeypatch.setattr(session, "inference", broken)
    monkeypatch.setattr(costs, "THROUGHPUT_SECONDS", 100.0)
    found = measured(rows("throughput"))["big"]
    assert (found.context["batches"], found.context["ended_by"]) == ([1], "index out of 32 bits")


@pytest.mark.parametrize("name", ["latency", "throughput"])
def test_threads_are_those_of_the_settings_and_come_back(name: str) -> None:
    before = torch.get_num_threads()
    wanted = before + 1
    cells = [replace(found, settings={**SETTINGS, "threads": wanted}) for found in rows(name)]
    assert measured(cells)["big"].context["threads"] == wanted
    assert torch.get_num_threads() == before


def test_memory_is_the_peak_of_the_process() -> None:
    found = measured([cell("big", "memory")])["big"]
    assert found.values["peak"] == found.context["before"] + found.values["added"]
    assert found.values["peak"] > 50e6
