"""Scoring: what ranking adds to the distances.

Run it with `pytest tests/benchmarks/test_ranking_speed.py --benchmark-only -s`.

The gallery of a million, whose features are made on disk (8 GB), comes with REIDBENCH_NIGHTLY=1.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain_scoring import in_set, plain_scores
from speed_page import Tell, with_interval

from reidbench.profiling.latency import interleave
from reidbench.retrieval.features import Features
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.random_features import random_features
from reidbench.spec import Protocol
from reidbench.statistics import ratio_interval

MARS = (1_980, 11_310)
"""Queries, and the gallery with the distractors."""

DIMENSION = 2048
MARS_TABLE = "Scoring at the size of MARS, mAP, CMC and mINP"
SOME = 20
"""Queries that the plain loop is given; it takes as long for each."""

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


@pytest.fixture(scope="module")
def mars(tmp_path_factory: pytest.TempPathFactory) -> tuple[Features, Features]:
    """Directions drawn at random, for which ranking is dearest: nothing is told apart, so every entry counts."""
    query, gallery = random_features(tmp_path_factory.mktemp("mars") / "gallery.npy", *MARS, DIMENSION)
    return query, gallery.take(np.ones(len(gallery), bool))


def test_mars_against_the_product_alone(mars: tuple[Features, Features], benchmark: Any, tell: Tell) -> None:
    query, gallery = mars
    runs = {
        "scoring": lambda: evaluate(query, gallery, Protocol()),
        "product": lambda: query.vectors @ gallery.vectors.T,
    }
    timings = benchmark.pedantic(lambda: interleave(runs, rounds=8, warmup=1), rounds=1)
    ratio = ratio_interval(timings.seconds["scoring"], timings.seconds["product"])
    benchmark.extra_info["over_product"] = ratio.value
    tell(MARS_TABLE, against="the matrix product alone", times_as_long=with_interval(ratio))
    assert ratio.value < 1.5


def test_mars_against_the_plain_loop(mars: tuple[Features, Features], benchmark: Any, tell: Tell) -> None:
    """A query's time in the loop against a query's time; both make the distances too."""
    query, gallery = mars
    some = query.take(slice(SOME))
    runs: dict[str, Callable[[], object]] = {
        "scoring": lambda: evaluate(query, gallery, Protocol()),
        "loop": lambda: plain_scores(some, gallery),
        "loop with sets": lambda: plain_scores(some, gallery, in_set),
    }
    timings = benchmark.pedantic(lambda: interleave(runs, rounds=5, warmup=1), rounds=1)
    medians = {name: statistics.median(seconds) for name, seconds in timings.seconds.items()}
    each = medians.pop("scoring") / len(query)
    times = {name: median / SOME / each for name, median in medians.items()}
    benchmark.extra_info["times_as_fast"] = times
    for name, ratio in times.items():
        tell(MARS_TABLE, against=f"the plain {name}", times_as_fast=f"{ratio:.0f}")
    scores, (mean_ap, cmc) = evaluate(some, gallery, Protocol()), plain_scores(some, gallery)
    assert np.nanmean(scores.ap) == pytest.approx(mean_ap, abs=1e-6)
    assert (scores.first[scores.valid] == 1).mean() == pytest.approx(cmc[0])
    assert times["loop"] > 40


def test_cost_over_the_gallerys_size(tmp_path: Path, benchmark: Any, tell: Tell) -> None:
    """256 queries: seconds at each size, which should grow as the gallery does."""
    sizes = SIZES if os.environ.get("REIDBENCH_NIGHTLY") else SIZES[:3]
    seconds = {}

    def measure() -> None:
        for size in sizes:
            query, gallery = random_features(tmp_path / "gallery.npy", 256, size, DIMENSION)
            evaluate(query.take(slice(8)), gallery, Protocol())
            began = time.perf_counter()
            evaluate(query, gallery, Protocol())
            seconds[size] = time.perf_counter() - began

    benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info["seconds"] = seconds
    for size, spent in seconds.items():
        tell("Scoring 256 queries", gallery=f"{size:,}", seconds=f"{spent:.2f}")
    each = {size: spent / size for size, spent in seconds.items()}
    assert max(each.values()) < 3 * min(each.values())
