"""Time budgets, run with `pytest tests/benchmarks --benchmark-only`; on a busy machine they mean nothing."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from reidbench import registry
from reidbench.profiling.latency import inference, interleave
from reidbench.statistics import ratio_interval
from reidbench.store import machines

ROOT = Path(__file__).resolve().parents[2]
START_UP_SECONDS = 0.5
REPORT_SECONDS = {1: 3.0, 10: 5.0}
"""Seconds that the report of so many tables may take where their figures lie there, as they do after a run."""

COPY = """\"\"\"Table 2 under another name.\"\"\"

from reidbench.suites import table2

SUITE = table2.SUITE
"""


@pytest.mark.parametrize("command", ["--help", "list"])
def test_starts_without_waiting(command: str, benchmark: Any) -> None:
    def start() -> None:
        subprocess.run([sys.executable, "bench.py", command], cwd=ROOT, check=True, capture_output=True)

    benchmark.pedantic(start, rounds=5, warmup_rounds=1)
    assert benchmark.stats.stats.median < START_UP_SECONDS


def test_bicnet_tks_against_its_reference(benchmark: Any) -> None:
    """One clip at the paper's scale: less than half of the operations must at least not take longer."""
    names = ("baseline", "bicnet_tks")
    runs = {name: inference(registry.build(name), (1, 8, 3, 256, 128)) for name in names}
    timings = benchmark.pedantic(lambda: interleave(runs, rounds=8), rounds=1)
    ratio = ratio_interval(timings.seconds["bicnet_tks"], timings.seconds["baseline"])
    benchmark.extra_info["latency_ratio"] = ratio.value
    benchmark.extra_info["interval"] = (ratio.low, ratio.high)
    benchmark.extra_info["milliseconds"] = {name: 1e3 * statistics.median(timings.seconds[name]) for name in names}
    benchmark.extra_info["threads"] = torch.get_num_threads()
    assert ratio.value < 1


@pytest.mark.parametrize("tables", REPORT_SECONDS)
@pytest.mark.parametrize("figures", ["drawn", "missing"])
def test_a_report_in_all_formats(tables: int, figures: str, tmp_path: Path, benchmark: Any) -> None:
    """From the committed records, several tables being copies of Table 2 under other names."""
    names = [f"copy{i}" for i in range(tables)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(COPY)
    plugins = [part for name in names for part in ("--plugin", f"{tmp_path / name}.py")]
    place = ["--results", "results", "--machine", machines(ROOT / "results")[0], "--seeds", "3"]
    formats = ["--format", "md", "html", "latex", "pdf", "--out", str(tmp_path / "out")]

    def report() -> None:
        command = [sys.executable, "bench.py", "report", *names, *plugins, *place, *formats]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    def remove() -> None:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)

    if figures == "drawn":
        report()
    benchmark.pedantic(report, setup=remove if figures == "missing" else None, rounds=3 if figures == "drawn" else 1)
    written = next((tmp_path / "out").glob("*.md")).read_text()
    assert "hold a complete and up-to-date value" in written and "table cells 0 hold" not in written
    if figures == "drawn":
        assert benchmark.stats.stats.median < REPORT_SECONDS[tables]
