"""Which batches are tried, which one is best, and what running out of memory leaves."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from reidbench.profiling import throughput
from reidbench.profiling.latency import Run, Timings, interleave
from reidbench.profiling.load import Load
from reidbench.profiling.throughput import Sweep, sweep

FRAMES = 8
CLIPS = dict.fromkeys(("A", "B", "C", "flat", "grows"), FRAMES)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[int], Run]]:
    """Returns `model(seconds, fits=...)`: a batch takes `seconds(batch)` on a clock that nothing else moves."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(gc, "collect", lambda: 0)

    def make(
        seconds: Callable[[int], float], fits: int = 10**9, error: Exception | None = None
    ) -> Callable[[int], Run]:
        def at(batch: int) -> Run:
            def run() -> None:
                if batch > fits:
                    raise error or torch.OutOfMemoryError("CUDA out of memory")
                now[0] += seconds(batch)

            return run

        return at

    return make


def test_doubles_the_batch_while_it_pays(model: Callable[..., Callable[[int], Run]]) -> None:
    """Frames a second 1, 1.6, 2.3, 2.9 times a clip's: the gains are over 3 % until a batch costs what it holds."""
    found = sweep({"A": model(lambda batch: 1 + 0.25 * batch if batch <= 8 else 0.375 * batch)}, CLIPS, budget=1e6)["A"]
    assert list(found.seconds) == [1, 2, 4, 8, 16]
    assert found.best == 8
    assert found.rates == [pytest.approx(8 * FRAMES / 3)] * 6
    assert {len(readings) for readings in found.seconds.values()} == {2}
    assert found.out_of_memory == 0


def test_a_rate_that_falls_once_may_rise_again(model: Callable[..., Callable[[int], Run]]) -> None:
    """As where a library takes another algorithm for 4 clips, and yet another from 8 on."""
    rates = {1: 1.0, 2: 1.3, 4: 1.0, 8: 1.6, 16: 1.5, 32: 1.4}
    found = sweep({"A": model(lambda batch: batch / rates[batch])}, CLIPS, budget=1e6)["A"]
    assert list(found.seconds) == [1, 2, 4, 8, 16, 32] and found.best == 8, "of 16 and 32 it fell twice in a row"
    once = sweep({"A": model(lambda batch: batch / rates[min(batch, 4)])}, CLIPS, budget=1e6)["A"]
    assert list(once.seconds) == [1, 2, 4, 8] and once.best == 2, "at 8 it is as low as at 4"
    noise = sweep({"A": model(lambda batch: batch / {4: 1.25}.get(batch, 1.3))}, CLIPS, budget=1e6)["A"]
    assert list(noise.seconds) == [1, 2, 4], "4 % are none"


def test_models_leave_one_by_one(model: Callable[..., Callable[[int], Run]]) -> None:
    found = sweep({"flat": model(lambda b: b), "grows": model(lambda b: 1 + b / 64)}, CLIPS, budget=1e6)
    assert list(found["flat"].seconds) == [1, 2, 4]
    assert max(found["grows"].seconds) > 4


def test_out_of_memory_is_recorded_and_keeps_the_smaller_batches(model: Callable[..., Callable[[int], Run]]) -> None:
    runs = {"A": model(lambda b: 1.0, fits=4), "B": model(lambda b: 1.0, fits=0), "C": model(lambda b: b)}
    found = sweep(runs, CLIPS, budget=1e6)
    assert (list(found["A"].seconds), found["A"].out_of_memory, found["A"].best) == ([1, 2, 4], 8, 4)
    assert (found["B"].seconds, found["B"].out_of_memory) == ({}, 1)
    assert list(found["C"].seconds) == [1, 2, 4]


def test_clips_that_do_not_fit_when_a_batch_is_started_count_alike(model: Callable[..., Callable[[int], Run]]) -> None:
    other = model(lambda b: 1.0, fits=4)

    def tight(batch: int) -> Run:
        if batch > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return other(batch)

    found = sweep({"A": tight, "B": other}, CLIPS, budget=1e6)
    assert (list(found["A"].seconds), found["A"].out_of_memory) == ([1, 2], 4)
    assert (list(found["B"].seconds), found["B"].out_of_memory) == ([1, 2, 4], 8)


