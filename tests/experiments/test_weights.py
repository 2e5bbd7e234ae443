"""Kept weights: one training for all that is measured of it, done again when asked for, or when the file is damaged."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from reidbench import machine, registry
from reidbench.data import synthetic
from reidbench.data.cache import scratch_folder
from reidbench.experiments import accuracy
from reidbench.experiments.accuracy import Trained, kept_model, score, trained_model
from reidbench.experiments.weights import forget, training_key, weights_file
from reidbench.files import alone
from reidbench.planning.plan import Request, accuracy_cell
from reidbench.spec import Cell, Places
from reidbench.store import Store
from reidbench.training.checkpoint import read_checkpoint, save_model
from reidbench.training.trainer import TrainingResult


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walkers") / "few"
    synthetic.write_synthetic(folder, train_ids=8, test_ids=4, cameras=2, frames=8)
    return folder


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the cells that were trained, as they are."""
    done: list[str] = []
    train = accuracy.train_cell

    def noted(cell: Cell, *given: Any, **options: Any) -> Any:
        done.append(cell.key)
        return train(cell, *given, **options)

    monkeypatch.setattr(accuracy, "train_cell", noted)
    return done


def cell_of(root: Path, **settings: Any) -> Cell:
    cell = accuracy_cell("bicnet_tks", {}, Request(root=str(root)), 0, Store(root.parent / "results", "here"))
    recipe = {**cell.settings["recipe"], "steps": 2}
    return replace(cell, settings={**cell.settings, "recipe": recipe, **settings})


def other_measurement(cell: Cell) -> Cell:
    """Another measurement of the same training, as a plan makes it."""
    version = {"version": 7, "training": cell.settings["version"]}
    return replace(cell, row="called otherwise", measurement="attention", settings={**cell.settings, **version})


def trained(cell: Cell, root: Path) -> Trained:
    return trained_model(cell, Places(str(root)), lambda *_: None)


def test_what_is_measured_does_not_decide_the_training(root: Path) -> None:
    cell = cell_of(root)
    same = [other_measurement(cell), cell_of(root, protocol={"name": "first_clip"})]
    assert {training_key(found) for found in same} == {training_key(cell)}
    assert len({found.key for found in (cell, *same)}) == 3
    assert Cell(**_through_json(cell)).key == cell.key
    assert training_key(Cell(**_through_json(cell))) == training_key(cell)


def _through_json(cell: Cell) -> dict[str, Any]:
    identity = cell.identity
    del identity["format"]
    return {"row": cell.row, **identity}


def test_everything_else_decides_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cell_of(root)
    recipe = {**cell.settings["recipe"], "steps": 3}
    others = [
        cell_of(root, seed=1),
        cell_of(root, recipe=recipe),
        cell_of(root, threads=2),
        cell_of(root, trunk="imagenet"),
        cell_of(root, dataset={**cell.settings["dataset"], "fingerprint": "another"}),
        cell_of(root, version=cell.settings["version"] + 1),
        cell_of(root, something="new"),
        replace(cell, source="another"),
        replace(cell, options={**cell.options, "alpha": 1}),
        replace(cell, model="baseline"),
    ]
    keys = [training_key(found) for found in (cell, *others)]
    monkeypatch.setattr(machine, "versions", lambda: {"torch": "0.1"})
    keys.append(training_key(cell))
    monkeypatch.setattr(machine, "describe", lambda: {"cpu": "another"})
    keys.append(training_key(cell))
    assert len(set(keys)) == len(others) + 3


def test_a_training_is_done_once_and_measured_alike(root: Path, trainings: list[str]) -> None:
    cell = cell_of(root)
    first = trained(cell, root)
    scores = score(first.model, first.dataset, cell, lambda *_: None).samples
    second = trained(other_measurement(cell), root)
    assert trainings == [cell.key]
    assert (first.about["kept"], second.about["kept"]) == (False, True)
    assert {**first.about, "kept": True} == second.about
    assert (second.seconds, second.losses) == (first.seconds, first.losses) and first.seconds > 0
    assert not second.model.training
    state = second.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.model.state_dict().items())
    assert score(second.model, second.dataset, cell, lambda *_: None).samples == scores
    assert not scratch_folder(training_key(cell)).exists()
    content = torch.load(weights_file(cell), weights_only=True)
    assert not any("optim" in name for name in content)
    assert read_checkpoint(weights_file(cell)).kind == "model"


