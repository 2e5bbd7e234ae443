from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from trunkless import TRUNKLESS

from reidbench import registry
from reidbench.cli import main
from reidbench.data.tracklets import Dataset
from reidbench.experiments import dry_run as module
from reidbench.experiments.accuracy import dataset_of, score, train_cell
from reidbench.experiments.dry_run import KEPT, TOO_LARGE, WRITTEN, Timing, dry_run, step_seconds
from reidbench.experiments.weights import weights_file
from reidbench.planning.plan import Request, accuracy_cell
from reidbench.spec import Cell, Output, Places, UserError
from reidbench.store import Store
from reidbench.training.checkpoint import save_model

WARMUP, STEPS = module.WARMUP, module.STEPS


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENOUGH", 0.0), ("WARMUP", 1), ("STEPS", 2)):
        monkeypatch.setattr(module, name, value)


def few_steps(root: Path, steps: int = 40, **changes: Any) -> Cell:
    cell = accuracy_cell("baseline", {}, Request(root=str(root)), 0, Store(root.parent / "results", "here"))
    return replace(cell, settings={**cell.settings, "recipe": {**cell.settings["recipe"], "steps": steps, **changes}})


def ignore(*_: object) -> None:
    pass


def test_a_dry_run_tells_what_a_training_needs_and_keeps_nothing(root: Path, tmp_path: Path) -> None:
    found = dry_run(few_steps(root), Places(str(root)), tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list((tmp_path / "cache").rglob("*.npy"))
    assert (found.frames, found.decoded_bytes) == (128, 128 * 64 * 32 * 3)
    assert (found.steps, found.first_step, found.processes) == (40, 0, 1)
    assert found.cache == WRITTEN and found.loss is not None and found.loss > 1
    assert len(found.timing.step) == module.STEPS == len(found.timing.load)
    assert found.memory > 50e6
    value, low, high = found.each_step
    assert 0 < low <= value <= high
    assert found.whole_run == pytest.approx([found.preparation + 40 * seconds for seconds in found.each_step])
    assert found.preparation > 0


def test_what_writing_the_cache_takes_is_found_out_as_it_will_be_done(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "seconds_to_keep", lambda frames: 1000.0 + len(frames.paths))
    assert dry_run(few_steps(root), Places(str(root)), tmp_path / "out").preparation == 1128


def test_it_is_told_how_far_a_dry_run_is(root: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    dry_run(few_steps(root), Places(str(root)), tmp_path / "out", lambda *call: told.append(call))
    assert told[0] == (0, 128, "frames looked at")
    steps = [call for call in told if call[2] == "steps tried"]
    assert [done for done, _, _ in steps] == list(range(module.WARMUP + module.STEPS))


@pytest.mark.parametrize(
    ("done", "spent", "wanted"), [(0, 0.0, 8), (1, 1.0, 8), (1, 70.0, 3), (2, 140.0, 3), (2, 60.0, 4), (20, 1.0, 21)]
)
def test_slow_steps_are_fewer(done: int, spent: float, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WARMUP", WARMUP)
    monkeypatch.setattr(module, "STEPS", STEPS)
    assert module._steps_to_take(done, spent) == wanted


def test_one_timed_step_has_no_range(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    assert main(["train", "baseline", "--root", str(root), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["each step"].endswith(" s (one step timed, so no range is known)")
    assert "steps in " in lines["whole run"] and " to " not in lines["whole run"]


def test_a_model_that_breaks_the_contract_is_told_before_a_step(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = registry.build

    def without_neck(*given: Any, **options: Any) -> Any:
        model = built(*given, **options)
        del model.neck
        model.forward = lambda clips: Output(clips.mean((1, 3, 4)))
        return model

    monkeypatch.setattr(registry, "build", without_neck)
    with pytest.raises(UserError, match="model baseline: has no `neck`"):
        dry_run(few_steps(root), Places(str(root)), tmp_path / "out")


def test_what_no_step_teaches_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = registry.build

    def with_spare(*given: Any, **options: Any) -> Any:
        model = built(*given, **options)
        model.spare, model.frozen = torch.nn.Linear(300, 100), torch.nn.Linear(3, 3).requires_grad_(False)
        return model

    assert not dry_run(few_steps(root), Places(str(root)), tmp_path / "out").untouched
    monkeypatch.setattr(registry, "build", with_spare)
    found = dry_run(few_steps(root), Places(str(root)), tmp_path / "out")
    assert found.untouched == {"spare.weight": 30000, "spare.bias": 100}
    command = ["train", "baseline", "--root", str(root), "--out", str(tmp_path / "out"), "--dry-run"]
    assert main(command) == 0
    total = f"{found.trainable / 1e6:.2f} M parameters"
    said = " ".join(capsys.readouterr().out.split())
    assert f"no gradient spare.weight, spare.bias (0.03 M of {total}): no step learns anything of them" in said
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["without_gradient"] == ["spare.weight", "spare.bias"]
    assert told["parameters_without_gradient"] == 30100


def test_what_is_done_already_is_not_counted(root: Path, tmp_path: Path) -> None:
    cell, places = few_steps(root, steps=5), Places(str(root))

    def stop(done: int, total: int, note: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reidbench.training.trainer.REPORT_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            train_cell(cell, places, tmp_path, stop)
    state = (tmp_path / "training.pt").read_bytes()
    found = dry_run(cell, places, tmp_path)
    assert (found.first_step, found.steps, found.cache) == (3, 5, KEPT)
    assert len(found.timing.step) == 1 and found.preparation == 0
    assert found.whole_run[0] == pytest.approx(2 * found.each_step[0])
    assert (tmp_path / "training.pt").read_bytes() == state

    _, _, trained = train_cell(cell, places, tmp_path, ignore)
    assert trained.resumed_at == 3 and found.loss == pytest.approx(trained.losses[3][1])
    found = dry_run(cell, places, tmp_path)
    assert found.first_step == found.steps == 5 and found.whole_run == (0, 0, 0) and found.loss is None


def test_frames_too_many_for_the_cache(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cache_file", lambda *_, **__: None)
    found = dry_run(few_steps(root), Places(str(root)), tmp_path / "out")
    assert found.cache == TOO_LARGE and found.preparation == 0
    pairs = zip(found.timing.load, found.timing.step, strict=True)
    assert found.each_step[1] == min(load + step for load, step in pairs)


def test_a_step_takes_what_it_waits_for() -> None:
    timing = Timing(load=(4.0, 5.0, 6.0), copy=(0.5, 0.5, 0.5), step=(1.0, 2.0, 3.0))
    assert step_seconds(timing, TOO_LARGE, False) == (7, 5, 9)
    assert step_seconds(timing, TOO_LARGE, True) == (5, 4, 6)
    assert step_seconds(timing, KEPT, False) == (7, 5, 9)
    assert step_seconds(timing, WRITTEN, False) == (2.5, 1.5, 3.5)
    assert step_seconds(Timing((), (), ()), KEPT, True) == (0, 0, 0)


def test_what_the_training_would_refuse_is_refused(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(str(root))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/out: cannot be written .*is no folder to write in"):
        dry_run(few_steps(root), places, tmp_path / "file" / "out")
    with pytest.raises(UserError, match="the loss is"):
        dry_run(few_steps(root, lr=1e30, warmup_steps=0), places, tmp_path / "out")

    def exhaust(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "take_step", exhaust)
    with pytest.raises(UserError, match=r"does not fit into the memory of cpu \(8 identities x 2 clips of 8 frames\)"):
        dry_run(few_steps(root), places, tmp_path / "out")


def test_a_missing_frame_is_named(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_and_lose(*given: Any) -> Dataset:
        return replace(dataset_of(*given), root=tmp_path / "nowhere")

    monkeypatch.setattr("reidbench.experiments.accuracy.dataset_of", find_and_lose)
    with pytest.raises(UserError, match=r"nowhere/bbox_train/.*F001\.jpg: missing frame"):
        dry_run(few_steps(root), Places(str(root)), tmp_path / "out")


def test_a_model_on_no_trunk_is_trained_and_nothing_is_said_of_weights(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(TRUNKLESS)
    command = ["train", "trunkless", "--plugin", str(tmp_path / "own.py"), "--root", str(root), "--preset", "tiny"]
    command += ["--out", str(tmp_path / "out")]
    assert main([*command, "--dry-run"]) == 0
    told = "none: on no known trunk, starts as it is built"
    assert f"weights    {told}\n" in capsys.readouterr().out
    assert main([*command, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trunk"] == ""
    cell = accuracy_cell("trunkless", {}, Request("tiny", root=str(root)), 0, Store(tmp_path / "results", "here"))
    recipe = {**cell.settings["recipe"], "steps": 2}
    few_of_them = replace(cell, settings={**cell.settings, "recipe": recipe})
    model, dataset, _ = train_cell(few_of_them, Places(str(root)), tmp_path / "run", ignore)
    assert "trunk_about" not in score(model, dataset, few_of_them, ignore).context


def test_the_command(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "baseline", "--root", str(root), "--out", str(tmp_path / "out"), "--dry-run"]
    assert main(command) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    made = "synthetic train_ids=8 test_ids=8 cameras=2 frames=8"
    assert lines["data"] == f"{made}: 8 training identities in 16 tracklets"
    assert lines["frames"].startswith("128, none missing; 0.8 MB will be kept decoded in the cache")
    assert lines["weights"] == "trunk synthetic, fits" and lines["memory"].endswith("MB at the peak of a process")
    assert "600 steps in 600 epochs" in lines["whole"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"] == 600 and found["cache"] == WRITTEN
    assert found["whole_run"]["low"] <= found["whole_run"]["value"] <= found["whole_run"]["high"]
    assert not (tmp_path / "out").exists()
    cell = accuracy_cell("baseline", {}, Request(root=str(root)), 0, Store(tmp_path / "results", "here"))
    model = registry.build("baseline", classes=8, **cell.options)
    about = {"key": "k", "ended": "in May", "seconds": 1.0, "losses": [[600, 1.0]], "row": "Base-B"}
    save_model(weights_file(cell), model, name="baseline", options={}, about=about)
    assert main(command) == 0
    assert "whole run  none, taken from the training of Base-B, ended in May; to" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert main([*command[:-2], str(tmp_path / "file"), "--dry-run"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
