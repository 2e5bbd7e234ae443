"""Time budgets, run with `pytest tests/benchmarks --benchmark-only`; on a busy machine they mean nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reidbench import registry
from reidbench.profiling.latency import inference, interleave
from reidbench.retrieval.features import Features
from reidbench.retrieval.metrics import evaluate
from reidbench.spec import Protocol
from reidbench.statistics import ratio_interval

ROOT = Path(__file__).resolve().parents[2]
START_UP_SECONDS = 0.5
SCORING_SECONDS_A_QUERY = 0.01


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


@pytest.mark.parametrize("gallery", [1_000, 5_000, 12_180])
def test_scoring_against_the_product_alone(gallery: int, benchmark: Any) -> None:
    """200 queries, as many dimensions and up to as many tracklets as MARS: what ranking adds to the distances."""
    everyone = _features(gallery, np.random.default_rng(0))
    queries = Features(*(value[:200] for value in vars(everyone).values()))
    runs = {
        "scoring": lambda: evaluate(queries, everyone, Protocol()),
        "product": lambda: queries.vectors @ everyone.vectors.T,
    }
    timings = benchmark.pedantic(lambda: interleave(runs, rounds=8, warmup=1), rounds=1)
    ratio = ratio_interval(timings.seconds["scoring"], timings.seconds["product"])
    benchmark.extra_info["over_product"] = ratio.value
    benchmark.extra_info["interval"] = (ratio.low, ratio.high)
    assert statistics.median(timings.seconds["scoring"]) < SCORING_SECONDS_A_QUERY * len(queries)


def _features(count: int, generator: np.random.Generator) -> Features:
    vectors = generator.standard_normal((count, 2048), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Features(vectors, generator.integers(1, 600, count), generator.integers(1, 7, count), np.full(count, ""))
