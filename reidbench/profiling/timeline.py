"""Live memory along one pass of a model, as torch's allocator saw it."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reidbench.profiling.calls import modules_marked
from reidbench.profiling.latency import inference
from reidbench.spec import COST_SHAPE

DEVICES = {"cpu": 0, "cuda": 1}
"""Kinds of devices as a trace numbers them."""


@dataclass(frozen=True)
class Span:
    """One call of a module, in seconds from the start of the pass."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """`seconds` from the start of the pass and the `live` bytes from then on; the clips and the weights are not in it.

    `calls` are those of all modules in the order of their start, the model's own left out. Times are stretched by the
    profiler: they show where, not how long.
    """

    seconds: tuple[float, ...]
    live: tuple[int, ...]
    calls: tuple[Span, ...]

    @property
    def peak(self) -> int:
        """The most bytes that were live at once."""
        return max(self.live)

    @property
    def peak_module(self) -> str:
        """The innermost module at work when the peak was reached; "" is the model itself."""
        moment = self.seconds[self.live.index(self.peak)]
        inside = [call for call in self.calls if call.start <= moment <= call.end]
        return max(inside, key=lambda call: call.start).name if inside else ""

    def outermost(self, block: Span | None = None) -> list[Span]:
        """The calls that no other call encloses, in order; with a `block`, of those that this one encloses."""
        found: list[Span] = []
        for call in self.calls if block is None else self.calls[self.calls.index(block) + 1 :]:
            if block and call.start >= block.end:
                break
            if not found or call.start >= found[-1].end:
                found.append(call)
        return found


def memory_timeline(
    model: nn.Module, *, shape: Sequence[int] = COST_SHAPE, device: str = "cpu", precision: str = "fp32"
) -> Timeline:
    """Follows the memory of one pass, after one to warm up, by the allocations that torch's profiler notes.

    What kernels allocate past torch (workspaces of oneDNN) is not seen. The model given is copied, never changed.
    """
    model = copy.deepcopy(model)
    run = inference(model, shape, device=device, precision=precision)
    run()
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.device(device).type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    # Without acc_events some versions of torch warn that a second cycle would drop the events of the first.
    watched = torch.profiler.profile(activities=activities, profile_memory=True, acc_events=True)
    with modules_marked(model), watched as profiler:
        run()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(file))
        events = json.loads(file.read_text(encoding="utf-8"))["traceEvents"]
    return read_timeline(events, torch.device(device).type)


def read_timeline(events: Sequence[Mapping[str, Any]], device: str) -> Timeline:
    """The timeline in the events of a trace of one pass whose modules were marked, the model's own as `model`."""
    spans = sorted((e for e in events if e.get("cat") == "user_annotation"), key=lambda e: (e["ts"], -e["dur"]))
    start, end = spans[0]["ts"], spans[0]["ts"] + spans[0]["dur"]
    calls = [Span(e["name"], (e["ts"] - start) / 1e6, (e["ts"] + e["dur"] - start) / 1e6) for e in spans[1:]]
    changes = [
        (e["ts"], e["args"]["Bytes"])
        for e in events
        if e.get("name") == "[memory]" and e["args"]["Device Type"] == DEVICES[device] and start <= e["ts"] <= end
    ]
    seconds, live = [0.0], [0]
    for moment, change in sorted(changes):
        seconds.append((moment - start) / 1e6)
        live.append(live[-1] + change)
    return Timeline(tuple(seconds), tuple(live), tuple(calls))
