"""The command `train`: what it keeps, and that it keeps to itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from reidbench import registry
from reidbench.cli import main
from reidbench.commands import training
from reidbench.data import synthetic
from reidbench.experiments.accuracy import Trained, dataset_of, trained_model
from reidbench.files import alone
from reidbench.launch import Place
from reidbench.planning.plan import Request, accuracy_cell, make_plan
from reidbench.spec import Cell, Column, Places, Row, Suite, UserError
from reidbench.store import Store
from reidbench.training.checkpoint import read_checkpoint, write_checkpoint
from reidbench.training.trainer import TrainingResult

COMMAND = ["train", "baseline", "--dataset", "synthetic", "--root", "few", "--preset", "tiny", "--out", "out"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a few walkers, where a training is over at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(training, "PATIENCE", 0.1)
    synthetic.write_synthetic(Path("few"), train_ids=2, test_ids=2, cameras=2, frames=8)

    def train_cell(*_: object, **__: object) -> tuple[torch.nn.Module, None, TrainingResult]:
        return torch.nn.Linear(1, 1), None, TrainingResult(1, 1.0, (), 0)

    monkeypatch.setattr("reidbench.experiments.accuracy.train_cell", train_cell)


def test_the_weights_say_by_what_preset_they_were_trained() -> None:
    assert main(COMMAND) == 0
    assert read_checkpoint(Path("out/model.pt")).about["preset"] == "tiny"


def test_the_checkpoint_is_told_the_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def train_cell(*_: object, **options: object) -> tuple[torch.nn.Module, None, TrainingResult]:
        given.update(options)
        return torch.nn.Linear(1, 1), None, TrainingResult(1, 1.0, (), 0)

    monkeypatch.setattr("reidbench.experiments.accuracy.train_cell", train_cell)
    assert main(COMMAND) == 0
    assert given == {"preset": "tiny", "sync_bn": False}


@pytest.fixture
def suites_training(monkeypatch: pytest.MonkeyPatch) -> Trained:
    """The training of the command as the row Base-B of a suite has it, which is kept; another one fails."""

    def train_cell(cell: Cell, places: Places, *_: object, **__: object) -> tuple[torch.nn.Module, object, object]:
        dataset = dataset_of(cell.settings["dataset"], places)
        model = registry.build(cell.model, classes=len(dataset.train_identities), **cell.options)
        return model, dataset, TrainingResult(150, 9.0, ((75, 2.0), (150, 1.0)), 0)

    monkeypatch.setattr("reidbench.experiments.accuracy.train_cell", train_cell)
    suite = Suite("One", (Row("Base-B", "baseline"),), (Column("accuracy.mAP"),), "Base-B")
    plan = make_plan("one", suite, Request("tiny", dataset="synthetic", root="few"), Store("results", "here"))
    done = trained_model(plan.all_cells()[0], Places("few"), lambda *_: None)
    monkeypatch.setattr("reidbench.experiments.accuracy.train_cell", _fail)
    return done


def _fail(*_: object, **__: object) -> None:
    raise UserError("trains anew")


def test_what_a_suite_trained_is_taken(suites_training: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(COMMAND) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    (kept,) = Path("cache/trained").glob("*.pt")
    ended = suites_training.about["ended"]
    origin = f"the training of Base-B, ended {ended}; to train anew remove {kept.resolve()}"
    assert (lines["taken from"].strip(), lines["steps"].strip()) == (origin, "150")
    found, wanted = read_checkpoint(Path("out/model.pt")), suites_training.model.state_dict()
    assert found.about["preset"] == "tiny" and found.state.keys() == wanted.keys()
    assert all(torch.equal(found.state[name], value) for name, value in wanted.items())
    assert main([*COMMAND, "--json"]) == 0, "again"
    assert json.loads(capsys.readouterr().out)["taken_from"] == origin
    kept.unlink()
    assert main(COMMAND) == 2 and "trains anew" in capsys.readouterr().err


@pytest.mark.parametrize("changed", [["--seed", "1"], ["--preset", "quick"], ["--set", "width=8"]])
def test_what_a_suite_trained_otherwise_is_not_taken(
    changed: list[str], suites_training: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMAND, *changed]) == 2
    assert "trains anew" in capsys.readouterr().err
    assert main(COMMAND) == 0
    assert main([*COMMAND, *changed]) == 2, "nor does it take the place of what was"
    assert "out/model.pt: is of another training; give another --out DIR, or" in capsys.readouterr().err
    assert main([*COMMAND, *changed, "--dry-run"]) == 2, "and a dry run says so beforehand"
    assert "out/model.pt: is of another training" in capsys.readouterr().err


def test_what_several_processes_trained_is_not_replaced(suites_training: Trained, capsys) -> None:
    assert main(COMMAND) == 0
    path = Path("out/model.pt")
    found = read_checkpoint(path)
    write_checkpoint(path, replace(found, about={**found.about, "processes": 4}))
    assert main(COMMAND) == 2
    assert "out/model.pt: is of another training" in capsys.readouterr().err


def test_what_was_begun_in_the_folder_goes_on_there(
    suites_training: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").mkdir()
    Path("out/training.pt").write_text("")
    assert main(COMMAND) == 2
    assert "trains anew" in capsys.readouterr().err


def test_several_processes_take_nothing(suites_training: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = accuracy_cell("baseline", {}, Request("tiny", dataset="synthetic", root="few"), 0, Store("results", "here"))
    assert training._kept(cell, Places("few"), Path("out")) is not None
    monkeypatch.setattr(training, "launched", lambda: Place(0, 2))
    assert training._kept(cell, Places("few"), Path("out")) is None


def test_a_second_training_is_kept_out_of_the_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with alone(Path("out/model.pt")):
        assert main(COMMAND) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "--out out: another training writes here; wait for it, or give another" in said
        assert not Path("out/model.pt").exists()
        assert main([*COMMAND[:-1], "other"]) == 0
    assert main(COMMAND) == 0, "the lock is gone with the other"


def test_a_folder_that_cannot_be_made_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").write_text("a file")
    assert main(COMMAND) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "out: cannot be written" in said
