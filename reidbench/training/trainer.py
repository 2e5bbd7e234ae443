"""One trainer for every model: Adam on cross entropy, a metric loss and a model's own losses, resumable to the bit.

Nothing random outlives a step: batches follow from (seed, epoch); clips, augmentation and the model's own noise from
(seed, step). A run that was killed goes on from its last checkpoint and, on a CPU, ends with the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reidbench.data.clips import Augmentation, augment, draw_augmentation, training_clip
from reidbench.data.frames import CACHE_LIMIT, Frames, in_turn, open_frames
from reidbench.data.sampler import BatchPlan, plan_batches
from reidbench.data.tracklets import Dataset
from reidbench.files import check_writable
from reidbench.precision import PRECISIONS
from reidbench.spec import Output, Recipe, UserError
from reidbench.training.archive import read_archive, write_archive
from reidbench.training.interrupts import interrupts_held
from reidbench.training.losses import batch_hard_triplet, supervised_contrastive

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and a note on loss and speed."""

CHECKPOINT = "training.pt"
HISTORY = 200
REPORT_SECONDS = 0.5
GPU_LOOK = 50
"""Steps between two looks at the loss on a GPU, where each look waits for the device."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training was: `losses` are at most 200 (step, mean loss of the steps up to it) pairs, steps from 1.

    `seconds` counts the time spent in training steps over all sessions, `resumed_at` the steps done before this one.
    """

    steps: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    resumed_at: int


@dataclass(frozen=True)
class Batch:
    """`clips` uint8 [B, T, H, W, 3], what is done to them, `labels` int64 [B], and a seed for the model's noise."""

    clips: Tensor
    augmentation: Augmentation
    labels: Tensor
    seed: int


@dataclass(frozen=True)
class _Feed:
    """Makes the batch of any step from its number."""

    frames: Frames
    labels: np.ndarray
    plan: BatchPlan
    recipe: Recipe
    seed: int
    device: torch.device

    def batch(self, step: int) -> Batch:
        recipe, rows = self.recipe, self.plan.tracklets[step]
        rng = np.random.default_rng([self.seed, step, 1])
        starts = self.frames.starts
        numbers = np.stack(
            [starts[r] + training_clip(starts[r + 1] - starts[r], recipe.frames, recipe.stride, rng) for r in rows]
        )
        augmentation = draw_augmentation(rng, len(rows), recipe.size, flip=recipe.flip, erase=recipe.erase)
        clips, labels = self.frames.gather(numbers), torch.from_numpy(self.labels[rows])
        if self.device.type == "cuda":
            clips = clips if clips.is_cuda else clips.pin_memory()
            labels = labels.pin_memory()
        return Batch(clips, augmentation, labels, int(rng.integers(1 << 63)))


@dataclass
class _State:
    """All that a checkpoint holds. `losses` float32 [total] is filled for the first `step` steps."""

    run: str
    model: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    losses: Tensor
    step: int = 0
    seconds: float = 0.0

    def save(self, file: Path) -> None:
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimiser", "scaler")}
        content = {"run": self.run, "step": self.step, "seconds": self.seconds, "losses": self.losses}
        write_archive(file, content | parts)

    def load(self, file: Path) -> None:
        content = read_archive(file)
        found = content.get("run") if isinstance(content, dict) else None
        advice = "remove it or use another folder"
        if found != self.run:
            raise UserError(f"{file}: belongs to another training ({found!r:.60}, not {self.run!r:.60}); {advice}")
        try:
            for name in ("model", "optimiser", "scaler"):
                getattr(self, name).load_state_dict(content[name])
            self.losses.copy_(content["losses"])
            self.step, self.seconds = content["step"], content["seconds"]
        except (KeyError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(f"{file}: does not fit the training it is named for ({reason}); {advice}") from error


def train(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    workdir: Path | None = None,
    run: str = "",
    progress: Progress | None = None,
    cache_limit: int = CACHE_LIMIT,
    save_every: float = 60.0,
) -> TrainingResult:
    """Trains `model` in place on `dataset.train` by `recipe`, and leaves it in evaluation mode on `device`.

    With a `workdir` the state is saved there every `save_every` seconds, at the end, and on Ctrl-C, which waits for
    the end of the step; a state that is there already is taken up, if it is of the same `run`, a text that names
    whatever determines the result. The model must have been built for `len(dataset.train_identities)` classes. Frames
    are cached up to `cache_limit` bytes.

    Raises UserError for a recipe that cannot be followed, a `workdir` that cannot be written, another run's
    checkpoint, or a loss that is not finite.
    """
    _check(recipe, device)
    feed = _feed(dataset, recipe, seed, device, cache_limit)
    if workdir:
        check_writable(workdir)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.train()
    optimiser = torch.optim.Adam(
        parameter_groups(model, recipe), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True
    )
    scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "fp16")
    state = _State(run, model, optimiser, scaler, torch.zeros(len(feed.plan), device=device))
    file = workdir / CHECKPOINT if workdir else None
    if file and file.exists():
        state.load(file)
    resumed_at = state.step
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        _loop(state, feed, file, save_every, progress)
    model.eval()
    return TrainingResult(state.step, state.seconds, _history(state.losses), resumed_at)


