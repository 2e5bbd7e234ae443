"""Traces of torch's profiler, for TensorBoard's plugin and for Perfetto, and the operators that take longest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from reidbench.files import check_writable
from reidbench.profiling.calls import modules_marked
from reidbench.profiling.latency import check_device, inference
from reidbench.spec import COST_SHAPE

WARMUP, RECORDED = 2, 3
"""Passes before the trace, under the profiler, and passes in it."""

ENDING = ".pt.trace.json.gz"
"""How the plugin knows its files."""


@dataclass(frozen=True)
class Operator:
    """What an operator takes in one pass, without those that it calls; `share` is of all operators' time."""

    name: str
    calls: float
    seconds: float
    share: float


@dataclass(frozen=True)
class Trace:
    """A trace of `passes` passes lies in `file`; `operators` are all of them, the longest first."""

    file: Path
    passes: int
    operators: tuple[Operator, ...]


def trace_inference(
    model: nn.Module,
    folder: Path,
    *,
    worker: str,
    shape: Sequence[int] = COST_SHAPE,
    device: str = "cpu",
    precision: str = "fp32",
) -> Trace:
    """Traces the inference of a few batches of clips `shape` `[B, T, 3, H, W]`. The model given is never changed."""
    model = copy.deepcopy(model)
    run = inference(model, shape, device=device, precision=precision)
    return record_trace(model, lambda _: run(), folder, worker=worker, device=device)


def record_trace(
    model: nn.Module, run: Callable[[int], object], folder: Path, *, worker: str, device: str = "cpu"
) -> Trace:
    """Traces `run(number)` for a few numbers after `WARMUP` others, with spans named after the modules of `model`.

    The file is `<folder>/<worker>.<time>.pt.trace.json.gz`: the plugin takes `folder` for a run, and every folder
    beside it for another. Raises UserError for a folder that cannot be written or a device that is not there.
    """
    check_device(device)
    check_writable(folder)
    cuda = torch.device(device).type == "cuda"
    activities = [torch.profiler.ProfilerActivity.CPU, *([torch.profiler.ProfilerActivity.CUDA] if cuda else [])]
    before = set(folder.iterdir())
    with (
        modules_marked(model),
        torch.profiler.profile(
            activities=activities,
            schedule=torch.profiler.schedule(wait=0, warmup=WARMUP, active=RECORDED, repeat=1),
            on_trace_ready=torch.profiler.tensorboard_trace_handler(str(folder), worker_name=worker, use_gzip=True),
            record_shapes=True,
            profile_memory=True,
            acc_events=True,
        ) as profiler,
    ):
        for number in range(WARMUP + RECORDED):
            run(number)
            profiler.step()
    (file,) = (path for path in set(folder.iterdir()) - before if path.name.endswith(ENDING))
    return Trace(file, RECORDED, _operators(profiler, cuda))


def _operators(profiler: torch.profiler.profile, cuda: bool) -> tuple[Operator, ...]:
    """On CUDA by the time of the kernels that an operator started."""
    found = []
    for event in profiler.key_averages():
        if event.is_user_annotation or event.device_type.name != "CPU":
            continue
        seconds = (event.self_device_time_total if cuda else event.self_cpu_time_total) / 1e6
        if seconds > 0:
            found.append((event.key, event.count, seconds))
    total = sum(seconds for *_, seconds in found)
    operators = [Operator(name, count / RECORDED, each / RECORDED, each / total) for name, count, each in found]
    return tuple(sorted(operators, key=lambda operator: -operator.seconds))
