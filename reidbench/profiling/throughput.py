"""Frames a second at the best batch: it is found by doubling for as long as that pays, and then read anew.

The readings that chose it would flatter it, for they were chosen by, too.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from reidbench.doubts import LARGEST, fell
from reidbench.profiling.latency import Run, Timings, interleave, without_collections
from reidbench.profiling.load import Load
from reidbench.resources import is_out_of_memory

FIRST = 4
"""Batches up to this are tried whatever they gain: 2 clips may do no better than 1 where 4 do."""

GAIN = 1.03
"""The factor that a larger batch must gain to be worth it: smaller ones lie within the noise of two readings."""

ROUNDS_ANEW = 6
"""Readings of the best batch once it was chosen: the fewest that give a median a 95 % interval."""


@dataclass
class Sweep:
    """Readings of one model: `seconds[batch]`, of which the faster ones choose the best batch.

    `anew` are the seconds of the best batch, read after it was chosen. `frames` are those of a clip; `out_of_memory` is
    the batch that did not fit (0: all fitted), `error` what else ended the readings. `cut` says that the next batch
    would have taken too long, though the last ended nothing yet.
    """

    frames: int
    seconds: dict[int, list[float]] = field(default_factory=dict)
    anew: list[float] = field(default_factory=list)
    out_of_memory: int = 0
    error: Exception | None = None
    cut: bool = False

    def spent(self, *batches: int) -> float:
        """Seconds of the readings of some batches, if none of them was disturbed."""
        return sum(len(self.seconds[batch]) * min(self.seconds[batch]) for batch in batches)

    def end(self, batch: int, error: Exception) -> None:
        """Neither this batch, which failed, nor a larger one."""
        self.seconds.pop(batch, None)
        # Its frames hold tensors, which the others need the memory of.
        traceback.clear_frames(error.__traceback__)
        if is_out_of_memory(error):
            self.out_of_memory = batch
        else:
            self.error = error

    def rate(self, batch: int) -> float:
        """Frames a second at a batch, by the faster of its readings: the first of them also warms up."""
        return batch * self.frames / min(self.seconds[batch])

    def fell(self, batch: int) -> bool:
        """Whether its rate at a batch is lower than at the one before."""
        return batch > 1 and fell(self.rate(batch // 2), self.rate(batch))

    @property
    def best(self) -> int:
        """The smallest batch whose rate comes within `GAIN` of the highest."""
        highest = max(map(self.rate, self.seconds))
        return min(batch for batch in self.seconds if GAIN * self.rate(batch) >= highest)

    @property
    def rates(self) -> list[float]:
        """Frames a second of each reading at the best batch that had no part in choosing it."""
        return [self.best * self.frames / seconds for seconds in self.anew]


def sweep(
    runs: Mapping[str, Callable[[int], Run]],
    frames: Mapping[str, int],
    *,
    device: str = "cpu",
    budget: float = 30.0,
    load: Load | None = None,
    after_batch: Callable[[int, Mapping[str, Sweep]], None] | None = None,
) -> dict[str, Sweep]:
    """Times batches of 1, 2, 4, ... clips of `frames[name]`; `runs[name](batch)` makes the call that computes a batch.

    The models take turns at each batch. One leaves when a doubling beyond the `FIRST` batches gains less than a factor
    `GAIN`, though where its rate falls one more is tried, or when it runs out of memory or fails otherwise: that is
    recorded and its smaller batches stay (none, where not even one clip fits). It is cut where the next batch, lasting
    twice as long, would bring the seconds of its own readings above `budget`: a slow model so takes no time from a fast
    one. At last all take turns, each at its best batch. `load` watches what other processes do meanwhile.
    """
    sweeps = {name: Sweep(frames[name]) for name in runs}
    active = list(runs)
    timed = partial(interleave, warmup=0, device=device, load=load)
    batch = 1
    while active:
        started = _started(batch, {name: runs[name] for name in active}, sweeps)
        with without_collections():
            _measure(batch, started, sweeps, timed)
        del started  # before the next batch takes its memory
        if after_batch is not None:
            after_batch(batch, sweeps)
        active = [name for name in active if batch < LARGEST and _still_gains(sweeps[name], batch)]
        for name in active:
            found = sweeps[name]
            found.cut = found.spent(*found.seconds) + 2 * found.spent(batch) > budget
        active = [name for name in active if not sweeps[name].cut]
        batch *= 2
    with without_collections():
        _read_anew(runs, sweeps, timed)
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


def _measure(batch: int, runs: Mapping[str, Run], sweeps: Mapping[str, Sweep], timed: Callable[..., Timings]) -> None:
    fitting: dict[str, Run] = {}
    for name, run in runs.items():
        try:
            first = timed({name: run}, rounds=1)
        except Exception as error:
            sweeps[name].end(batch, error)
        else:
            sweeps[name].seconds[batch] = first.seconds[name]
            fitting[name] = run
    if fitting:
        for name, seconds in timed(fitting, rounds=1).seconds.items():
            sweeps[name].seconds[batch] += seconds


def _read_anew(
    runs: Mapping[str, Callable[[int], Run]], sweeps: Mapping[str, Sweep], timed: Callable[..., Timings]
) -> None:
    fitting: dict[str, Run] = {}
    for name, found in sweeps.items():
        while found.seconds and name not in fitting:
            try:
                run = runs[name](found.best)
                timed({name: run}, rounds=1)
            except Exception as error:
                best, fitted = found.best, found.out_of_memory
                found.end(best, error)
                # Alone the batch did fit: it is the other models that hold the memory now.
                found.out_of_memory = fitted
            else:
                fitting[name] = run
    if fitting:
        for name, seconds in timed(fitting, rounds=ROUNDS_ANEW).seconds.items():
            sweeps[name].anew = seconds


def _still_gains(found: Sweep, batch: int) -> bool:
    if found.out_of_memory or found.error:
        return False
    gains = batch < FIRST or found.rate(batch) > GAIN * found.rate(batch // 2)
    return gains or (found.fell(batch) and not found.fell(batch // 2))
