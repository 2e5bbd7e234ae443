"""What a user waits for with Table 2, run with `pytest tests/benchmarks/test_table2.py --benchmark-only` (15 minutes).

The runs go to a folder of their own, with a cache of their own: the first includes writing the synthetic dataset.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table2")


@pytest.mark.parametrize(
    ("command", "budget"),
    [
        (["table2", "--only", "cost"], 120),
        (["table2", "--only", "accuracy"], 600),
        (["table2"], 5),
        (["report", "table2"], 3),
    ],
    ids=["cost columns", "accuracy columns", "second run, from records", "report"],
)
def test_budget(command: list[str], budget: float, folder: Path, benchmark: Any) -> None:
    """Seconds; the first two together are the whole first run, whose budget is 12 minutes."""
    environment = {**os.environ, "REIDBENCH_CACHE": str(folder / "cache")}

    def run() -> None:
        full = [sys.executable, "bench.py", *command, "--results", str(folder / "results")]
        subprocess.run(full, cwd=ROOT, env=environment, check=True, capture_output=True)

    benchmark.pedantic(run, rounds=1)
    assert benchmark.stats.stats.median < budget
