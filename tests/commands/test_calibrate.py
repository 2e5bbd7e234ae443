"""The calibration command, at a small scale: real sessions of real rows, and what it writes."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from fine_clock import FINE_CLOCK

from reidbench import machine
from reidbench.cli import main
from reidbench.regression import calibration
from reidbench.regression.calibration import Trial, recorded, session_noise


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    return ["--results", str(tmp_path / "results")]


FAULT = Trial("all quantities", 3, 3, 20, {"worse": 20}, 20, 20, (-0.3, -0.4, -0.2), fault="neck")

PLUGIN = '''"""A row whose pace is noisy."""
import pathlib, random
CLOCK
from reidbench.registry import measurement, model
from reidbench.spec import Column, Outcome, Quantity, Row, Suite

@model()
def toy(*, classes=0, slim=False):
    """Nothing but an option."""

@measurement(quantities={"ratio": Quantity("pace", "x", "lower", 2, statistic="ratio", sample="seconds",
             over="reference")}, mode="interleaved", needs=("device", "reference"))
def noisypace(cells, progress):
    """Timed, with noise, another one in each session and the same in every run of the test."""
    begun = pathlib.Path(__file__).with_suffix(".begun")
    number = int(begun.read_text()) + 1 if begun.exists() else 1
    begun.write_text(str(number))
    draw = random.Random(number)
    for cell in cells:
        seconds = [draw.lognormvariate(0, 0.01) for _ in range(15)]
        yield cell, Outcome(samples={"seconds": seconds, "reference": [1.0] * 15})

rows = (Row("whole", "toy"), Row("slim", "toy", {"slim": True}))
SUITE = Suite("Noisy", rows, (Column("noisypace.ratio"),), "whole")
'''.replace("CLOCK", FINE_CLOCK)


@pytest.fixture
def plugin(tmp_path: Path):
    from reidbench import registry

    path = tmp_path / "noisy.py"
    path.write_text(PLUGIN)
    yield ["--plugin", str(path)]
    registry._plugins.remove(path.resolve())
    registry.MEASUREMENTS.pop("noisypace", None)
    for find in (registry.models, registry.datasets, registry.suite_paths, registry.model_source):
        find.cache_clear()


def test_sessions_are_measured_kept_and_tried(
    place: list[str], plugin: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(calibration, "COMPARISONS", 20)
    command = ["calibrate", "noisy", "--only", "cost", *place, *plugin]
    assert main([*command, "--sessions", "2"]) == 0
    assert "too few sessions" in capsys.readouterr().out
    assert main([*command, "--sessions", "8"]) == 0
    said = capsys.readouterr()
    assert said.err.count("session 3 of 8") == 1 and "session 1 of" not in said.err
    assert "0 of 20 comparisons said worse" in said.out
    folder = tmp_path / "results" / machine.name()
    found = json.loads((folder / "calibration.json").read_text())
    assert [len(readings) for readings in found["log_ratios"]["slim"]] == [15] * 8
    assert list(found["about"]["commands"]) == ["cost"] and "--sessions 8" in found["about"]["commands"]["cost"]
    noise = session_noise(folder)["cpu"]
    assert found["about"]["sessions"] == 8 and noise.shared == 0
    assert noise.own == pytest.approx(found["noise"], rel=0.01), "the readings are kept to five digits"
    assert (folder / "calibration.md").read_text().startswith("# Calibration of the gate on ")
    earlier = replace(recorded(folder), trials=(*recorded(folder).trials, FAULT))
    (folder / "calibration.json").write_text(json.dumps(asdict(earlier)))
    assert main([*command, "--sessions", "8"]) == 0
    assert FAULT in recorded(folder).trials, "the trials of the other kind stay"
    assert [trial.effect for trial in recorded(folder).trials if trial.what == "time"] == [0.0, 0.05, 0.1]
    assert not list(folder.glob("*/*.json")), "sessions of a calibration are no records of the machine"


def test_a_calibration_is_not_replaced_by_one_that_tells_less(
    place: list[str], plugin: list[str], tmp_path: Path, capsys
) -> None:
    command = ["calibrate", "noisy", "--only", "cost", *place, *plugin]
    assert main([*command, "--sessions", "4"]) == 0
    path, begun = tmp_path / "results" / machine.name() / "calibration.json", tmp_path / "noisy.begun"
    kept = path.read_text()
    assert main([*command, "--sessions", "3"]) == 0, "the four that the cache holds count"
    assert len(json.loads(path.read_text())["log_ratios"]["slim"]) == 4
    path.write_text(kept)
    (tmp_path / "cache").rename(tmp_path / "another cache")
    capsys.readouterr()
    assert main([*command, "--sessions", "3"]) == 2
    said = capsys.readouterr().err
    assert "rests on 4 sessions, more than --sessions 3; give --sessions 4" in said and said.count("\n") == 1
    assert path.read_text() == kept and begun.read_text() == "4", "nothing was measured"
    path.write_text(kept.replace('"device": "cpu"', '"device": "cuda"'))
    assert main([*command, "--sessions", "4"]) == 2
    assert "is of cuda, and one of cpu would replace it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "costs"], "did you mean 'cost'?"),
        (["--only", "cost", "--rows", "Base-B (256x128)"], "--rows: name at least one row besides"),
        (["stress", "--only", "cost"], "the suite times nothing on cpu"),
        (["--only", "accuracy", "--seeds", "1"], "--seeds 1: give 2 or more"),
        (["stress", "--seeds", "17"], "--seeds 17: give 2 or more, at most 16"),
        (["--sessions", "0"], "--sessions 0"),
    ],
)
def test_a_wrong_option_is_one_line(options: list[str], message: str, place: list[str], capsys) -> None:
    assert main(["calibrate", *options, *place]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
