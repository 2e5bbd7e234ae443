"""All costs of one model, measured in the calling process."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Iterable, Sequence
from typing import TypedDict

import torch
from torch import Tensor, nn

from reidbench import registry
from reidbench.profiling.complexity import count, disagreements
from reidbench.profiling.counters import COUNTERS
from reidbench.profiling.latency import Run, inference, interleave
from reidbench.profiling.memory import give_back, peak_memory
from reidbench.profiling.surroundings import undisturbed
from reidbench.profiling.trial import failure_told
from reidbench.resources import is_out_of_memory
from reidbench.spec import COST_SHAPE, PAPER_SIZE, UserError
from reidbench.statistics import median_interval


class Disagreement(TypedDict):
    """A module on which a counter differs from torch's, and the MACs a clip that it has beyond it, by operation."""

    module: str
    counter: str
    operations: dict[str, float]


class Latency(TypedDict):
    """Seconds for all clips of a batch; `interval` is None where the rounds are too few."""

    median: float
    interval: list[float] | None
    seconds: list[float]


class Memory(TypedDict):
    """Bytes."""

    peak: int
    added: int
    reserved: int


class Profile(TypedDict):
    """What `reidbench.profile` describes."""

    model: str
    shape: list[int]
    device: str
    precision: str
    threads: int
    parameters: int
    macs: dict[str, float | None]
    absent: dict[str, str]
    disagreements: list[Disagreement]
    latency: Latency
    memory: Memory


@undisturbed()
def profile(
    model: nn.Module | str,
    *,
    shape: Sequence[int] = COST_SHAPE,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    rounds: int = 15,
) -> Profile:
    """All costs of a model, an `nn.Module` or a registered name, for clips of `shape` `[B, T, 3, H, W]`.

    `reidbench.profile` describes the entries. Times and memory are those in channels_last, in evaluation mode, weights
    and clips converted to the precision (no autocast); a named model has the same random weights each time. Raises
    UserError for an unknown name or device, a shape or rounds that are none, and a model that fails on such clips, has
    no numbers (on the meta device) or does not fit in memory.
    """
    if len(lengths := _counts(shape)) != 5:
        given = tuple(shape) if isinstance(shape, Iterable) else shape
        raise UserError(f"shape {given}: give [B, T, 3, H, W], whole numbers above 0")
    if not _counts([rounds]):
        raise UserError(f"rounds={rounds!r}: give a whole number above 0")
    shape, device = lengths, str(device)
    if not isinstance(model, (str, nn.Module)):
        raise UserError(f"{model!r}: give an nn.Module, or the name of a registered model")
    name = model if isinstance(model, str) else type(model).__name__
    if isinstance(model, torch.jit.ScriptModule) or hasattr(model, "_orig_mod"):
        raise UserError(f"model {name}: was compiled or traced; give the nn.Module that it was made from")
    if isinstance(model, nn.Module) and any(held.is_meta for held in (*model.parameters(), *model.buffers())):
        raise UserError(
            f"model {name}: its weights are on torch's meta device; build it outside of torch.device('meta')"
        )

    def start() -> Run:
        with failure_told(f"model {name}"):
            run = inference(_own(model, shape), shape, device=device, precision=precision)

        def checked() -> None:
            with failure_told(f"model {name}"):
                output = run()
            _check_feature(name, output, shape[0])

        return checked

    try:
        # First of all: what the counters and their copies leave in the process is none of the model's. Nor would what
        # earlier calls have freed there be counted, if it were used again.
        give_back()
        memory = peak_memory(start, device=device)
    except Exception as error:
        if is_out_of_memory(error):
            clips = "x".join(map(str, shape))
            raise UserError(f"model {name}: clips {clips} do not fit in the memory of {device}; give fewer") from error
        raise
    with failure_told(f"model {name}"):
        found = count(_own(model, shape), shape)
    seconds = interleave({"model": start()}, rounds=rounds, device=device).seconds["model"]
    middle = median_interval(seconds)
    interval = None if math.isnan(middle.low) else [middle.low, middle.high]
    return {
        "model": name,
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


def _counts(given: object) -> tuple[int, ...]:
    """Whole numbers above 0, NumPy's too, as Python's own; none where one of them is something else."""
    try:
        found = tuple(map(operator.index, given))  # type: ignore[call-overload]
    except TypeError:
        return ()
    return found if all(length > 0 for length in found) else ()


def _check_feature(name: str, output: object, clips: int) -> None:
    """Raises UserError unless a model gave the feature of each clip, in an `Output` or as it is."""
    found = output if isinstance(output, Tensor) else getattr(output, "feature", None)
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != clips:
        kind = list(found.shape) if isinstance(found, Tensor) else type(output).__name__
        raise UserError(f"model {name}: gives {kind} for {clips} clips; let its feature be [{clips}, D]")


def _own(model: nn.Module | str, shape: Sequence[int]) -> nn.Module:
    """A model to do as one likes with: a copy of a module, or a named one built anew with the same random weights."""
    if isinstance(model, nn.Module):
        return copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        known = registry.lookup("model", model, registry.models()).options
        size = registry.size_of_costs(model) if tuple(shape[3:]) == PAPER_SIZE else {}
        # Some are built for clips of a length, as a suite's rows are.
        length = {"frames": shape[1]} if "frames" in known else {}
        made: nn.Module = registry.build(model, **size, **length)
        return made