def objective(output: Output, labels: Tensor, recipe: Recipe) -> Tensor:
    """Cross entropy and `metric_weight` x metric loss, summed over the heads, and the weighted losses of the model."""
    total = torch.stack([functional.cross_entropy(logits.float(), labels) for logits in output.logits]).sum()
    for embeddings in output.embeddings:
        if recipe.metric_loss == "triplet":
            metric = batch_hard_triplet(embeddings, labels, recipe.margin)
        else:
            metric = supervised_contrastive(embeddings, labels)
        total = total + recipe.metric_weight * metric
    for loss in output.losses.values():
        total = total + loss.weight * loss.value
    return total


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Adam's groups: `rate` is that of the longest prefix in `recipe.rates` a parameter's name begins with, or 1."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            prefix = max((p for p in recipe.rates if name.startswith(p)), key=len, default=None)
            rate = 1.0 if prefix is None else recipe.rates[prefix]
            groups.setdefault(rate, []).append(parameter)
    return [{"params": parameters, "rate": rate} for rate, parameters in sorted(groups.items())]


def schedule_factor(recipe: Recipe, step: int, epoch: int, total: int) -> float:
    """What the learning rate is multiplied by in `step` of `total` (from 0), which belongs to `epoch` (from 0)."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    if recipe.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (step - recipe.warmup_steps) / (total - recipe.warmup_steps)))
    return recipe.gamma ** sum(epoch >= milestone for milestone in recipe.milestones)


def _check(recipe: Recipe, device: torch.device) -> None:
    for option, known in (
        ("schedule", ("step", "cosine")),
        ("metric_loss", ("triplet", "contrastive")),
        ("precision", tuple(PRECISIONS)),
    ):
        if getattr(recipe, option) not in known:
            raise UserError(f"recipe: {option} is {getattr(recipe, option)!r}; choose one of {', '.join(known)}")
    if recipe.precision == "fp16" and device.type != "cuda":
        raise UserError("recipe: precision fp16 needs --device cuda; use fp32 or bf16 on a CPU")


def _feed(dataset: Dataset, recipe: Recipe, seed: int, device: torch.device, cache_limit: int) -> _Feed:
    tracklets = dataset.train
    identities = [t.identity for t in tracklets]
    plan = plan_batches(
        identities,
        per_batch=recipe.identities,
        clips=recipe.clips_per_identity,
        seed=seed,
        epochs=recipe.epochs,
        steps=recipe.steps,
        groups=[str(t.traits.get("group", "")) for t in tracklets] if recipe.grouped else None,
    )
    frames = open_frames(dataset, tracklets, recipe.size, limit=cache_limit).on(device)
    return _Feed(frames, np.searchsorted(dataset.train_identities, identities), plan, recipe, seed, device)


def _loop(state: _State, feed: _Feed, file: Path | None, save_every: float, progress: Progress | None) -> None:
    with interrupts_held() as interrupts:
        unsaved = False
        total, began = len(feed.plan), time.monotonic()
        first, spent = state.step, state.seconds
        saved = reported = began
        try:
            for step, batch in in_turn(feed.batch, range(first, total), feed.device):
                # Within a step the weights, moments and running means are not those of one step: nothing to save.
                unsaved = False
                state.losses[step] = _step(state, feed, step, batch)
                state.step, unsaved = step + 1, True
                last = state.step == total
                save = file is not None and (last or time.monotonic() - saved >= save_every)
                if save or last or feed.device.type == "cpu" or state.step % GPU_LOOK == 0:
                    _refuse_non_finite(state.losses[: state.step])
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
                if interrupts:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            if file and unsaved and state.losses[: state.step].isfinite().all():
                state.save(file)
            raise


def _step(state: _State, feed: _Feed, step: int, batch: Batch) -> Tensor:
    """One optimiser step; returns the loss."""
    recipe, device = feed.recipe, feed.device
    factor = schedule_factor(recipe, step, int(feed.plan.epochs[step]), len(feed.plan))
    for group in state.optimiser.param_groups:
        group["lr"] = recipe.lr * group["rate"] * factor
    torch.manual_seed(batch.seed)
    clips = augment(batch.clips.to(device, non_blocking=True), batch.augmentation)
    labels = batch.labels.to(device, non_blocking=True)
    with torch.autocast(device.type, PRECISIONS[recipe.precision], enabled=recipe.precision != "fp32"):
        loss = objective(state.model(clips), labels, recipe)
    state.optimiser.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()
    state.scaler.step(state.optimiser)
    state.scaler.update()
    return loss.detach()


def _refuse_non_finite(losses: Tensor) -> None:
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
