"""Losses and gradients as a CUDA graph: when a step is captured, and that training is the same with it.

Without a GPU what a graph replays is computed anew, into the gradients that it was captured with.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from shared import untrained
from tiny import RECIPE, Tiny, tiny
from torch import Tensor, nn

from reidbench import distributed, registry
from reidbench.data.mars import read_layout
from reidbench.data.tracklets import Dataset
from reidbench.spec import Output
from reidbench.training import gradients as module
from reidbench.training.gradients import Gradients
from reidbench.training.state import State
from reidbench.training.trainer import start, take_step, train

ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
on_gpu = pytest.mark.skipif(not ON_GPU, reason="needs a GPU")
STEPS = 6
PERSONS = 3 if ON_GPU else 2


class Graphs:
    """Stands in for `capture`: counts, and computes nothing until a replay."""

    def __init__(self) -> None:
        self.made = self.replayed = 0
        self.models: list[nn.Module] = []

    def __call__(self, compute: Callable[[], Tensor], device: torch.device) -> tuple[Callable[[], None], Tensor]:
        self.made += 1
        held = {p: torch.zeros_like(p) for model in self.models for p in model.parameters() if p.requires_grad}
        loss = torch.zeros((), device=device)
        for parameter, gradient in held.items():
            parameter.grad = gradient

        def replay() -> None:
            self.replayed += 1
            before = [parameter.grad for parameter in held]
            loss.copy_(compute())
            for (parameter, gradient), old in zip(held.items(), before, strict=True):
                gradient.copy_(parameter.grad if parameter.grad is not None else torch.zeros_like(parameter))
                parameter.grad = old  # a replay writes to memory, and sees no parameter

        return replay, loss


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Graphs:
    found = Graphs()
    monkeypatch.setattr(module, "capture", found)
    return found


@pytest.fixture
def dataset(mars_tree: Path) -> Dataset:
    return read_layout(mars_tree, name="tiny")


def quiet(model: Tiny) -> Tiny:
    """Without the noise that it draws, on a CPU of the CPU's generator."""
    model.dropout.p = 0.0
    return model


def trained(
    model: nn.Module, dataset: Dataset, *, captures: bool, graphs: Graphs | None = None, watched: int = -1
) -> State:
    """After a few steps, of which one is watched."""
    state, feed = start(model, dataset, RECIPE, seed=1, device=DEVICE)
    state.gradients.captures = captures
    if graphs:
        graphs.models.append(model)
    for step in range(STEPS):
        options = (lambda _: nullcontext(),) if step == watched else ()
        state.losses[step] = take_step(state, feed, step, feed.batch(step), *options)
    return state


def same(a: State, b: State) -> bool:
    pairs = zip(a.model.state_dict().values(), b.model.state_dict().values(), strict=True)
    return torch.equal(a.losses, b.losses) and all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("watched", [-1, 0, 1, 3, STEPS - 1])
def test_a_training_is_the_same_captured_or_not_and_with_a_watched_step_in_between(
    dataset: Dataset, graphs: Graphs, watched: int
) -> None:
    plain = trained(quiet(tiny()).to(DEVICE), dataset, captures=False)
    found = trained(quiet(tiny()).to(DEVICE), dataset, captures=True, graphs=graphs, watched=watched)
    assert graphs.made == 1
    assert graphs.replayed == STEPS - 1 - (watched > 0), "all but the first and the watched one"
    assert same(plain, found)


def test_steps_are_captured_on_a_gpu_alone(dataset: Dataset) -> None:
    assert train(quiet(tiny()), dataset, RECIPE, seed=1, device=DEVICE).captured is ON_GPU


def test_a_batch_of_another_shape_is_not_replayed(dataset: Dataset, graphs: Graphs) -> None:
    model = quiet(tiny())
    graphs.models.append(model)
    gradients = Gradients(model, torch.amp.GradScaler("cpu", enabled=False), RECIPE, 3, captures=True)
    clips, labels = torch.rand(4, 2, 3, 16, 8), torch.tensor([0, 0, 1, 1])
    for batch in (4, 4, 2, 4):
        gradients(clips[:batch], labels[:batch])
    assert (graphs.made, graphs.replayed) == (1, 2)


class Otherwise(Tiny):
    """Not captured: its class says so."""

    capturable = False


class Draws(Tiny):
    """Decides something by a number that a graph would hold fast."""

    draw: Callable[[], object]

    def forward(self, clips: Tensor) -> Output:
        self.draw()
        return super().forward(clips)


