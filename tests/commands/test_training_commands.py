"""The command `train`: what it keeps, and that it keeps to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reidbench.cli import main
from reidbench.commands import training
from reidbench.data import synthetic
from reidbench.files import alone
from reidbench.training.checkpoint import read_checkpoint
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
