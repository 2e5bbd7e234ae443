"""The order of the readings, what is kept of them, and the inputs of the timed model."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from reidbench.profiling import latency
from reidbench.profiling.latency import (
    Timings,
    clock_of,
    inference,
    interleave,
    random_clips,
    without_collections,
)
from reidbench.profiling.load import Load
from reidbench.spec import UserError
from reidbench.statistics import ratio_interval


class Clock:
    """A clock that only the timed runs move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def run(self, cost: Callable[[float], float]) -> Callable[[], None]:
        def run() -> None:
            self.now += cost(self.now)

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def test_alternates_the_order_of_the_rounds() -> None:
    order: list[str] = []
    interleave({name: partial(order.append, name) for name in "ABC"}, rounds=7, warmup=1)
    assert "".join(order) == "ABC" + "ABC" + "CBA" + "BCA" + "ACB" + "CAB" + "BAC" + "ABC"


def test_keeps_raw_readings_and_warm_ups_apart(clock: Clock) -> None:
    costs = iter([9.0, 8.0, 1.0, 2.0, 3.0])
    timings = interleave({"A": clock.run(lambda now: next(costs))}, rounds=3, warmup=2)
    assert timings.warmup == {"A": [9.0, 8.0]}
    assert timings.seconds == {"A": [1.0, 2.0, 3.0]}
    assert timings.rounds == 3


def test_a_round_counts_once_every_run_was_read_in_it() -> None:
    assert Timings({"A": [1.0, 1.0], "B": [1.0]}, {}).rounds == 1
    assert Timings({}, {}).rounds == 0


def test_other_processes_are_watched_while_it_times() -> None:
    happened: list[str] = []

    class Watch(Load):
        @contextlib.contextmanager
        def watched(self) -> Iterator[None]:
            happened.append("begin")
            yield
            happened.append("end")

    interleave({"A": lambda: happened.append("run")}, rounds=2, warmup=1, load=Watch())
    assert happened == ["begin", "run", "run", "run", "end"]


@settings(max_examples=10, deadline=None)
@given(names=st.integers(1, 6), rounds=st.integers(1, 8))
def test_every_run_takes_the_same_places_over_two_rounds(names: int, rounds: int) -> None:
    order: list[int] = []
    runs = {str(name): partial(order.append, name) for name in range(names)}
    timings = interleave(runs, rounds=2 * rounds, warmup=0)
    places = [sum(place for place, taken in enumerate(order) if taken == name) for name in range(names)]
    assert len(set(places)) == 1
    assert all(len(readings) == 2 * rounds for readings in timings.seconds.values())


def test_a_drifting_machine_leaves_the_ratio_alone(clock: Clock) -> None:
    """The machine slows down fivefold; measured one after the other, the ratio would be far from 2."""

    def slow(now: float) -> float:
        return 1 + now / 50

    runs = {"A": clock.run(lambda now: 2 * slow(now)), "B": clock.run(slow)}
    timings = interleave(runs, rounds=30, warmup=0)
    assert timings.seconds["B"][-1] > 5 * timings.seconds["B"][0]
    assert ratio_interval(timings.seconds["A"], timings.seconds["B"]).value == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(("budget", "expected"), [(0.0, 3), (5.5, 6), (100.0, 8)])
def test_a_budget_adds_rounds_up_to_a_limit(clock: Clock, budget: float, expected: int) -> None:
    timings = interleave({"A": clock.run(lambda now: 1.0)}, rounds=3, most=8, budget=budget, warmup=2)
    assert timings.rounds == expected


def test_reports_each_round_and_collects_no_garbage_within_one() -> None:
    rounds: list[int] = []
    collecting: list[bool] = []
    interleave(
        {"A": lambda: collecting.append(gc.isenabled())}, rounds=2, after_round=lambda done, _: rounds.append(done)
    )
    assert rounds == [1, 2]
    assert not any(collecting)
    assert gc.isenabled()


def test_garbage_collection_comes_back_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError):
        interleave({"A": lambda: 1 / 0})
    assert gc.isenabled()


