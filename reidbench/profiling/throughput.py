"""Frames a second at the best batch: the batch doubles for as long as that pays."""

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
    """Readings of one model: `seconds[batch]` raw, one first reading a batch apart in `warmup`.

    `frames` are those of a clip; `out_of_memory` is the batch that did not fit (0: all fitted), `error` what else ended
    the readings.
    """

    frames: int
    seconds: dict[int, list[float]] = field(default_factory=dict)
    warmup: dict[int, float] = field(default_factory=dict)
    out_of_memory: int = 0
    error: Exception | None = None

    def end(self, batch: int, error: Exception) -> None:
        """No larger batches: this one failed."""
        if is_out_of_memory(error):
            self.out_of_memory = batch
        else:
            self.error = error

    def rates(self, batch: int) -> list[float]:
        """Frames a second of each reading at a batch."""
        return [batch * self.frames / seconds for seconds in self.seconds[batch]]

    @property
    def best(self) -> int:
        """The batch with the highest median rate."""
        return max(self.seconds, key=lambda batch: statistics.median(self.rates(batch)))


def sweep(
    runs: Mapping[str, Callable[[int], Run]],
    frames: Mapping[str, int],
    *,
    device: str = "cpu",
    rounds: int = 3,
    budget: float = 30.0,
    gain: float = 1.03,
    after_batch: Callable[[int, Mapping[str, Sweep]], None] | None = None,
) -> dict[str, Sweep]:
    """Times batches of 1, 2, 4, ... clips of `frames[name]`; `runs[name](batch)` makes the call that computes a batch.

    The models take turns at each batch. One leaves when a doubling gains less than a factor `gain`, or when it runs out
    of memory or fails otherwise: that is recorded and its smaller batches stay (none, where not even one clip fits).
    After the first batch no further one is begun if, lasting twice as long, it would bring the seconds of timing above
    `budget`; making the calls, for which a backend may export or compile, does not count.
    """
    sweeps = {name: Sweep(frames[name]) for name in runs}
    active = list(runs)
    spent = 0.0
    batch = 1
    while active and batch <= LARGEST:
        started = _started(batch, {name: runs[name] for name in active}, sweeps)
        began = time.perf_counter()
        _measure(batch, started, sweeps, device, rounds)
        lasted = time.perf_counter() - began
        spent += lasted
        if after_batch is not None:
            after_batch(batch, sweeps)
        active = [name for name in active if _still_gains(sweeps[name], batch, gain)]
        if spent + 2 * lasted > budget:
            break
        batch *= 2
        del started  # before the next batch takes its memory
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


def _still_gains(found: Sweep, batch: int, gain: float) -> bool:
    if found.out_of_memory or found.error:
        return False
    if batch == 1:
        return True
    return statistics.median(found.rates(batch)) > gain * statistics.median(found.rates(batch // 2))
