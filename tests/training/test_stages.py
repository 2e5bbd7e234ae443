"""The stages of a training step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tiny import RECIPE, tiny

from reidbench.data.mars import read_layout
from reidbench.training.stages import AUGMENT, LOAD, STAGES, Stopwatch, unwatched
from reidbench.training.trainer import start, take_step


def test_a_stopwatch_adds_up_what_each_stage_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    watch = Stopwatch(torch.device("cpu"))
    for name in (LOAD, AUGMENT, LOAD):
        with watch.stage(name):
            pass
    assert watch.seconds == {**dict.fromkeys(STAGES, 0.0), LOAD: 2, AUGMENT: 1}


def test_a_step_goes_through_all_stages_and_is_the_same_watched_or_not(mars_tree: Path) -> None:
    dataset, device = read_layout(mars_tree, name="tiny"), torch.device("cpu")
    gone_through: list[str] = []

    @contextmanager
    def watched(name: str) -> Iterator[None]:
        gone_through.append(name)
        yield

    results = []
    for stage in (unwatched, watched):
        state, feed = start(tiny(), dataset, RECIPE, seed=1, device=device)
        take_step(state, feed, 0, feed.batch(0), stage)
        results.append(state.model.state_dict())
    assert tuple(gone_through) == STAGES[1:]
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())
