"""CUDA graphs without a GPU: what is captured on the CPU is computed anew by a replay, in a memory that graphs share.

As on a GPU, the replay of one graph writes over what another of its memory holds, nothing can be read while a graph is
captured, and a memory whose capture was refused takes no other.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def install(patch: pytest.MonkeyPatch) -> None:
    """Stands in for what `runtimes` asks of `torch.cuda`."""
    pools: dict[int, list[Graph]] = {}
    recording: set[int] = set()

    def new_pool() -> int:
        pools[len(pools)] = []
        return len(pools) - 1

    @contextlib.contextmanager
    def capture(graph: Graph, pool: int) -> Iterator[None]:
        if pool in recording:
            raise RuntimeError(f"beginAllocateToPool: already recording to mempool_id {pool}")
        recording.add(pool)
        with graph:
            yield
        recording.remove(pool)  # not where it was refused: there torch never comes to it
        graph.others = pools[pool]
        graph.others.append(graph)

    patch.setattr(torch.cuda, "graph_pool_handle", new_pool)
    patch.setattr(torch.cuda, "graph", capture)
    patch.setattr(torch.cuda, "CUDAGraph", Graph)
    patch.setattr(torch.cuda, "Stream", Stream)
    patch.setattr(torch.cuda, "current_stream", Stream)
    patch.setattr(torch.cuda, "set_stream", lambda stream: None)
    patch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())


class Stream:
    """Knows what it has waited for: all that was done on another before its event, or before it was waited for."""

    def __init__(self) -> None:
        self.done: set[object] = set()

    def wait_stream(self, other: Stream) -> None:
        self.done |= other.done

    def wait_event(self, event: Event) -> None:
        self.done |= event.done

    def record_event(self) -> Event:
        return Event(self.done)


class Event:
    def __init__(self, done: set[object]) -> None:
        self.done = {*done, self}
        done.add(self)


class Graph(TorchDispatchMode):
    """The calls of a capture, with what each gave."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self.others: list[Graph] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default):
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        found = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, found))
        return found

    def replay(self) -> None:
        for other in self.others:
            other.lose()
        with torch.inference_mode():
            for func, args, kwargs, found in self.calls:
                again = func(*args, **kwargs)
                for held, new in zip(tree_leaves(found), tree_leaves(again), strict=True):
                    if isinstance(held, Tensor) and held.data_ptr() != new.data_ptr():
                        held.copy_(new)

    @functools.cached_property
    def made(self) -> list[Tensor]:
        """What it computed in the memory of its graphs: weights and clips lie elsewhere."""
        given: set[int] = set()
        found: dict[int, Tensor] = {}
        for _, args, kwargs, outs in self.calls:
            given |= {place(each) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)} - found.keys()
            tensors = [each for each in tree_leaves(outs) if isinstance(each, Tensor)]
            found |= {place(each): each for each in tensors if place(each) not in given}
        return list(found.values())

    def lose(self) -> None:
        """Another graph computes in the memory of what this one made."""
        with torch.inference_mode():
            for each in self.made:
                each.fill_(torch.nan) if each.is_floating_point() else each.zero_()


def place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
