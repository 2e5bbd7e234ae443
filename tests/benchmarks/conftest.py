"""What all benchmarks of kernels share: as many rounds and threads each time, and what a reader must know of a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from reidbench import machine

ROUNDS = 30
"""Fixed: pytest-benchmark's own number follows from the first calls, and takes for ever where a machine gets busy."""

WARM_UP = 3


@pytest.fixture
def kernel(benchmark: Any) -> Iterator[Callable[..., Any]]:
    """Times a call and returns what it returned, noting what must be alike in times that are compared."""
    before = torch.get_num_threads()
    torch.set_num_threads(machine.physical_cores())
    benchmark.extra_info["machine"] = machine.name()
    benchmark.extra_info["threads"] = torch.get_num_threads()
    benchmark.extra_info["versions"] = machine.versions()

    def timed(run: Callable[[], Any], *, setup: Callable[[], None] | None = None) -> Any:
        return benchmark.pedantic(run, setup=setup, rounds=ROUNDS, warmup_rounds=WARM_UP)

    try:
        yield timed
    finally:
        torch.set_num_threads(before)