@pytest.mark.parametrize(
    "draw", [random.random, np.random.rand, lambda: torch.rand(1)], ids=["Python", "NumPy", "torch on the CPU"]
)
def test_a_model_that_draws_numbers_on_the_cpu_is_not_captured(
    dataset: Dataset, graphs: Graphs, draw: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    model = Draws(3)
    model.draw = draw
    trained(quiet(model).to(DEVICE), dataset, captures=True)
    assert graphs.made == 0
    assert capsys.readouterr().err == (
        "training: its steps are not captured as a CUDA graph, and take longer (its forward draws numbers on the CPU)\n"
    )


def test_models_that_say_so_and_joined_processes_are_not_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    assert not Gradients(Otherwise(3), scaler, RECIPE, 3, captures=True).captures
    assert Gradients(Tiny(3), scaler, RECIPE, 3, captures=True).captures
    monkeypatch.setattr(distributed, "current", lambda: distributed.Place(rank=0, world=2))
    assert not Gradients(Tiny(3), scaler, RECIPE, 3, captures=True).captures


def test_where_a_capture_is_refused_training_goes_on_as_before(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[object] = []

    def refuses(compute: object, device: object) -> None:
        tried.append(compute)
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    plain = trained(quiet(tiny()), dataset, captures=False)
    monkeypatch.setattr(module, "capture", refuses)
    found = trained(quiet(tiny()), dataset, captures=True)
    assert len(tried) == 1 and same(plain, found)
    told = capsys.readouterr().err
    assert told == (
        "training: its steps are not captured as a CUDA graph, and take longer "
        "(operation not permitted when stream is capturing)\n"
    )


def test_a_capture_for_which_there_is_no_memory_ends_the_training(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(compute: object, device: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "capture", too_large)
    with pytest.raises(torch.OutOfMemoryError):
        trained(quiet(tiny()).to(DEVICE), dataset, captures=True)


class Reads(Tiny):
    """Looks at a number that is on the device, and draws noise."""

    def forward(self, clips: Tensor) -> Output:
        return super().forward(clips if clips.sum().item() else -clips)


@on_gpu
def test_on_a_gpu_a_training_is_refused_its_capture_and_goes_on(
    dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    state = trained(Reads(3), dataset, captures=True)
    assert "are not captured as a CUDA graph" in capsys.readouterr().err
    assert state.losses[:STEPS].isfinite().all()
    other = trained(tiny(), dataset, captures=True)
    assert other.losses[:STEPS].isfinite().all() and not capsys.readouterr().err


WAYS = {
    "triplet": RECIPE,
    "contrastive": replace(RECIPE, metric_loss="contrastive", smoothing=0.1),
    "euclidean": replace(RECIPE, metric_loss="soft_triplet", metric_distance="euclidean"),
    **{precision: replace(RECIPE, precision=precision) for precision in ("bf16", "fp16")},
}
LIMITS = {"bf16": 0.05, "fp16": 0.02}
"""How far gradients may lie from those of operators started one by one, as a share of their length; else 0.001."""


@pytest.mark.parametrize(
    ("name", "way"),
    [(name, "triplet") for name in sorted(registry.models())]
    + [("bicnet_tks", way) for way in WAYS if way != "triplet" and (ON_GPU or way != "fp16")],
)
def test_losses_gradients_and_statistics_are_those_of_operators_started_one_by_one(
    name: str, way: str, request: pytest.FixtureRequest
) -> None:
    """Each step's batch is computed by a copy of the model that was taken before the step, too.

    The first is computed as by the copy, the second captured and replayed, the third replayed alone.
    """
    recipe, labels = WAYS[way], torch.arange(PERSONS, device=DEVICE).repeat_interleave(2)
    model = untrained(name).to(DEVICE).train()
    graphs = None if ON_GPU else request.getfixturevalue("graphs")
    if graphs:
        graphs.models.append(model)
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0  # it would be noise of the CPU's generator
    scaler = torch.amp.GradScaler(DEVICE.type, enabled=recipe.precision == "fp16")
    gradients = Gradients(model, scaler, recipe, 3, captures=True)
    optimiser = torch.optim.SGD(model.parameters(), 1e-3)
    for step in range(3):
        clips = torch.randn(2 * PERSONS, 8, 3, 64, 32, generator=torch.Generator().manual_seed(step)).to(DEVICE)
        twin = copy.deepcopy(model)
        plain = Gradients(twin, scaler, recipe, 3, captures=False)
        losses = []
        for compute in (plain, gradients):
            torch.manual_seed(step)
            losses.append(compute(clips, labels).item())
        limit = LIMITS.get(way, 1e-3)
        assert losses[1] == pytest.approx(losses[0], rel=limit)
        assert apart(twin, model) < limit, f"step {step}"
        for (_, wanted), (key, found) in zip(twin.named_buffers(), model.named_buffers(), strict=True):
            torch.testing.assert_close(found, wanted, rtol=limit, atol=limit, msg=f"step {step}: {key}")
        scaler.step(optimiser)
        scaler.update()
    assert gradients.captured or (not ON_GPU and not gradients.captures)


def apart(wanted: nn.Module, found: nn.Module) -> float:
    """The length of the difference of all gradients, as a share of that of the gradients."""
    pairs = list(zip(wanted.parameters(), found.parameters(), strict=True))
    assert not ON_GPU or all((a.grad is None) == (b.grad is None) for a, b in pairs)
    grads = [(a.grad, b.grad) for a, b in pairs if a.grad is not None and b.grad is not None]
    assert grads
    difference = torch.stack([(a - b).norm() for a, b in grads]).norm()
    return float(difference / torch.stack([a.norm() for a, _ in grads]).norm())
