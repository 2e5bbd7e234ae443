"""Which module is at work: what is told when each module of a model starts and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def calls_watched(model: nn.Module, enter: Callable[[str], None], leave: Callable[[str], None]) -> Iterator[None]:
    """Calls `enter(name)` before and `leave(name)` after each call of each module ("" is the model), until the end."""

    def before(name: str) -> Callable[..., None]:
        return lambda *_: enter(name)

    def after(name: str) -> Callable[..., None]:
        return lambda *_: leave(name)

    handles: list[Any] = []
    try:
        for name, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(before(name)))
            handles.append(module.register_forward_hook(after(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def modules_marked(model: nn.Module) -> Iterator[None]:
    """Gives each call of a module a span of its name in a trace; the model's own is called `model`."""
    open_spans: list[Any] = []

    def enter(name: str) -> None:
        span = torch.profiler.record_function(name or "model")
        span.__enter__()
        open_spans.append(span)

    def leave(_: str) -> None:
        open_spans.pop().__exit__(None, None, None)

    with calls_watched(model, enter, leave):
        yield
