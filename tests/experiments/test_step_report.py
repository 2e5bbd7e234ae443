"""Where a training step's time goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reidbench.cli import main
from reidbench.experiments import step_report as module
from reidbench.experiments.step_report import StepReport
from reidbench.training.stages import STAGES


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENOUGH", 0.0)
    monkeypatch.setattr(module, "STEPS", 2)


def test_the_rest_is_what_no_stage_has() -> None:
    stages = {"load": (1.0, 2.0, 3.0), "forward": (4.0, 4.0, 5.0)}
    report = StepReport(stages, watched=(6.0, 6.5, 9.0), alone=(1.0,), clips=(1, 1, 1, 1), threads=1)
    assert report.median("load") == 2 and report.rest == 1


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    """What the function gives when it is first called, each time."""
    found: list[Any] = []

    def call(*given: Any, **named: Any) -> Any:
        if not found:
            found.append(function(*given, **named))
        return found[0]

    return call


def test_trace_times_the_stages_of_training_steps_and_traces_others(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told twice, as text and as JSON."""
    for name in ("time_steps", "trace_steps"):
        monkeypatch.setattr(module, name, once(getattr(module, name)))
    out = tmp_path / "traces"
    command = ["trace", "baseline", "--train", "--root", str(root), "--out", str(out)]
    assert main(command) == 0
    told = capsys.readouterr().out
    for word in (*STAGES, "rest", "whole step", "ui.perfetto.dev", f"tensorboard --logdir {out}"):
        assert word in told
    assert all(len(line) <= 80 for line in told.splitlines() if not line.startswith(("written", "TensorBoard")))
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    step = found["step"]
    assert set(step["stages"]) == set(STAGES) and all(len(seconds) == 2 for seconds in step["stages"].values())
    assert len(step["watched"]) == len(step["alone"]) == 2
    assert step["clips"] == [16, 8, 64, 32] and step["medians"]["backward"] > step["medians"]["losses"] > 0
    for whole, *parts in zip(step["watched"], *step["stages"].values(), strict=True):
        assert sum(parts) <= whole
    assert Path(found["file"]).parent == out / "baseline-training-quick-cpu-fp32"
    assert any("backward" in operator["name"] for operator in found["operators"])


def test_a_training_without_enough_steps_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "STEPS", 1000)
    assert main(["trace", "baseline", "--train", "--root", str(root), "--out", str(tmp_path)]) == 2
    assert "steps are too few to time" in capsys.readouterr().err
