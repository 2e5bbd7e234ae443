"""Timing of models side by side: raw readings, taken round by round so that the machine's drift cancels in ratios."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reidbench.deployment.network import clips_of
from reidbench.deployment.runtimes import prepared
from reidbench.precision import PRECISIONS
from reidbench.profiling.load import Load
from reidbench.spec import UserError

Run = Callable[[], object]


@dataclass(frozen=True)
class Timings:
    """Seconds by name in the order they were read: entry i of every list is from round i. Warm-ups are apart."""

    seconds: Mapping[str, list[float]]
    warmup: Mapping[str, list[float]]

    @property
    def rounds(self) -> int:
        return min((len(readings) for readings in self.seconds.values()), default=0)


def inference(model: nn.Module, shape: Sequence[int], *, device: str = "cpu", precision: str = "fp32") -> Run:
    """A call that sends one fixed batch of clips `shape` = `[B, T, 3, H, W]` through the model.

    The model itself is changed: moved to the device, converted to the precision (weights and clips, as a deployed model
    is, not autocast) and to channels_last, put in evaluation mode. Raises UserError for a device that is not there.
    """
    check_device(device)
    check_precision(precision)
    prepared(model, device, precision)
    clips = random_clips(shape, 0, device=device, dtype=PRECISIONS[precision])

    def run() -> object:
        with torch.inference_mode():
            return model(clips)

    return run


def interleave(
    runs: Mapping[str, Run],
    *,
    rounds: int = 15,
    most: int = 50,
    budget: float = 0.0,
    warmup: int = 2,
    device: str = "cpu",
    load: Load | None = None,
    after_round: Callable[[int, Timings], None] | None = None,
) -> Timings:
    """Times every run once a round, in alternating order: a drift then weighs on all of them alike.

    Two rounds by two the order begins with the next run (A B C, C B A, B C A, A C B): the run that ends a round begins
    the one after, with its data still in the cache, and this comes to each in turn. After `warmup` rounds kept apart
    come at least `rounds` rounds, then further ones up to `most` while fewer than `budget` seconds have passed since
    the first. `after_round(done, timings)` is called between rounds. On CUDA a reading is the time between two events,
    synchronised; on a CPU that of `perf_counter`. `load` watches what other processes do meanwhile.
    """
    if not runs:
        raise ValueError("there is nothing to time")
    clock = clock_of(device)
    timings = Timings({name: [] for name in runs}, {name: [] for name in runs})
    with without_collections(), load.watched() if load else contextlib.nullcontext():
        for index in range(warmup):
            _round(runs, clock, timings.warmup, index)
        start = time.perf_counter()
        while timings.rounds < rounds or (timings.rounds < most and time.perf_counter() - start < budget):
            _round(runs, clock, timings.seconds, timings.rounds)
            if after_round is not None:
                after_round(timings.rounds, timings)
    return timings


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """A garbage collection during one reading would be charged to whichever model was running.

    There is one as it begins; within another such block there is none, for of many models each takes its time.
    """
    collecting = gc.isenabled()
    if collecting:
        gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def check_device(device: str) -> None:
    """Raises UserError unless torch can compute there."""
    if device not in ("cpu", "cuda"):
        raise UserError(f"device {device!r} is unknown; give cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(f"device {device}: torch {torch.__version__} finds no CUDA GPU; give cpu")


def check_precision(precision: str) -> None:
    """Raises UserError unless it is one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise UserError(f"precision {precision!r} is unknown; give {', '.join(PRECISIONS)}")


def random_clips(
    shape: Sequence[int], seed: int, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Tensor:
    """Clips `[B, T, 3, H, W]` whose frames, folded into the batch, are channels_last without a copy.

    One clip is drawn, and repeated on the device: drawing and moving a large batch takes longer than computing it.
    """
    if len(shape) != 5:
        raise UserError(f"shape {tuple(shape)} is not [B, T, 3, H, W]")
    batch, frames = shape[:2]
    drawn = clips_of((1, *shape[1:]), seed).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    clip = drawn.to(device=device, dtype=dtype)
    return (clip if batch == 1 else torch.cat([clip] * batch)).unflatten(0, (batch, frames))


def _round(runs: Mapping[str, Run], clock: Callable[[Run], float], into: Mapping[str, list[float]], index: int) -> None:
    begin = index // 2 % len(runs)
    names = [*runs][begin:] + [*runs][:begin]
    for name in names if index % 2 == 0 else reversed(names):
        into[name].append(clock(runs[name]))


def clock_of(device: str) -> Callable[[Run], float]:
    """What reads the seconds of a run there: `perf_counter` on a CPU, two events on CUDA."""
    return _cuda_seconds if torch.device(device).type == "cuda" else _cpu_seconds


def _cpu_seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _cuda_seconds(run: Run) -> float:
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000
