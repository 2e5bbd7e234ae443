"""What each module of a model costs and takes: operations, parameters, bytes moved, time.

Everything is counted where it happens: a module's part is what it does itself, outside the modules that it calls. So
the parts add up to the model, and a block is the sum of what stands under its name. A module that evaluation does not
call, such as the neck, has no part.
"""

from __future__ import annotations

import copy
import itertools
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from reidbench.profiling.calls import calls_watched
from reidbench.profiling.counters import count_torch, depth_of
from reidbench.profiling.latency import Run, inference, interleave
from reidbench.profiling.peak import Peak
from reidbench.spec import COST_SHAPE

POINTWISE, SPATIAL, LINEAR = "convolution 1x1", "convolution, larger", "linear"
NORM, ACTIVATION, POOL, BETWEEN = "batch norm", "activation", "pooling", "between modules"
KINDS = (POINTWISE, SPATIAL, LINEAR, NORM, ACTIVATION, POOL, BETWEEN)
"""Kinds of parts. What a module that has modules does itself, adding maps, say, is `between modules`."""


@dataclass(frozen=True)
class Part:
    """What a module does itself for one batch of clips. Without a `kind` it is a sum over modules.

    `macs` by PyTorch's counter, `moved` in bytes: each operator's inputs, weights included, read once and its outputs
    written once. `seconds` is the median over rounds; `least` are the seconds that the roofline allows.
    """

    name: str
    kind: str
    macs: float
    parameters: int
    moved: float
    seconds: float
    least: float

    @property
    def intensity(self) -> float:
        """Operations, two a multiply-accumulate, for each byte moved."""
        return 2 * self.macs / self.moved if self.moved else 0.0

    @property
    def rate(self) -> float:
        """Operations a second."""
        return 2 * self.macs / self.seconds if self.seconds else 0.0

    @property
    def attained(self) -> float:
        """The share of the roofline: of min(peak, intensity x bandwidth), or of the bandwidth without operations."""
        return self.least / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Layers:
    """The parts of a model in the order of their first call, and how far their times are to be trusted.

    `plain` and `hooked` are the seconds of whole passes without and with the hooks that read the clock, in turns.
    """

    parts: tuple[Part, ...]
    plain: tuple[float, ...]
    hooked: tuple[float, ...]
    peak: Peak
    shape: tuple[int, ...]

    @property
    def overhead(self) -> float:
        """What the hooks add to a pass, relative to it: the median over pairs."""
        return statistics.median(b / a for a, b in zip(self.plain, self.hooked, strict=True)) - 1

    @property
    def accounted(self) -> float:
        """The sum of all parts' times, relative to a whole pass without hooks."""
        return self.within("").seconds / statistics.median(self.plain)

    def within(self, name: str) -> Part:
        """A module and all that stands under it, as one; "" is the model."""
        return _sum(name, [part for part in self.parts if _stands_under(part.name, name)])

    def tree(self, depth: int) -> list[Part]:
        """The model, then what stands under it down to `depth` names, each before its own. Where the modules of a block
        are shown, its own part, if it moves anything, comes after them, under the name of the block."""
        return list(self._branch("", depth))

    def _branch(self, name: str, depth: int) -> Iterable[Part]:
        yield self.within(name)
        below = dict.fromkeys(
            ".".join(part.name.split(".")[: depth_of(name) + 1])
            for part in self.parts
            if part.name != name and _stands_under(part.name, name)
        )
        if depth <= 0 or not below:
            return
        for child in below:
            yield from self._branch(child, depth - 1)
        yield from (part for part in self.parts if part.name == name and part.moved)


def measure_layers(
    model: nn.Module,
    peak: Peak,
    *,
    shape: Sequence[int] = COST_SHAPE,
    device: str = "cpu",
    precision: str = "fp32",
    rounds: int = 15,
) -> Layers:
    """Measures the parts of a model for clips of `shape` `[B, T, 3, H, W]`, with the threads torch has now.

    The model given is copied, never changed. A hook before and after each module reads the clock, on CUDA as an event.
    """
    macs = own_macs(count_torch(copy.deepcopy(model).eval().to("meta"), torch.zeros(*shape, device="meta")).modules)
    model = copy.deepcopy(model)
    run = inference(model, shape, device=device, precision=precision)
    moved = moved_bytes(model, run)
    marks: list[dict[str, float]] = []
    runs = {"plain": run, "hooked": lambda: marks.append(own_seconds(model, run, device))}
    timings = interleave(runs, rounds=rounds, warmup=2, device=device)
    del marks[:2]
    # A module that two others share is counted under one of its names, and timed under another.
    modules = dict(model.named_modules(remove_duplicate=False))
    parts = []
    for name in dict.fromkeys((*marks[0], *macs)):
        seconds = statistics.median(mark.get(name, 0.0) for mark in marks)
        flops, bytes_ = 2 * macs.get(name, 0.0), moved.get(name, 0.0)
        size = sum(parameter.numel() for parameter in modules[name].parameters(recurse=False))
        least = peak.least_seconds(flops, bytes_)
        parts.append(Part(name, kind_of(modules[name]), flops / 2, size, bytes_, seconds, least))
    plain, hooked = (tuple(timings.seconds[key]) for key in ("plain", "hooked"))
    return Layers(tuple(parts), plain, hooked, peak, tuple(shape))


