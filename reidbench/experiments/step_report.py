"""Where a training step's time goes: the trainer's own steps, timed stage by stage, or traced."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from reidbench.experiments.accuracy import prepare_device, recipe_of, untrained
from reidbench.experiments.dry_run import ENOUGH, PATIENCE, STEPS, WARMUP
from reidbench.profiling.trace import Trace, record_trace
from reidbench.spec import Cell, Places, UserError
from reidbench.training.feed import Feed
from reidbench.training.stages import LOAD, STAGES, Stage, Stopwatch, unwatched
from reidbench.training.state import State
from reidbench.training.trainer import refuse_non_finite, start, take_step


@dataclass(frozen=True)
class StepReport:
    """Seconds of each timed step, its loading included: `stages` those of each stage of a watched one.

    `watched` are whole steps with the stopwatch, `alone` those in between without, which on a GPU are `captured` as
    CUDA graphs. `clips` [B, T, H, W] are a step's.
    """

    stages: Mapping[str, tuple[float, ...]]
    watched: tuple[float, ...]
    alone: tuple[float, ...]
    clips: tuple[int, int, int, int]
    threads: int
    captured: bool = False

    def median(self, stage: str) -> float:
        return statistics.median(self.stages[stage])

    @property
    def rest(self) -> float:
        """The median of what no stage has: the learning rate, the seed."""
        each = zip(self.watched, *self.stages.values(), strict=True)
        return statistics.median(whole - sum(parts) for whole, *parts in each)


def begin(cell: Cell, places: Places, precision: str = "") -> tuple[State, Feed]:
    """The training of a cell before its first step, at another `precision` where one is given. Raises UserError."""
    model, dataset = untrained(cell, places)
    recipe = recipe_of(cell.settings)
    recipe = replace(recipe, precision=precision) if precision else recipe
    device = prepare_device(cell.settings)
    state, feed = start(model, dataset, recipe, seed=cell.settings["seed"], device=device, run=cell.key)
    if len(feed.plan) < WARMUP + STEPS:
        raise UserError(f"recipe: {len(feed.plan)} steps are too few to time; give a preset with more")
    return state, feed


def time_steps(state: State, feed: Feed) -> StepReport:
    """Takes the first steps of a training, every other one under a stopwatch."""
    stages: dict[str, list[float]] = {name: [] for name in STAGES}
    whole: dict[bool, list[float]] = {True: [], False: []}
    began = time.perf_counter()
    for number in range(len(feed.plan)):
        spent = time.perf_counter() - began
        timed = number - WARMUP
        if (timed >= 2 * STEPS and spent > ENOUGH) or (timed >= 2 and spent > PATIENCE):
            break
        watch, watching = Stopwatch(feed.device), number % 2 == 0
        seconds = _seconds_of_step(state, feed, number, watch.stage if watching else unwatched)
        if timed >= 0:
            whole[watching].append(seconds)
            for name in STAGES if watching else ():
                stages[name].append(watch.seconds[name])
    recipe = feed.recipe
    clips = (recipe.identities * recipe.clips_per_identity, recipe.frames, *recipe.size)
    found = {name: tuple(seconds) for name, seconds in stages.items()}
    return StepReport(
        found,
        watched=tuple(whole[True]),
        alone=tuple(whole[False]),
        clips=clips,
        threads=torch.get_num_threads(),
        captured=state.gradients.captured,
    )


def trace_steps(state: State, feed: Feed, folder: Path, *, worker: str) -> Trace:
    """Traces the next steps of a training, each stage a span. Raises UserError."""
    first = state.step

    def step(number: int) -> None:
        _take(state, feed, first + number, torch.profiler.record_function)

    return record_trace(state.model, step, folder, worker=worker, device=str(feed.device))


def _seconds_of_step(state: State, feed: Feed, number: int, stage: Stage) -> float:
    start = time.perf_counter()
    _take(state, feed, number, stage)
    # The loss is looked at on a CPU after each step; here also on a GPU, where it waits for the device.
    refuse_non_finite(state.losses[: number + 1])
    return time.perf_counter() - start


def _take(state: State, feed: Feed, number: int, stage: Stage) -> None:
    with stage(LOAD):
        batch = feed.batch(number)
    state.losses[number] = take_step(state, feed, number, batch, stage)
    state.step = number + 1
