"""From features to a table: ranks, intervals, reading records, assembling and writing a table.

The records are made up, so that the work is the same at every commit: none of these numbers was measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reidbench import registry
from reidbench.clusters import mean_interval, paired_difference
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.reporting.tables.table import assemble
from reidbench.reporting.tables.terminal import terminal_text
from reidbench.retrieval.features import Features
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Cell, Record
from reidbench.statistics import ratio_interval
from reidbench.store import Store

IDENTITIES = 600
QUERIES = 2_000
"""About as many as MARS has."""

pytestmark = pytest.mark.benchmark(group="reporting", disable_gc=True)


def features(count: int) -> Features:
    """So many vectors of unit length, of random persons under six cameras."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, 2048), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identities = rng.integers(1, IDENTITIES + 1, count)
    groups = (identities // 4).astype(str)
    clothes, names = np.full(count, ""), np.arange(count).astype(str)
    return Features(vectors, identities, rng.integers(1, 7, count), groups, clothes, names)


@pytest.mark.parametrize(("protocol", "gallery"), [("release", 5_000), ("euclidean", 5_000), ("reranked", 1_000)])
def test_ranks(protocol: str, gallery: int, kernel: Any) -> None:
    """Metrics of 100 queries."""
    everyone = features(gallery)
    queries = everyone.take(slice(100))
    kernel(lambda: evaluate(queries, everyone, PROTOCOLS[protocol]))


@pytest.mark.parametrize("interval", ["mean over queries", "paired difference", "ratio"])
def test_intervals(interval: str, kernel: Any) -> None:
    """Of three seeds over 600 persons, or of 50 rounds."""
    rng = np.random.default_rng(0)
    people = rng.integers(IDENTITIES, size=QUERIES)
    a, b = rng.random((2, 3, QUERIES))
    times = 1 + 0.01 * rng.standard_normal((2, 50))
    runs = {
        "mean over queries": lambda: mean_interval(a[0], people),
        "paired difference": lambda: paired_difference(a, b, people),
        "ratio": lambda: ratio_interval(*times),
    }
    kernel(runs[interval])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    """The plan of Table 2 with three seeds, and a store that has made-up records of all its cells."""
    store = Store(tmp_path_factory.mktemp("results"), "made-up")
    plan = make_plan("table2", registry.suite("table2"), Request(seeds=3), store)
    for cell in plan.all_cells():
        store.save(made_up(cell))
    return plan, store


def made_up(cell: Cell) -> Record:
    """A record with all that the quantities of its measurement need: of queries 300 readings, of rounds 15."""
    rng = np.random.default_rng(int(cell.key, 16))
    values: dict[str, float] = {}
    samples: dict[str, list[float]] = {}
    for field, quantity in registry.measurements()[cell.measurement].quantities.items():
        if quantity.statistic == "value":
            values[field] = float(rng.random() + 0.5)
        count = 300 if quantity.by else 15
        samples |= {name: (0.5 + rng.random(count)).tolist() for name in (quantity.sample, quantity.over) if name}
        samples |= {quantity.by: np.arange(300.0).tolist()} if quantity.by else {}
        samples |= {quantity.where: np.ones(300).tolist()} if quantity.where else {}
    return Record(
        cell.identity, cell.key, cell.row, "ok", values, samples, {}, "made-up", {}, "2026-01-01T00:00:00+00:00", 1.0
    )


def test_record_loading(recorded: tuple[Plan, Store], kernel: Any) -> None:
    plan, store = recorded
    found = kernel(store.records)
    assert len(found) == len(plan.all_cells())


def test_report_table(recorded: tuple[Plan, Store], kernel: Any) -> None:
    """Table 2 from its records to the text on a terminal."""
    plan, store = recorded
    text = kernel(lambda: terminal_text(assemble(plan, store), 100))
    assert "BiCnet-TKS" in text