def test_kept_weights_are_those_of_the_training_by_itself(root: Path, tmp_path: Path) -> None:
    """Bit for bit, so that `train` can take them."""
    cell, places = cell_of(root), Places(str(root))
    assert kept_model(cell, places) is None
    trained(replace(cell, row="A row"), root)
    kept = kept_model(cell, places)
    assert kept and kept.row == "A row" and kept.losses[-1][0] == 2
    alone, _, result = accuracy.train_cell(cell, places, tmp_path / "run", lambda *_: None)
    assert [list(point) for point in result.losses] == kept.losses
    state = kept.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in alone.state_dict().items())
    content = torch.load(weights_file(cell), weights_only=True)
    del content["about"]["row"], content["about"]["captured"]
    torch.save(content, weights_file(cell))
    older = kept_model(cell, places)
    assert older and (older.row, older.about["captured"]) == (cell.row, None), "older files do not say it"


def test_forgotten_weights_are_trained_again(root: Path, trainings: list[str]) -> None:
    cell = cell_of(root)
    trained(cell, root)
    scratch = scratch_folder(training_key(cell))
    scratch.mkdir(parents=True)
    forget([cell, cell_of(root, seed=1)])
    assert not weights_file(cell).exists() and not scratch.exists()
    assert not trained(cell, root).about["kept"]
    assert len(trainings) == 2


def test_forgetting_waits_for_a_training_that_is_going_on(root: Path) -> None:
    cell = cell_of(root)
    scratch = scratch_folder(training_key(cell))
    scratch.mkdir(parents=True)
    forgetting = threading.Thread(target=forget, args=([cell],))
    with alone(weights_file(cell)):
        forgetting.start()
        forgetting.join(timeout=0.3)
        assert forgetting.is_alive() and scratch.exists()
    forgetting.join(timeout=30)
    assert not forgetting.is_alive() and not scratch.exists()


def test_what_a_kill_left_of_a_finished_training_goes_when_its_weights_are_used(
    root: Path, trainings: list[str]
) -> None:
    cell = cell_of(root)
    trained(cell, root)
    scratch = scratch_folder(training_key(cell))
    scratch.mkdir(parents=True)
    assert trained(cell, root).about["kept"] and not scratch.exists()
    assert len(trainings) == 1


@pytest.mark.parametrize("damage", ["cut", "no file of weights", "another model", "nothing known of it"])
def test_damaged_weights_are_said_to_be_so_and_trained_again(
    damage: str, root: Path, trainings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cell = cell_of(root)
    first = trained(cell, root)
    file = weights_file(cell)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:1000])
    elif damage == "no file of weights":
        file.write_bytes(b"")
    elif damage == "another model":
        save_model(file, registry.build("baseline", depth=18, width=8), name="baseline", options={})
    else:
        save_model(file, first.model, name=cell.model, options={})
    again = trained(cell, root)
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert str(file) in error and "the model is trained again" in error
    assert not again.about["kept"] and len(trainings) == 2
    assert trained(cell, root).about["kept"], "the damaged file was replaced"


def test_of_two_that_want_it_at_once_one_trains(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def slow(cell: Cell, places: Places, *_: Any, **options: Any) -> Any:
        done.append(cell.key)
        time.sleep(0.3)
        dataset = accuracy.dataset_of(cell.settings["dataset"], places)
        model = registry.build(cell.model, classes=len(dataset.train_identities), **cell.options)
        return model, dataset, TrainingResult(2, 0.3, ((1, 2.0), (2, 1.0)), 0)

    monkeypatch.setattr(accuracy, "train_cell", slow)
    cell, found = cell_of(root), []
    wanted = [threading.Thread(target=lambda c=c: found.append(trained(c, root))) for c in (cell, cell)]
    for thread in wanted:
        thread.start()
    for thread in wanted:
        thread.join(timeout=60)
    assert len(done) == 1
    assert sorted(one.about["kept"] for one in found) == [False, True]


def test_an_interrupted_training_goes_on_for_whichever_cell_comes_next(root: Path) -> None:
    cell = cell_of(root)
    whole = trained(cell, root).model.state_dict()
    forget([cell])

    def leave(done: int, total: int, note: str) -> None:
        if note.startswith("loss"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained_model(cell, Places(str(root)), leave)
    assert not weights_file(cell).exists() and scratch_folder(training_key(cell)).exists()
    again = trained(other_measurement(cell), root)
    assert not again.about["kept"] and not scratch_folder(training_key(cell)).exists()
    assert all(torch.equal(value, whole[name]) for name, value in again.model.state_dict().items())
