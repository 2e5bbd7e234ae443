"""What a training will need, found out by a few of its steps before hours are spent on it. Keeps nothing."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from reidbench import distributed
from reidbench.data.frames import CACHE_LIMIT, Frames, cache_file, check_present, is_kept, name_frames, seconds_to_keep
from reidbench.data.tracklets import Dataset
from reidbench.experiments.accuracy import prepare_device, recipe_of, told_settings, untrained
from reidbench.profiling.memory import peak_resident
from reidbench.recipes import Recipe
from reidbench.resources import is_out_of_memory
from reidbench.spec import Advance, Cell, Places, UserError
from reidbench.training.feed import Feed
from reidbench.training.state import State, resume
from reidbench.training.trainer import refuse_non_finite, start, take_step

WARMUP = 2
STEPS = 6
"""Steps that are timed at least, after those to warm up."""

ENOUGH, PATIENCE = 5.0, 120.0
"""Seconds after which no further step is timed: where so many are, and where only one is."""

KEPT, WRITTEN, TOO_LARGE = "kept", "to be written", "too large"
"""What becomes of the decoded frames: they lie in the cache, or will, or are decoded whenever they are asked for."""


@dataclass(frozen=True)
class Timing:
    """Seconds of each timed step: to load its batch, to copy one as the cache does, and for the step itself."""

    load: tuple[float, ...]
    copy: tuple[float, ...]
    step: tuple[float, ...]


@dataclass(frozen=True)
class DryRun:
    """What was found. Times in seconds, sizes in bytes; memory is one process's, the largest of all.

    `loading` a batch is `overlapped` by the step before on a GPU. `each_step`, `whole_run`: by the median, the fastest
    and the slowest of the timed steps. `first_step` steps are done already, by the checkpoint in the folder.
    `preparation` is what writing the cache will take. `untouched` are the parameters that no step gave a gradient, of
    those that can be trained, with the numbers in them, and `trainable` counts the numbers in all.
    """

    dataset: Dataset
    frames: int
    decoded_bytes: int
    cache: str
    loss: float | None
    timing: Timing
    loading: float
    overlapped: bool
    each_step: tuple[float, float, float]
    preparation: float
    whole_run: tuple[float, float, float]
    first_step: int
    steps: int
    epochs: int
    memory: int
    processes: int
    untouched: Mapping[str, int]
    trainable: int


def dry_run(
    cell: Cell,
    places: Places,
    workdir: Path,
    progress: Advance | None = None,
    *,
    preset: str = "",
    sync_bn: bool = False,
) -> DryRun:
    """Does the first steps of `train_cell` with the same arguments, and forgets them.

    All frames of the training part are looked for, the batches' decoded. A checkpoint in `workdir` is taken up.
    `progress` is told of each step, of which few may take minutes.

    Raises UserError for whatever the training would refuse, a step that does not fit into memory included.
    """
    if distributed.current().leads:
        _check_place(workdir)
    model, dataset = untrained(cell, places)
    recipe, device = recipe_of(cell.settings), prepare_device(cell.settings)
    frames = name_frames(dataset, dataset.train, recipe.size)
    file = cache_file(dataset, frames, progress=progress)
    if file is None:
        check_present(frames)
    cache = TOO_LARGE if file is None else KEPT if is_kept(file, frames) else WRITTEN
    with _fitting(recipe, device):
        state, feed = start(
            model,
            dataset,
            recipe,
            seed=cell.settings["seed"],
            device=device,
            run=cell.key,
            settings=told_settings(cell, preset),
            cache_limit=CACHE_LIMIT if cache == KEPT else 0,
            sync_bn=sync_bn,
            progress=progress,
        )
        resume(state, workdir)
        timing, untouched = _time_steps(state, feed, progress)
    return _told(dataset, frames, cache, state, feed, timing, untouched)


def _told(
    dataset: Dataset, frames: Frames, cache: str, state: State, feed: Feed, timing: Timing, untouched: Mapping[str, int]
) -> DryRun:
    device, first = feed.device, state.step
    left, overlapped = len(feed.plan) - first, device.type == "cuda"
    preparation = 0.0
    if cache == WRITTEN and left:
        preparation = seconds_to_keep(frames)
    each = step_seconds(timing, cache, overlapped)
    memory = torch.cuda.max_memory_reserved(device) if overlapped else peak_resident()
    return DryRun(
        dataset=dataset,
        frames=len(frames.paths),
        decoded_bytes=math.prod(frames.shape),
        cache=cache,
        loss=float(state.losses[first]) if left else None,
        timing=timing,
        loading=statistics.median(loading_seconds(timing, cache) or [0.0]),
        overlapped=overlapped,
        each_step=each,
        preparation=preparation,
        whole_run=(preparation + left * each[0], preparation + left * each[1], preparation + left * each[2]),
        first_step=first,
        steps=len(feed.plan),
        epochs=int(feed.plan.epochs[-1]) + 1,
        memory=max(distributed.from_each(memory)),
        processes=distributed.current().world,
        untouched=untouched,
        trainable=sum(value.numel() for value in state.model.parameters() if value.requires_grad),
    )


def loading_seconds(timing: Timing, cache: str) -> tuple[float, ...]:
    """What loading a batch takes in the whole run: where the cache is yet to be written, as long as copying one."""
    return timing.copy if cache == WRITTEN else timing.load


def step_seconds(timing: Timing, cache: str, overlapped: bool) -> tuple[float, float, float]:
    """The median, the least and the most that a step of the whole run takes with loading its batch; 0 where none was
    timed. Where loading is `overlapped` by the step before, the longer of the two counts."""
    load = loading_seconds(timing, cache)
    each = [max(a, b) if overlapped else a + b for a, b in zip(load, timing.step, strict=True)] or [0.0]
    return statistics.median(each), min(each), max(each)


def _time_steps(state: State, feed: Feed, progress: Advance | None) -> tuple[Timing, dict[str, int]]:
    """Takes the next steps of a training, and gives the times of those after the first few, and the parameters with
    their numbers that none of the steps gave a gradient."""
    load: list[float] = []
    copy: list[float] = []
    step: list[float] = []
    untouched = {name: value for name, value in state.model.named_parameters() if value.requires_grad}
    began = time.perf_counter()
    for number in range(state.step, len(feed.plan)):
        spent = time.perf_counter() - began
        enough = len(step) >= WARMUP + STEPS and spent > ENOUGH
        if distributed.any_of(enough or (len(step) > WARMUP and spent > PATIENCE)):
            break
        if progress:
            progress(len(step), _steps_to_take(len(step), spent), "steps tried")
        clock = time.perf_counter()
        batch = feed.batch(number)
        load.append(time.perf_counter() - clock)
        clock = time.perf_counter()
        batch.clips.clone()
        copy.append(time.perf_counter() - clock)
        clock = time.perf_counter()
        state.losses[number] = take_step(state, feed, number, batch)
        refuse_non_finite(state.losses[: number + 1])
        step.append(time.perf_counter() - clock)
        untouched = {name: value for name, value in untouched.items() if value.grad is None}
    warm = min(WARMUP, max(len(step) - 1, 0))
    # The slowest process is the one that the others wait for.
    slowest = [tuple(map(max, zip(*distributed.from_each(times[warm:]), strict=True))) for times in (load, copy, step)]
    return Timing(*slowest), {name: value.numel() for name, value in untouched.items()} if step else {}


def _steps_to_take(done: int, spent: float) -> int:
    """How many steps will be taken if those to come take as long as the `done` ones, which took `spent` seconds."""
    within = math.ceil(PATIENCE * done / spent) if done else WARMUP + STEPS
    return max(min(WARMUP + STEPS, within), WARMUP + 1, done + 1)


@contextmanager
def _fitting(recipe: Recipe, device: torch.device) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"dry run: a step does not fit into the memory of {device} ({recipe.identities} identities x "
            f"{recipe.clips_per_identity} clips of {recipe.frames} frames); use more processes or another recipe"
        ) from error


def _check_place(workdir: Path) -> None:
    """Raises UserError if the folder cannot be made or written, without trying to."""
    there = next(path for path in (workdir.absolute(), *workdir.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{workdir}: cannot be written ({there} is no folder to write in); choose another folder")
