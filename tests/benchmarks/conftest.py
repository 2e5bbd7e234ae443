"""What benchmarks share: rounds and threads of kernels, and where what a comparison found is told.

It is printed (`-s`), kept with the benchmark, and, where REIDBENCH_SPEED_PAGE names a file, written there as Markdown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from speed_page import TOLD, Tell, speed_page

from reidbench import machine

ROUNDS = 30
"""Fixed: pytest-benchmark's own number follows from the first calls, and takes for ever where a machine gets busy."""

WARM_UP = 3


@pytest.fixture
def tell(benchmark: Any) -> Tell:
    """Tells a row of a table on what a comparison found: `tell("Scoring", against="the product", ratio="1.3")`."""

    def told(table: str, **columns: str) -> None:
        print(
            "\n" + ", ".join((table, *(f"{name.replace('_', ' ')} {text}" for name, text in columns.items()))), end=""
        )
        benchmark.extra_info.setdefault("told", []).append({"table": table, **columns})
        TOLD.setdefault(table, []).append(columns)

    return told


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if TOLD and exitstatus == 0 and (page := os.environ.get("REIDBENCH_SPEED_PAGE")):
        Path(page).write_text(speed_page(page, on_gpu=any(item.path.stem == "test_on_gpu" for item in session.items)))


@pytest.fixture
def kernel(benchmark: Any) -> Iterator[Callable[..., Any]]:
    """Times a call and returns what it returned, noting what must be alike in times that are compared."""
    before = torch.get_num_threads()
    torch.set_num_threads(machine.physical_cores())
    benchmark.extra_info["machine"] = machine.name()
    benchmark.extra_info["threads"] = torch.get_num_threads()
    benchmark.extra_info["versions"] = machine.versions()

    def timed(run: Callable[[], Any]) -> Any:
        return benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=WARM_UP)

    try:
        yield timed
    finally:
        torch.set_num_threads(before)
