"""The stages of a training step, and what surrounds each while somebody watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

LOAD, AUGMENT, FORWARD, LOSSES, BACKWARD, OPTIMISER = "load", "augment", "forward", "losses", "backward", "optimiser"
STAGES = (LOAD, AUGMENT, FORWARD, LOSSES, BACKWARD, OPTIMISER)
"""In their order. Loading the batch comes before the step; on a GPU, during the step before."""

Stage = Callable[[str], AbstractContextManager[object]]
"""Given a stage's name, what that stage is done inside of."""


def unwatched(_: str) -> AbstractContextManager[object]:
    """Nothing, which is what a training does its stages inside of."""
    return nullcontext()


class Stopwatch:
    """Adds up the seconds of the stages of one step. On CUDA each stage waits for the device, so none overlaps."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = self._now()
        yield
        self.seconds[name] += self._now() - start

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
