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

from reidbench import machine

ROUNDS = 30
"""Fixed: pytest-benchmark's own number follows from the first calls, and takes for ever where a machine gets busy."""

WARM_UP = 3

TOLD: dict[str, list[str]] = {}
"""What was found, by the first line of the file that compared."""


@pytest.fixture
def tell(benchmark: Any, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells a line on what a comparison found."""

    def told(line: str) -> None:
        print(f"\n{line}", end="")
        benchmark.extra_info.setdefault("told", []).append(line)
        TOLD.setdefault(request.module.__doc__.partition("\n")[0], []).append(line)

    return told


def pytest_sessionfinish() -> None:
    if TOLD and (page := os.environ.get("REIDBENCH_SPEED_PAGE")):
        Path(page).write_text(speed_page())


def speed_page() -> str:
    """What was told, with the machine and the versions that it holds of."""
    facts = [f"{name} {value}" for name, value in machine.describe().items() if value]
    versions = [f"{name} {value}" for name, value in machine.versions().items() if value]
    lines = [
        "# Speed, side by side",
        "",
        "Ratios of medians, taken in turns in one process; in brackets their 95 % intervals. Written by",
        "`REIDBENCH_SPEED_PAGE=docs/speed.md pytest tests/benchmarks --benchmark-only`.",
        "",
        f"On {machine.name()} ({', '.join(facts)}), {machine.now()[:10]}; {', '.join(versions)}.",
    ]
    for about, told in TOLD.items():
        lines += [
            "",
            f"## {about.rstrip('.:')}",
            "",
            *(line if line.startswith("  - ") else f"- {line}" for line in told),
        ]
    return "\n".join(lines) + "\n"


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