def own_macs(inclusive: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """MACs of each module without those of the modules below it, from a counter's table of both together."""
    totals = {name: sum(kinds.values()) for name, kinds in inclusive.items()}
    own = dict(totals)
    for name, macs in totals.items():
        above = [other for other in totals if other != name and _stands_under(name, other)]
        if above:
            own[max(above, key=depth_of)] -= macs
    return own


def own_seconds(model: nn.Module, run: Run, device: str) -> dict[str, float]:
    """The seconds of each module in one run, without those of the modules that it calls."""
    marks: list[tuple[str, Any]] = []
    mark, seconds_between = _marker(device)
    stack: list[str] = []

    def enter(name: str) -> None:
        marks.append((stack[-1] if stack else "", mark()))
        stack.append(name)

    def leave(name: str) -> None:
        marks.append((name, mark()))
        stack.pop()

    with calls_watched(model, enter, leave):
        run()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
    found: dict[str, float] = defaultdict(float)
    for (_, start), (name, end) in itertools.pairwise(marks):
        found[name] += seconds_between(start, end)
    return dict(found)


def moved_bytes(model: nn.Module, run: Run) -> dict[str, float]:
    """The bytes that the operators of each module itself read and write in one run; views move none."""
    traffic = _Traffic()
    with calls_watched(model, traffic.enter, traffic.leave), traffic:
        run()
    return dict(traffic.bytes)


class _Traffic(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.bytes: dict[str, float] = defaultdict(float)

    def enter(self, name: str) -> None:
        self.stack.append(name)

    def leave(self, _: str) -> None:
        self.stack.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given, made = _tensors((args, kwargs)), _tensors(result)
        known = {tensor.untyped_storage()._cdata for tensor in given}
        fresh = [tensor for tensor in made if func._schema.is_mutable or tensor.untyped_storage()._cdata not in known]
        # A new tensor without a value is written by what fills it.
        if fresh and func._opname not in ("empty", "empty_like", "new_empty", "empty_strided"):
            self.bytes[self.stack[-1] if self.stack else ""] += sum(map(_size, (*given, *fresh)))
        return result


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _size(tensor: Tensor) -> int:
    """Bytes that lie in memory: what is expanded lies there once."""
    lengths = (length for length, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)
    return math.prod(lengths) * tensor.element_size()


def _marker(device: str) -> tuple[Callable[[], Any], Callable[[Any, Any], float]]:
    """What marks a moment, and the seconds between two marks."""
    if torch.device(device).type != "cuda":
        return time.perf_counter, lambda start, end: end - start

    def mark() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    return mark, lambda start, end: start.elapsed_time(end) / 1000


def kind_of(module: nn.Module) -> str:
    """One of `KINDS`; a module that is none of the known layers does what it does between modules."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return POINTWISE if set(module.kernel_size) == {1} else SPATIAL
    for kind, types in (
        (LINEAR, (nn.Linear,)),
        (NORM, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)),
        (ACTIVATION, (nn.ReLU, nn.Sigmoid, nn.Softmax, nn.LeakyReLU, nn.Tanh, nn.GELU)),
        (POOL, (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd)),
    ):
        if isinstance(module, types):
            return kind
    return BETWEEN


def _sum(name: str, parts: Sequence[Part]) -> Part:
    return Part(
        name,
        parts[0].kind if len(parts) == 1 and parts[0].name == name else "",
        sum(part.macs for part in parts),
        sum(part.parameters for part in parts),
        sum(part.moved for part in parts),
        sum(part.seconds for part in parts),
        sum(part.least for part in parts),
    )


def _stands_under(name: str, block: str) -> bool:
    return not block or name == block or name.startswith(f"{block}.")
