"""Frames a second at the best batch: it is found by doubling for as long as that pays, and then read anew.

The readings that chose it would flatter it, for they were chosen by, too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reidbench.profiling.latency import Run, interleave, is_out_of_memory

LARGEST = 256
"""Clips in the largest batch that is tried: of twice as many the stem's maps have more values than 32 bits count."""


@dataclass
class Sweep:
    """Readings of one model: `seconds[batch]` raw, which choose the best one, with a first reading apart in `warmup`.

    `anew` are the seconds of the best batch, read after it was chosen. `frames` are those of a clip; `out_of_memory` is
    the batch that did not fit (0: all fitted), `error` what else ended the readings.
    """

    frames: int
    seconds: dict[int, list[float]] = field(default_factory=dict)
    warmup: dict[int, float] = field(default_factory=dict)
    anew: list[float] = field(default_factory=list)
    out_of_memory: int = 0
    error: Exception | None = None

    def end(self, batch: int, error: Exception) -> None:
        """Neither this batch, which failed, nor a larger one."""
        self.seconds.pop(batch, None)
        if is_out_of_memory(error):
            self.out_of_memory = batch
        else:
            self.error = error

    def rate(self, batch: int) -> float:
        """Frames a second at a batch, by the readings that choose."""
        return batch * self.frames / statistics.median(self.seconds[batch])

    @property
    def best(self) -> int:
        """The batch with the highest rate."""
        return max(self.seconds, key=self.rate)

    @property
    def rates(self) -> list[float]:
        """Frames a second of each reading at the best batch that had no part in choosing it."""
        return [self.best * self.frames / seconds for seconds in self.anew]


def sweep(
    runs: Mapping[str, Callable[[int], Run]],
    frames: Mapping[str, int],
    *,
    device: str = "cpu",
    rounds: int = 3,
    rounds_anew: int = 7,
    budget: float = 30.0,
    gain: float = 1.03,
    after_batch: Callable[[int, Mapping[str, Sweep]], None] | None = None,
) -> dict[str, Sweep]:
    """Times batches of 1, 2, 4, ... clips of `frames[name]`; `runs[name](batch)` makes the call that computes a batch.

    The models take turns at each batch. One leaves when a doubling gains less than a factor `gain`, or when it runs out
    of memory or fails otherwise: that is recorded and its smaller batches stay (none, where not even one clip fits).
    After the first batch no further one is begun if, lasting twice as long, it would bring the seconds of timing above
    `budget`; making the calls, for which a backend may export or compile, does not count. At last all models take
    turns for `rounds_anew` rounds, each at its best batch.
    """
    sweeps = {name: Sweep(frames[name]) for name in runs}
    active = list(runs)
    spent = 0.0
    batch = 1
    while active and batch <= LARGEST:
        started = _started(batch, {name: runs[name] for name in active}, sweeps)
        began = time.perf_counter()
        _measure(batch, started, sweeps, device, rounds)
        del started  # before the next batch takes its memory
        lasted = time.perf_counter() - began
        spent += lasted
        if after_batch is not None:
            after_batch(batch, sweeps)
        active = [name for name in active if _still_gains(sweeps[name], batch, gain)]
        if spent + 2 * lasted > budget:
            break
        batch *= 2
    _read_anew(runs, sweeps, device, rounds_anew)
    return sweeps


def _started(batch: int, runs: Mapping[str, Callable[[int], Run]], sweeps: Mapping[str, Sweep]) -> dict[str, Run]:
    """The calls of a batch, of the models that can be started on it."""
    found = {}
    for name, start in runs.items():
        try:
            found[name] = start(batch)
        except Exception as error:
            sweeps[name].end(batch, error)
    return found


def _measure(batch: int, runs: Mapping[str, Run], sweeps: Mapping[str, Sweep], device: str, rounds: int) -> None:
    fitting: dict[str, Run] = {}
    for name, run in runs.items():
        try:
            first = interleave({name: run}, rounds=1, warmup=0, device=device)
        except Exception as error:
            sweeps[name].end(batch, error)
        else:
            sweeps[name].warmup[batch] = first.seconds[name][0]
            fitting[name] = run
    if fitting:
        timings = interleave(fitting, rounds=rounds, warmup=0, device=device)
        for name, seconds in timings.seconds.items():
            sweeps[name].seconds[batch] = seconds


def _read_anew(runs: Mapping[str, Callable[[int], Run]], sweeps: Mapping[str, Sweep], device: str, rounds: int) -> None:
    fitting: dict[str, Run] = {}
    for name, found in sweeps.items():
        while found.seconds and name not in fitting:
            try:
                run = runs[name](found.best)
                interleave({name: run}, rounds=1, warmup=0, device=device)
            except Exception as error:  # memory, now that other models hold theirs
                found.end(found.best, error)
            else:
                fitting[name] = run
    if fitting:
        for name, seconds in interleave(fitting, rounds=rounds, warmup=0, device=device).seconds.items():
            sweeps[name].anew = seconds


def _still_gains(found: Sweep, batch: int, gain: float) -> bool:
    if found.out_of_memory or found.error:
        return False
    return batch == 1 or found.rate(batch) > gain * found.rate(batch // 2)
