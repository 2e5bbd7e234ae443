from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from few_walkers import FEW
from shared import untrained
from tiny import RECIPE, Tiny, tiny
from torch import Tensor, nn

import reidbench
from reidbench import registry
from reidbench.data.frames import decode_frames
from reidbench.data.mars import read_layout
from reidbench.data.synthetic import write_synthetic
from reidbench.data.tracklets import Dataset
from reidbench.recipes import Recipe
from reidbench.spec import UserError
from reidbench.training import trainer
from reidbench.training.feed import open_feed
from reidbench.training.interrupts import hung_up
from reidbench.training.trainer import TrainingResult, train

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)


@pytest.fixture
def dataset(mars_tree: Path) -> Dataset:
    return read_layout(mars_tree, name="tiny")


class Stopped(Exception):
    pass


def stop_in_step(number: int, model: nn.Module) -> None:
    """Lets the model's forward raise `Stopped` when it is called for this time, the first being 1."""
    calls = iter(range(1, 100))

    def stop(model: nn.Module, clips: object) -> None:
        if next(calls) == number:
            raise Stopped

    model.register_forward_pre_hook(stop)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_training_lowers_the_loss(dataset: Dataset) -> None:
    seen: list[tuple[int, int, str]] = []
    model = tiny()
    recipe = replace(RECIPE, steps=60, erase=0.0)
    result = train(model, dataset, recipe, seed=1, device=CPU, progress=lambda *call: seen.append(call))
    assert result.steps == 60 and result.resumed_at == 0 and result.seconds > 0
    assert [step for step, _ in result.losses] == list(range(1, 61))
    losses = [loss for _, loss in result.losses]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert seen[-1][:2] == (60, 60) and "loss" in seen[-1][2] and "steps/s" in seen[-1][2]
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_long_history_is_the_mean_losses_of_equal_shares_of_the_steps(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [loss for _, loss in train(tiny(), dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path).losses]
    monkeypatch.setattr(trainer, "HISTORY", 5)
    shares = train(tiny(), dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path).losses
    assert [step for step, _ in shares] == [3, 6, 8, 10, 12]
    wanted = [sum(every[a:b]) / (b - a) for a, b in ((0, 3), (3, 6), (6, 8), (8, 10), (10, 12))]
    assert [loss for _, loss in shares] == pytest.approx(wanted)


def test_everything_follows_from_the_seed(dataset: Dataset) -> None:
    models = [tiny() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        torch.manual_seed(int(torch.randint(100, ()).item()))  # whatever state the process is in
        train(model, dataset, RECIPE, seed=seed, device=CPU)
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


def test_frames_decoded_when_asked_for_train_the_same_network(dataset: Dataset) -> None:
    cached, direct = tiny(), tiny()
    train(cached, dataset, RECIPE, seed=1, device=CPU)
    train(direct, dataset, RECIPE, seed=1, device=CPU, cache_limit=0)
    assert same(cached, direct)


def test_the_callers_random_state_is_left_alone(dataset: Dataset) -> None:
    torch.manual_seed(7)
    model = tiny()
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    train(model, dataset, RECIPE, seed=1, device=CPU)
    assert torch.equal(torch.rand(3), wanted)


def test_killed_training_goes_on_to_the_same_bits(dataset: Dataset, tmp_path: Path) -> None:
    """Killed in its sixth step, stopped in the fourth of those that followed."""
    workdir = tmp_path / "work"
    script = Path(__file__).with_name("tiny.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(reidbench.__file__).parents[1])}
    arguments = [sys.executable, script, dataset.root, workdir, "6"]
    assert subprocess.run(arguments, env=environment).returncode == -signal.SIGKILL
    straight, stopped, killed = tiny(), tiny(), tiny()
    stop_in_step(4, stopped)
    with pytest.raises(Stopped):
        train(stopped, dataset, RECIPE, seed=3, device=CPU, workdir=workdir, run="a", save_every=0.0)
    undisturbed = train(straight, dataset, RECIPE, seed=3, device=CPU)
    result = train(killed, dataset, RECIPE, seed=3, device=CPU, workdir=workdir, run="a")
    assert result.resumed_at == 8 and result.losses == undisturbed.losses
    assert same(straight, killed)


def test_a_finished_training_is_not_repeated(dataset: Dataset, tmp_path: Path) -> None:
    first, again = tiny(), tiny()
    result = train(first, dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path, run="a")
    repeated = train(again, dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path, run="a")
    assert repeated.resumed_at == result.steps == 12 and repeated.losses == result.losses
    assert same(first, again)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three persons on frames of 64x32, which every trunk takes."""
    folder = tmp_path_factory.mktemp("walkers") / "three"
    write_synthetic(folder, **{**FEW, "train_ids": 3, "test_ids": 3})
    return read_layout(folder, name="large")


@pytest.mark.parametrize("name", sorted(registry.models()))
def test_every_model_resumes_to_the_same_bits(name: str, large: Dataset, tmp_path: Path) -> None:
    recipe = replace(RECIPE, size=(64, 32), frames=8, steps=2)
    straight, stopped, resumed = (untrained(name) for _ in range(3))
    train(straight, large, recipe, seed=1, device=CPU)
    stop_in_step(2, stopped)
    with pytest.raises(Stopped):
        train(stopped, large, recipe, seed=1, device=CPU, workdir=tmp_path, save_every=0.0)
    result = train(resumed, large, recipe, seed=1, device=CPU, workdir=tmp_path)
    assert result.resumed_at == 1
    assert same(straight, resumed)


def test_an_interrupt_between_steps_loses_none_of_them(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0.0)

    def stop(done: int, total: int, note: str) -> None:
        if done == 5:
            raise KeyboardInterrupt

    straight, stopped, resumed = tiny(), tiny(), tiny()
    undisturbed = train(straight, dataset, RECIPE, seed=3, device=CPU)
    with pytest.raises(KeyboardInterrupt):
        train(stopped, dataset, RECIPE, seed=3, device=CPU, workdir=tmp_path, save_every=3600, progress=stop)
    result = train(resumed, dataset, RECIPE, seed=3, device=CPU, workdir=tmp_path)
    assert result.resumed_at == 5 and result.losses == undisturbed.losses
    assert same(straight, resumed)


@pytest.mark.parametrize(
    ("signals", "resumed_at"),
    [
        ([signal.SIGINT], 4),
        ([signal.SIGTERM], 4),
        ([signal.SIGHUP], 4),
        ([signal.SIGINT, signal.SIGTERM], 4),
        ([signal.SIGINT] * 2, 0),
    ],
)
def test_a_signal_within_a_step_waits_for_its_end_unless_it_comes_twice(
    dataset: Dataset, tmp_path: Path, signals: list[signal.Signals], resumed_at: int
) -> None:
    def hurry(model: Tiny, *_: object) -> None:
        if model.calls == 4:
            for number in signals:
                signal.raise_signal(number)

    straight, stopped, resumed = tiny(), tiny(), tiny()
    undisturbed = train(straight, dataset, RECIPE, seed=3, device=CPU)
    stopped.register_forward_hook(hurry)
    handlers = {signal.SIGTERM: signal.default_int_handler, signal.SIGHUP: hung_up}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with pytest.raises(KeyboardInterrupt):
            train(stopped, dataset, RECIPE, seed=3, device=CPU, workdir=tmp_path, save_every=3600)
        assert {n: signal.getsignal(n) for n in handlers} == handlers
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    result = train(resumed, dataset, RECIPE, seed=3, device=CPU, workdir=tmp_path)
    assert result.resumed_at == resumed_at and result.losses == undisturbed.losses
    assert same(straight, resumed)


def test_a_folder_that_cannot_be_written_is_named_before_the_first_step(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = tiny()
    with pytest.raises(UserError, match=r"file/work: cannot be written"):
        train(model, dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path / "file" / "work")
    assert model.calls == 0


@pytest.mark.parametrize(
    ("run", "recipe", "classes", "message"),
    [
        ("b", RECIPE, 3, "belongs to another training"),
        ("a", replace(RECIPE, steps=13), 3, "does not fit the training"),
        ("a", RECIPE, 4, "does not fit the training"),
    ],
)
def test_another_runs_state_is_refused(
    dataset: Dataset, tmp_path: Path, run: str, recipe: Recipe, classes: int, message: str
) -> None:
    train(tiny(), dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path, run="a")
    with pytest.raises(UserError, match=rf"training\.pt: {message}") as error:
        train(tiny(classes), dataset, recipe, seed=1, device=CPU, workdir=tmp_path, run=run)
    assert "\n" not in str(error.value)


def test_another_runs_state_is_refused_by_what_differs(dataset: Dataset, tmp_path: Path) -> None:
    begun = {"preset": "quick", "recipe": {"steps": 12}}
    train(tiny(), dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path, run="a", settings=begun)
    other = {"preset": "tiny", "recipe": {"steps": 9}}
    told = r"another training \(preset quick, now tiny; recipe.steps 12, now 9\); give what it was begun with to go on"
    with pytest.raises(UserError, match=told):
        train(tiny(), dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path, run="b", settings=other)
    content = torch.load(tmp_path / "training.pt", weights_only=True)
    assert content.pop("settings") == {**begun, "processes": 1}
    torch.save(content, tmp_path / "training.pt")
    with pytest.raises(UserError, match=r"training \('a', not 'b': other options, data or code\); give what"):
        train(tiny(), dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path, run="b", settings=other)
    assert train(tiny(), dataset, RECIPE, seed=1, device=CPU, workdir=tmp_path, run="a").resumed_at == 12


def test_a_training_that_goes_on_says_so_in_one_line(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainer, "REPORT_SECONDS", 0.0)

    def stop(done: int, total: int, note: str) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny(), dataset, RECIPE, seed=3, device=CPU, workdir=tmp_path, progress=stop)
    assert capsys.readouterr().err == ""
    for told in ("goes on after step 5 of 12", "all 12 steps are done"):
        train(tiny(), dataset, RECIPE, seed=3, device=CPU, workdir=tmp_path)
        assert capsys.readouterr().err == f"{tmp_path / 'training.pt'}: {told}\n"


def test_a_loss_that_is_not_finite_stops_and_is_not_saved(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step [0-9]+"):
        train(
            tiny(),
            dataset,
            replace(RECIPE, lr=1e30, warmup_steps=0),
            seed=1,
            device=CPU,
            workdir=tmp_path,
            save_every=3600,
        )
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "linear"}, "schedule is 'linear'; choose one of step, cosine"),
        ({"metric_loss": "arcface"}, "metric_loss is 'arcface'"),
        ({"sampling": "dense"}, "sampling is 'dense'; choose one of stride, restricted"),
        ({"smoothing": 1.5}, "smoothing is 1.5; give 0 to 1"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"precision": "fp16"}, "needs --device cuda"),
        ({"identities": 16}, "do not fill a batch of 16"),
        ({"steps": 0, "epochs": 0}, "recipe: asks for no step; give it steps, or epochs"),
    ],
)
def test_recipes_that_cannot_be_followed(dataset: Dataset, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        train(tiny(), dataset, replace(RECIPE, **changes), seed=1, device=CPU)  # type: ignore[arg-type]


class Bare(Tiny):
    def forward(self, clips: Tensor) -> Any:
        return super().forward(clips).feature


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: tiny(0), r"gives no logits in training; build it for 3 identities \(classes=3\)"),
        (lambda: tiny(2), "has 2 classes for 3 identities; build it with classes=3"),
        (lambda: tiny(4), "has 4 classes for 3 identities; build it with classes=3"),
        (lambda: Bare(3), "forward returns Tensor; let it return a reidbench.spec.Output"),
    ],
)
def test_a_model_that_was_not_built_for_the_identities_is_refused(
    dataset: Dataset, model: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        train(model(), dataset, RECIPE, seed=1, device=CPU)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_training_in_a_mode_without_gradients_is_refused_by_its_name(
    dataset: Dataset, mode: Callable[[], AbstractContextManager[None]]
) -> None:
    model = tiny(3)
    with (
        mode(),
        pytest.raises(UserError, match=rf"train: is called within torch\.{mode.__name__}\(\).*call it outside"),
    ):
        train(model, dataset, RECIPE, seed=1, device=CPU)


def test_a_device_and_a_folder_may_be_texts(dataset: Dataset, tmp_path: Path) -> None:
    train(tiny(), dataset, replace(RECIPE, steps=1), seed=1, device="cpu", workdir=str(tmp_path / "out"))
    assert any((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"metric_loss": "contrastive"},
        {"schedule": "step", "steps": 0, "epochs": 2},
        {"optimiser": "sgd", "metric_weight": 0.0, "clips_per_identity": 1},
        {"sampling": "restricted", "smoothing": 0.1, "metric_loss": "soft_triplet", "metric_distance": "euclidean"},
        {"schedule": "step", "steps": 0, "epochs": 2, "epoch_of": "identities", "warmup_epochs": 1},
    ],
)
def test_other_recipes_run(dataset: Dataset, changes: dict[str, object]) -> None:
    model, usual = tiny(), tiny()
    result: TrainingResult = train(model, dataset, replace(RECIPE, **changes), seed=1, device=CPU)  # type: ignore[arg-type]
    assert all(math.isfinite(loss) for _, loss in result.losses)
    train(usual, dataset, RECIPE, seed=1, device=CPU)
    assert not same(model, usual)


def test_frames_and_identities_are_those_that_the_recipe_asks_for(dataset: Dataset) -> None:
    recipe = replace(RECIPE, frames=2, sampling="restricted", steps=0, epochs=1, identities=1, clips_per_identity=1)
    every = open_feed(dataset, recipe, 1, CPU)
    assert sorted(every.plan.tracklets.ravel().tolist()) == list(range(len(dataset.train)))
    one = open_feed(dataset, replace(recipe, epoch_of="identities"), 1, CPU)
    assert sorted(one.labels[one.plan.tracklets.ravel()].tolist()) == list(range(len(dataset.train_identities)))
    for step, row in enumerate(every.plan.tracklets.ravel()):
        pixels = decode_frames(dataset.root, dataset.train[row].frames, recipe.size, threads=1)
        half = len(pixels) // 2
        first, second = every.batch(step).clips[0].numpy()
        assert any((first == frame).all() for frame in pixels[: max(half, 1)])
        assert any((second == frame).all() for frame in pixels[half:])
