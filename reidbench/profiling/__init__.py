"""What a model costs: parameters, multiply-accumulates, latency, throughput, memory."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from reidbench import registry
from reidbench.profiling.complexity import count, disagreements
from reidbench.profiling.counters import COUNTERS
from reidbench.profiling.latency import Run, inference, interleave
from reidbench.profiling.memory import peak_memory
from reidbench.spec import COST_SHAPE, PAPER_SIZE, UserError
from reidbench.statistics import median_interval

__all__ = ["profile"]


def profile(
    model: nn.Module | str,
    *,
    shape: Sequence[int] = COST_SHAPE,
    device: str = "cpu",
    precision: str = "fp32",
    rounds: int = 15,
) -> dict[str, Any]:
    """All costs of a model, an `nn.Module` or a registered name, for clips of `shape` `[B, T, 3, H, W]`.

    Parameters leave the classifier out; MACs are per frame by counter (None: see `absent`), operations counted once a
    multiply-accumulate; latency is in seconds for the whole batch, with the threads torch has now, its interval None
    where the rounds are too few for one; memory is in bytes and read in this process. A module given is copied, never
    changed. Raises UserError for an unknown name or device, a shape or rounds that are none, and a model that fails.
    """
    if len(shape) != 5 or not all(isinstance(length, int) and length > 0 for length in shape):
        raise UserError(f"shape {tuple(shape)}: give [B, T, 3, H, W], whole numbers above 0")
    if not isinstance(rounds, int) or rounds < 1:
        raise UserError(f"rounds={rounds!r}: give a whole number above 0")
    device = str(device)
    if not isinstance(model, (str, nn.Module)):
        raise UserError(f"{model!r}: give an nn.Module, or the name of a registered model")

    def start() -> Run:
        return inference(_own(model, shape), shape, device=device, precision=precision)

    # First of all: what the counters and their copies leave in the process is none of the model's.
    memory = peak_memory(start, device=device)
    found = count(_own(model, shape), shape)
    seconds = interleave({"model": start()}, rounds=rounds, device=device).seconds["model"]
    middle = median_interval(seconds)
    interval = None if math.isnan(middle.low) else [middle.low, middle.high]
    return {
        "model": model if isinstance(model, str) else type(model).__name__,
        "shape": list(shape),
        "device": device,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "parameters": found.parameters,
        "macs": {counter: found.per_frame(counter) for counter in COUNTERS},
        "absent": dict(found.absent),
        "disagreements": [
            {"module": d.module, "counter": d.counter, "operations": dict(d.operations)} for d in disagreements(found)
        ],
        "latency": {"median": middle.value, "interval": interval, "seconds": seconds},
        "memory": {"peak": memory.peak, "added": memory.added, "reserved": memory.reserved},
    }


def _own(model: nn.Module | str, shape: Sequence[int]) -> nn.Module:
    """A model to do as one likes with: a copy of a module, or a named one built anew with the same random weights."""
    if isinstance(model, nn.Module):
        return copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        size = registry.size_of_costs(model) if tuple(shape[3:]) == PAPER_SIZE else {}
        made: nn.Module = registry.build(model, **size)
        return made