@pytest.mark.parametrize(
    "message",
    [
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_what_other_allocators_say_counts_as_out_of_memory(
    message: str, model: Callable[..., Callable[[int], Run]]
) -> None:
    found = sweep({"A": model(lambda b: 1.0, fits=1, error=RuntimeError(message))}, CLIPS, budget=1e6)["A"]
    assert found.out_of_memory == 2


def test_other_errors_end_a_row_too_and_are_not_taken_for_a_full_memory(
    model: Callable[..., Callable[[int], Run]],
) -> None:
    wrong = RuntimeError("shapes differ")
    runs = {"A": model(lambda b: 1.0, fits=1, error=wrong), "B": model(lambda b: 1.0, fits=0, error=wrong)}
    found = sweep({**runs, "C": model(lambda b: 1.0, fits=4)}, CLIPS, budget=1e6)
    assert (list(found["A"].seconds), found["A"].out_of_memory, found["A"].error) == ([1], 0, wrong)
    assert (list(found["B"].seconds), found["B"].error) == ([], wrong)
    assert (list(found["C"].seconds), found["C"].error) == ([1, 2, 4], None)


@pytest.mark.parametrize(
    ("budget", "batches"), [(0.0, [1]), (5.9, [1]), (6.0, [1, 2]), (13.3, [1, 2]), (13.5, [1, 2, 4])]
)
def test_a_budget_is_not_overrun_knowingly(
    budget: float, batches: list[int], model: Callable[..., Callable[[int], Run]]
) -> None:
    """A batch of one takes 2 readings of 1 s; the next is guessed at twice that. Of two 3.8 s, and 7.6 of the next."""
    gains = {1: 1.0, 2: 1.9, 4: 3.6, 8: 7.0}
    found = sweep({"A": model(lambda batch: gains[batch])}, CLIPS, budget=budget)["A"]
    assert list(found.seconds) == batches and found.cut


def test_a_slow_model_takes_no_time_from_a_fast_one(model: Callable[..., Callable[[int], Run]]) -> None:
    runs = {"A": model(lambda batch: 10 + batch), "B": model(lambda batch: 0.1 + 0.01 * batch), "C": model(lambda b: b)}
    found = sweep(runs, CLIPS, budget=40.0)
    assert (list(found["A"].seconds), found["A"].cut) == ([1], True)
    assert max(found["B"].seconds) >= 64 and not found["B"].cut
    assert (list(found["C"].seconds), found["C"].cut) == ([1, 2, 4], False), "it no longer gained"


def test_the_readings_that_chose_a_batch_have_no_part_in_its_rate(model: Callable[..., Callable[[int], Run]]) -> None:
    """Batch 2 is chosen by lucky readings; read anew it is no faster than batch 1."""
    readings = {1: iter([1.0] * 99), 2: iter([1.0] * 2 + [2.0] * 99), 4: iter([9.0] * 99)}
    found = sweep({"A": model(lambda batch: next(readings[batch]))}, CLIPS, budget=1e6)["A"]
    assert (found.best, found.rate(2)) == (2, 2 * FRAMES)
    assert found.rates == [FRAMES] * 6


@pytest.mark.parametrize("when", ["started", "run"])
def test_a_best_batch_that_no_longer_fits_gives_way_to_the_next(
    when: str, model: Callable[..., Callable[[int], Run]]
) -> None:
    """It did beside others' smaller batches, and does not beside their best ones."""
    held: list[int] = []
    inner = model(lambda batch: 1.0, fits=4)

    def tight(batch: int) -> Run:
        held.append(batch)
        full = batch == 4 and held.count(4) > 1
        if full and when == "started":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return inner(8 if full else batch)

    found = sweep({"A": tight, "B": model(lambda b: b)}, CLIPS, budget=1e6)
    assert (list(found["A"].seconds), found["A"].out_of_memory, found["A"].rates) == ([1, 2], 8, [2 * FRAMES] * 6)
    assert len(found["B"].rates) == 6


def test_no_batch_is_larger_than_256_however_much_it_gains(model: Callable[..., Callable[[int], Run]]) -> None:
    told: list[int] = []
    found = sweep({"A": model(lambda batch: 1.0)}, CLIPS, budget=1e6, after_batch=lambda batch, _: told.append(batch))[
        "A"
    ]
    assert list(found.seconds) == told == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert found.best == 256 and not found.cut


def test_every_reading_is_taken_on_the_device_and_watched(
    model: Callable[..., Callable[[int], Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Load]] = []

    def noted(runs: Any, *, device: str, load: Load, **settings: Any) -> Timings:
        asked.append((device, load))
        return interleave(runs, **settings)

    monkeypatch.setattr(throughput, "interleave", noted)
    load = Load()
    sweep({"A": model(lambda batch: batch)}, CLIPS, device="cuda", load=load, budget=1e6)
    assert set(asked) == {("cuda", load)}


def test_what_a_failed_batch_held_is_let_go(model: Callable[..., Callable[[int], Run]]) -> None:
    """Its error is kept, with a traceback; the others need the memory."""

    class Held:
        pass

    alive: list[weakref.ref[Held]] = []

    def fails() -> None:
        held = Held()
        alive.append(weakref.ref(held))
        raise RuntimeError("shapes differ")

    found = sweep({"A": lambda batch: fails, "B": model(lambda b: b)}, CLIPS, budget=1e6)
    assert found["A"].error is not None and [held() for held in alive] == [None]


def test_garbage_is_collected_once_a_batch_and_not_for_each_model(
    model: Callable[..., Callable[[int], Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many models loaded a collection takes longer than a reading."""
    collections: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: collections.append(1))
    sweep({name: model(lambda b: b) for name in CLIPS}, CLIPS, budget=1e6)
    assert len(collections) == len((1, 2, 4)) + 1 and gc.isenabled()


def test_best_is_by_the_reading_that_was_least_disturbed() -> None:
    found = Sweep(FRAMES, seconds={1: [1.0, 1.0], 2: [9.0, 1.5], 4: [3.2, 3.2]})
    assert found.best == 2


def test_of_batches_that_are_as_good_the_smallest_is_the_best() -> None:
    """It takes the least memory, and which of them is read as the fastest is chance."""
    assert Sweep(FRAMES, seconds={1: [1.0], 2: [1.5], 4: [2.95], 8: [5.9]}).best == 2
    assert Sweep(FRAMES, seconds={1: [1.0], 2: [1.5], 4: [2.9], 8: [5.8]}).best == 4


def test_a_second_clip_that_gains_nothing_is_not_the_end(model: Callable[..., Callable[[int], Run]]) -> None:
    seconds = {1: 1.0, 2: 2.0, 4: 3.6, 8: 7.2}
    found = sweep({"A": model(lambda batch: seconds[batch])}, CLIPS, budget=1e6)["A"]
    assert (list(found.seconds), found.best) == ([1, 2, 4, 8], 4)