def test_garbage_is_collected_once_however_many_are_timed_within(monkeypatch: pytest.MonkeyPatch) -> None:
    collections: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: collections.append(1))
    with without_collections():
        for _ in range(3):
            interleave({"A": lambda: None}, rounds=1)
            assert not gc.isenabled()
    assert len(collections) == 1 and gc.isenabled()
    interleave({"A": lambda: None}, rounds=1)
    assert len(collections) == 2


def test_refuses_to_time_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        interleave({})


class Recorder(nn.Module):
    """Remembers the clips it saw; has a 2-D and a 3-D convolution, for only the first can be channels_last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.temporal = nn.Conv3d(4, 4, (3, 1, 1))
        self.seen: list[Tensor] = []

    def forward(self, clips: Tensor) -> Tensor:
        assert torch.is_inference_mode_enabled()
        assert not self.training
        self.seen.append(clips)
        return self.conv(clips.flatten(0, 1))


SHAPE = (2, 3, 3, 16, 8)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_sends_the_same_channels_last_frames_every_time(precision: str, dtype: torch.dtype) -> None:
    model = Recorder()
    run = inference(model, SHAPE, precision=precision)
    run()
    run()
    first, second = model.seen
    assert first is second
    assert first.shape == SHAPE
    assert first.dtype == model.conv.weight.dtype == dtype
    frames = first.flatten(0, 1)
    assert frames.data_ptr() == first.data_ptr(), "folding the frames must not copy"
    assert frames.is_contiguous(memory_format=torch.channels_last)
    assert model.conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_input_is_always_the_same() -> None:
    models = [Recorder() for _ in range(2)]
    for model in models:
        torch.rand(7)
        inference(model, SHAPE)()
    assert torch.equal(models[0].seen[0], models[1].seen[0])
    assert not torch.equal(models[0].seen[0], random_clips(SHAPE, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_batch_is_one_drawn_clip_that_is_repeated_where_it_is_computed(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, ...]] = []
    draw = latency.clips_of
    monkeypatch.setattr(latency, "clips_of", lambda shape, seed: drawn.append(shape) or draw(shape, seed))
    batch = random_clips((5, *SHAPE[1:]), 0, dtype=dtype)
    assert drawn == [(1, *SHAPE[1:])] and batch.shape == (5, *SHAPE[1:]) and batch.dtype == dtype
    assert batch.equal(draw((1, *SHAPE[1:]), 0).to(dtype).expand_as(batch))
    frames = batch.flatten(0, 1)
    assert frames.data_ptr() == batch.data_ptr() and frames.is_contiguous(memory_format=torch.channels_last)
    assert batch.untyped_storage().nbytes() == batch.nbytes, "each clip has a memory of its own, as if all differed"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"precision": "int8"}, "precision 'int8' is unknown; give fp32, ieee32, bf16, fp16"),
        ({"device": "tpu"}, "device 'tpu' is unknown; give cpu or cuda"),
        ({"device": "cuda:1"}, "device 'cuda:1' is unknown; give cpu or cuda"),
        ({"shape": (3, 16, 8)}, r"shape \(3, 16, 8\) is not \[B, T, 3, H, W\]"),
    ],
)
def test_bad_settings_end_in_one_line(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        inference(Recorder(), **{"shape": SHAPE, **wrong})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_said() -> None:
    with pytest.raises(UserError, match="no CUDA GPU"):
        inference(Recorder(), SHAPE, device="cuda")


def test_a_reading_on_cuda_is_the_time_between_two_events_around_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            happened.append("record")

        def elapsed_time(self, end: Event) -> float:
            """Milliseconds, of which events that are not over have none."""
            assert end is not self and happened[-1] == "synchronize"
            return 1500.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: happened.append("synchronize"))
    assert clock_of("cuda")(lambda: happened.append("run")) == 1.5
    assert happened == ["synchronize", "record", "run", "record", "synchronize"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_readings_are_of_the_kernels_not_of_their_launch() -> None:
    wide = torch.ones(4096, 4096, device="cuda")
    timings = interleave(
        {"one": lambda: wide @ wide, "ten": lambda: [wide @ wide for _ in range(10)]}, rounds=9, device="cuda"
    )
    assert 5 < ratio_interval(timings.seconds["ten"], timings.seconds["one"]).value < 15
