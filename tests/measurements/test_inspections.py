"""What is looked at in a trained model: every quantity follows from the record, and so does every picture."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from reidbench import registry
from reidbench.data import synthetic
from reidbench.estimates import estimate
from reidbench.experiments import accuracy
from reidbench.inspection.ranking import SHOWN
from reidbench.planning.plan import Request, accuracy_cell
from reidbench.reporting.figures.images import frames_of
from reidbench.spec import Cell, Outcome, UserError
from reidbench.store import Store

INSPECTIONS = {"activation": "baseline", "attention": "bicnet_tks", "selection": "bicnet_tks", "ranking": "bicnet_tks"}
"""Each with a model to look at."""
LARGEST = 300_000
"""Bytes a record may take."""

Seen = Callable[[str, str], Outcome]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walkers") / "few"
    synthetic.write_synthetic(folder, train_ids=8, test_ids=24, cameras=3, frames=8, occlusion=0.5)
    return folder


@pytest.fixture(autouse=True)
def one_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kept weights outlast a test here, so that each model is trained once."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(root.parent / "cache"))
    monkeypatch.setenv("REIDBENCH_ROOT", str(root))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def cell_of(root: Path, measurement: str, model: str, **options: Any) -> Cell:
    """As a worker gets it: a cell through JSON."""
    cell = accuracy_cell(model, options, Request(root=str(root)), 0, Store(root.parent / "results", "here"))
    settings = {**cell.settings, "recipe": {**cell.settings["recipe"], "steps": 3}, "training": 1}
    cell = replace(cell, measurement=measurement, settings=settings)
    identity = cell.identity
    del identity["format"]
    return Cell(row=cell.row, **identity)


@pytest.fixture(scope="module")
def seen(root: Path) -> Seen:
    """Returns `seen(measurement, model)`, which looks once for all tests."""
    return functools.cache(lambda measurement, model: inspected(cell_of(root, measurement, model)))


def inspected(cell: Cell) -> Outcome:
    notes: list[tuple[int, int]] = []
    function = registry.measurements()[cell.measurement].function
    ((found, outcome),) = function([cell], lambda _cell, done, total, _note: notes.append((done, total)))
    assert found is cell and notes and all(done <= total for done, total in notes)
    return outcome


@pytest.mark.parametrize(("name", "model"), INSPECTIONS.items())
def test_every_quantity_follows_from_a_record_of_bearable_size(name: str, model: str, seen: Seen) -> None:
    outcome = seen(name, model)
    text = json.dumps(asdict(outcome), allow_nan=False)
    assert len(text) < LARGEST
    assert outcome.context["training"]["key"] and outcome.context["dataset_about"]
    assert outcome.context["dataset_content"] and outcome.context["trunk_about"]
    for field, quantity in registry.measurements()[name].quantities.items():
        known = estimate(quantity, field, [outcome])
        assert known is not None, field
        low, high = (-1, 1) if field.endswith("_gap") else (0, 20)
        assert low <= known.value <= high, field
        assert quantity.title and quantity.about


def test_the_model_is_trained_once_for_all_that_is_looked_at(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inspected(cell_of(root, "attention", "bicnet_tks"))
    monkeypatch.setattr(accuracy, "train_cell", None)
    assert inspected(cell_of(root, "ranking", "bicnet_tks")).context["training"]["kept"]


@pytest.mark.parametrize(
    ("measurement", "model", "options", "reason"),
    [
        ("attention", "baseline", {}, "model baseline: has no attention maps"),
        ("attention", "bicnet", {"alpha": 1}, "one small frame for each big one makes no pair"),
        ("selection", "bicnet", {}, "model bicnet: has no selection weights"),
        ("selection", "bicnet_tks", {"kernels": (5,)}, "one kernel leaves nothing to select"),
    ],
)
def test_a_model_with_nothing_to_look_at_is_refused_before_it_is_trained(
    measurement: str, model: str, options: dict[str, Any], reason: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accuracy, "train_cell", None)
    cell = cell_of(root, measurement, model, **options)
    with pytest.raises(UserError, match=reason):
        inspected(cell)


def test_pairs_are_of_one_person_and_two_cameras(seen: Seen) -> None:
    context = seen("activation", "baseline").context
    assert len(context["pairs"]) == 4
    for pair in context["pairs"]:
        query, match = pair["clips"]
        assert query["identity"] == match["identity"] and query["camera"] != match["camera"]
        for clip in pair["clips"]:
            frames = frames_of(clip["frames"], len(clip["maps"]))
            assert frames.shape == (4, 64, 32, 3)
            assert {max(map(max, each)) for each in clip["maps"]} <= {0, 1}
            assert [len(clip["maps"][0]), len(clip["maps"][0][0])] in [list(grid) for grid in context["grids"]]


def test_both_branches_of_a_bicnet_have_maps_of_their_own_size(seen: Seen) -> None:
    context = seen("activation", "bicnet_tks").context
    assert sorted(map(list, context["grids"])) == [[2, 1], [4, 2]]
    maps = context["pairs"][0]["clips"][0]["maps"]
    assert [len(each) for each in maps] == [4, 2, 2, 2], "the first frame of a run is the big one"


def test_attention_maps_are_those_of_the_frames_shown(seen: Seen) -> None:
    context = seen("attention", "bicnet_tks").context
    assert context["small_frames"] == [1, 2, 3, 5, 6, 7] and context["group"] == 3
    for shown in context["tracklets"]:
        assert len(shown["maps"]) == 8
        assert frames_of(shown["frames"], 8).shape == (8, 64, 32, 3)
        for each in shown["maps"]:
            assert sum(map(sum, each)) == pytest.approx(1, abs=0.01)


def test_rankings_leave_out_the_querys_own_camera(seen: Seen) -> None:
    context = seen("ranking", "bicnet_tks").context
    assert len(context["rankings"]) == SHOWN
    for shown in context["rankings"]:
        assert len(shown["ranking"]) == 10
        for entry in shown["ranking"]:
            own = entry["identity"] == shown["identity"]
            assert (entry["kind"] == "match") == own
            assert not own or entry["camera"] != shown["camera"]
            assert frames_of(entry["picture"], 1).shape == (1, 64, 32, 3)
