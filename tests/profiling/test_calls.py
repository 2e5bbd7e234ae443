"""What is told when modules start and end."""

from __future__ import annotations

import torch
from torch import nn

from reidbench.profiling.calls import calls_watched, modules_marked


def test_tells_of_every_call_in_order_and_leaves_nothing_behind() -> None:
    inner = nn.Sequential(nn.ReLU())
    model, told = nn.Sequential(inner, inner), list[tuple[str, str]]()
    with calls_watched(model, lambda name: told.append(("in", name)), lambda name: told.append(("out", name))):
        assert model(torch.ones(1)) == 1
    once = [("in", "0"), ("in", "0.0"), ("out", "0.0"), ("out", "0")]
    assert told == [("in", ""), *once, *once, ("out", "")]
    model(torch.ones(1))
    assert len(told) == 10
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_spans_of_a_trace_are_named_after_modules() -> None:
    model = nn.Sequential(nn.ReLU())
    with torch.profiler.profile() as profiler, modules_marked(model):
        model(torch.ones(1))
    names = [event.name for event in profiler.events() if event.is_user_annotation]
    assert names == ["model", "0"]
