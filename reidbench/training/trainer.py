"""One trainer for every model: cross entropy, a metric loss and a model's own losses, resumable to the bit.

Nothing random outlives a step: batches follow from (seed, epoch); clips, augmentation and the model's own noise from
(seed, step). A run that was killed goes on from its last checkpoint and, on a CPU, ends with the same bits. Processes
that are joined (`reidbench.distributed`) share each batch; the first of them keeps the checkpoints of all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reidbench import distributed
from reidbench.data.clips import augment
from reidbench.data.frames import CACHE_LIMIT, in_turn
from reidbench.data.tracklets import Dataset
from reidbench.files import check_writable
from reidbench.recipes import Recipe, check_recipe
from reidbench.spec import Advance, UserError
from reidbench.training.feed import Batch, Feed, open_feed
from reidbench.training.gradients import Gradients
from reidbench.training.interrupts import interrupts_held
from reidbench.training.optimisation import make_optimiser, schedule_factor
from reidbench.training.parallel import (
    check_shares,
    start_alike,
    synchronise_norms,
)
from reidbench.training.stages import AUGMENT, OPTIMISER, Stage, unwatched
from reidbench.training.state import CHECKPOINT, State, resume

HISTORY = 200
REPORT_SECONDS = 0.5
GPU_LOOK = 50
"""Steps between two looks at the loss on a GPU, where each look waits for the device."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training was: `losses` are at most 200 (step, mean loss of the steps up to it) pairs, steps from 1.

    `seconds` counts the time spent in training steps over all sessions, `resumed_at` the steps done before this one.
    `captured` says whether those of this session were replayed from a CUDA graph.
    """

    steps: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    resumed_at: int
    captured: bool = False


def train(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device | str,
    workdir: str | Path | None = None,
    run: str = "",
    settings: Mapping[str, Any] | None = None,
    progress: Advance | None = None,
    cache_limit: int = CACHE_LIMIT,
    save_every: float = 60.0,
    sync_bn: bool = False,
) -> TrainingResult:
    """Trains `model` in place on `dataset.train` by `recipe`, and leaves it in evaluation mode on `device`.

    It starts from the weights that the model has: `recipe.trunk` is not loaded, for which there is
    `trunk_weights.start_trunk`. `seed` draws batches, clips, augmentation and the model's own noise, but not the model:
    call `torch.manual_seed` before that is built.

    With a `workdir` the state is saved there every `save_every` seconds, at the end, and on Ctrl-C, which waits for
    the end of the step; a state that is there already is taken up, as one line on stderr says, if it is of the same
    `run`, a text that names whatever determines the result; `settings` are the same in words, for another run's
    refusal. The model must have been built for `len(dataset.train_identities)` classes. Frames
    are cached up to `cache_limit` bytes.

    Joined processes train one model, to the same bits in each, as one process would on the same batches but for
    rounding, if batch norm takes its statistics over all of a batch (`sync_bn`) and the model draws no noise of its
    own. Without `sync_bn` each process normalises its part of a batch by itself, which is another training.

    Raises UserError for a recipe that cannot be followed, a `workdir` that cannot be written, another run's
    checkpoint, a loss that is not finite, or within `torch.no_grad` or `inference_mode`.
    """
    leads, device = distributed.current().leads, torch.device(device)
    workdir = Path(workdir) if workdir else None
    state, feed = start(
        model,
        dataset,
        recipe,
        seed=seed,
        device=device,
        run=run,
        settings=settings,
        cache_limit=cache_limit,
        sync_bn=sync_bn,
        progress=progress,
    )
    if workdir and leads:
        check_writable(workdir)
    resume(state, workdir)
    file = workdir / CHECKPOINT if workdir and leads else None
    resumed_at = state.step
    if file and resumed_at:
        total = len(feed.plan)
        told = f"goes on after step {resumed_at} of {total}" if resumed_at < total else f"all {total} steps are done"
        print(f"{file}: {told}", file=sys.stderr, flush=True)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            _loop(state, feed, file, save_every, progress)
        finally:
            model.zero_grad(set_to_none=True)  # they lie in a CUDA graph's memory, which would all be held
    distributed.check_same(model.state_dict(), "after training")
    model.eval()
    return TrainingResult(state.step, state.seconds, _history(state.losses), resumed_at, state.gradients.captured)


def start(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    run: str = "",
    settings: Mapping[str, Any] | None = None,
    cache_limit: int = CACHE_LIMIT,
    sync_bn: bool = False,
    progress: Advance | None = None,
) -> tuple[State, Feed]:
    """A training before its first step, alike in all joined processes, and what feeds it. Raises UserError."""
    _check(recipe, device)
    check_shares(recipe, sync_bn)
    feed = open_feed(dataset, recipe, seed, device, cache_limit, progress)
    if not len(feed.plan):
        raise UserError("recipe: asks for no step; give it steps, or epochs")
    distributed.wait_for_all()
    distributed.check_alike(run, "are about to train different models, by other recipes or on other data")
    if sync_bn:
        synchronise_norms(model, device)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    start_alike(model)
    model.train()
    optimiser = make_optimiser(model, recipe)
    scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "fp16")
    gradients = Gradients(model, scaler, recipe, feed.classes, captures=device.type == "cuda")
    apart = 1 if sync_bn else distributed.current().world
    if apart > 1:
        run = f"{run} by {apart} processes"
    return State(
        run,
        {**(settings or {}), "processes": apart},
        model,
        optimiser,
        scaler,
        gradients,
        torch.zeros(len(feed.plan), device=device),
    ), feed


def _check(recipe: Recipe, device: torch.device) -> None:
    if not torch.is_grad_enabled():
        mode = "inference_mode" if torch.is_inference_mode_enabled() else "no_grad"
        raise UserError(f"train: is called within torch.{mode}(), where nothing can be learnt; call it outside")
    check_recipe(recipe)
    if recipe.precision == "fp16" and device.type != "cuda":
        raise UserError("recipe: precision fp16 needs --device cuda; use fp32 or bf16 on a CPU")


def _loop(state: State, feed: Feed, file: Path | None, save_every: float, progress: Advance | None) -> None:
    with interrupts_held() as interrupts:
        unsaved = False
        total, began = len(feed.plan), time.monotonic()
        first, spent = state.step, state.seconds
        saved = reported = began
        try:
            for step, batch in in_turn(feed.batch, range(first, total), feed.device):
                # Within a step the weights, moments and running means are not those of one step: nothing to save.
                unsaved = False
                state.losses[step] = take_step(state, feed, step, batch)
                state.step, unsaved = step + 1, True
                last = state.step == total
                save = file is not None and (last or time.monotonic() - saved >= save_every)
                if save or last or feed.device.type == "cpu" or state.step % GPU_LOOK == 0:
                    refuse_non_finite(state.losses[: state.step])
                now = time.monotonic()
                state.seconds = spent + now - began
                if save and file:
                    state.save(file)
                    saved, unsaved = time.monotonic(), False
                if progress and (last or now - reported >= REPORT_SECONDS):
                    recent = state.losses[max(0, state.step - 20) : state.step].mean().item()
                    speed = (state.step - first) / (now - began)
                    progress(state.step, total, f"loss {recent:.3f}, {speed:.1f} steps/s")
                    reported = now
                if distributed.any_of(bool(interrupts)):
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            if file and unsaved and state.losses[: state.step].isfinite().all():
                state.save(file)
            raise


def take_step(state: State, feed: Feed, step: int, batch: Batch, stage: Stage = unwatched) -> Tensor:
    """One optimiser step, the same in all processes; returns the loss of the whole batch."""
    recipe, device = feed.recipe, feed.device
    factor = schedule_factor(recipe, step, int(feed.plan.epochs[step]), len(feed.plan))
    for group in state.optimiser.param_groups:
        group["lr"] = recipe.lr * group["rate"] * factor
    torch.manual_seed(batch.seed)
    with stage(AUGMENT):
        clips = augment(batch.clips.to(device, non_blocking=True), batch.augmentation)
        labels = batch.labels.to(device, non_blocking=True)
    loss = state.gradients(clips, labels, stage)
    with stage(OPTIMISER):
        state.scaler.step(state.optimiser)
        state.scaler.update()
    return loss


def refuse_non_finite(losses: Tensor) -> None:
    """Raises UserError naming the first step whose loss is not finite. Waits for the GPU."""
    finite = losses.isfinite()
    if not finite.all():
        step = int((~finite).nonzero()[0]) + 1
        raise UserError(
            f"training: the loss is {losses[step - 1].item()} at step {step} of this run; lower the learning rate, "
            "warm up longer, or use fp32"
        )


def _history(losses: Tensor) -> tuple[tuple[int, float], ...]:
    """At most `HISTORY` points, each the mean of an equal share of the steps."""
    shares = np.array_split(losses.cpu().numpy().astype(np.float64), min(HISTORY, len(losses)))
    ends = np.cumsum([len(share) for share in shares])
    return tuple((int(end), float(share.mean())) for end, share in zip(ends, shares, strict=True))
