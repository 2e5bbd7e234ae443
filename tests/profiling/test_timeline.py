"""Live memory along a pass."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from reidbench.profiling.timeline import memory_timeline, read_timeline


def span(name: str, start: int, length: int) -> dict[str, Any]:
    return {"cat": "user_annotation", "name": name, "ts": start, "dur": length}


def change(moment: int, size: int, device: int = 0) -> dict[str, Any]:
    return {"name": "[memory]", "ts": moment, "args": {"Bytes": size, "Device Type": device}}


EVENTS = [
    *(change(90, 1000), change(110, 8), change(120, 4), change(130, -8), change(170, 2), change(125, 99, device=1)),
    *(span("a", 105, 40), span("model", 100, 100), span("a.b", 115, 10), span("c", 160, 20)),
    {"name": "aten::relu", "cat": "cpu_op", "ts": 1, "dur": 2},
]


def test_sums_the_changes_within_the_pass() -> None:
    found = read_timeline(EVENTS, "cpu")
    assert found.live == (0, 8, 12, 4, 6)
    assert found.seconds == (0, 10e-6, 20e-6, 30e-6, 70e-6)
    assert (found.peak, found.peak_module) == (12, "a.b")
    assert [call.name for call in found.calls] == ["a", "a.b", "c"]
    assert [call.name for call in found.outermost()] == ["a", "c"]
    assert [[call.name for call in found.outermost(block)] for block in found.calls] == [["a.b"], [], []]
    assert read_timeline(EVENTS, "cuda").peak == 99


class Doubling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.twice = Twice()

    def forward(self, clips: Tensor) -> Tensor:
        return self.twice(clips) * 2


class Twice(nn.Module):
    def forward(self, clips: Tensor) -> Tensor:
        once = clips * 2
        return torch.cat((once, once))


def test_the_peak_is_that_of_the_tensors_that_live_at_once() -> None:
    """One of the size of the clips and one of twice that; then two of twice that."""
    clips = (2, 2, 3, 16, 8)
    found = memory_timeline(Doubling(), shape=clips)
    size = 4 * math.prod(clips)
    # The numbers that a tensor is multiplied by are tensors of some bytes while it is.
    levels = dict.fromkeys(round(live / size) for live in found.live)
    assert list(levels) == [0, 1, 3, 2, 4]
    assert (found.peak // size, found.peak_module) == (4, "")
    assert [call.name for call in found.outermost()] == ["twice"]
