"""A small suite with hand-made records of two versions of its code: none of these numbers was measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.planning.plan import Plan, Request
from reidbench.presets import PRESETS
from reidbench.spec import Cell, Column, Protocol, Record, Row, Suite
from reidbench.store import Store

ROWS = (Row("Base", "baseline"), Row("Slim", "baseline", {"width": 32}))
COLUMNS = (
    Column("accuracy.mAP"),
    Column("complexity.params"),
    Column("latency.latency"),
    Column("latency.ratio"),
    Column("throughput.throughput"),
    Column("memory.peak"),
)
SUITE = Suite("A made-up suite", ROWS, COLUMNS, "Base")
VERSIONS = {"python": "3.11.0", "torch": "2.13.0"}
PEOPLE = np.repeat(np.arange(80.0), 4)
SHAPE = [1, 8, 3, 256, 128]


@dataclass
class Code:
    """One version of the code: the hash of its models, where it keeps its records, and how its rows behave.

    `slower` multiplies the seconds of Slim, `params` its parameters, `memory` its bytes; `ap` is added to its average
    precisions. `scatter` is the noise of a reading, as a standard deviation of its logarithm, and `drift` multiplies
    the seconds of all rows but the reference row. The code of the rows `kept` has the hash "kept" whatever `source` is.
    """

    store: Store
    source: str = "old"
    slower: float = 1.0
    params: float = 1e6
    memory: float = 4e8
    ap: float = 0.0
    scatter: float = 0.02
    rounds: int = 15
    seeds: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Row] = ROWS
    kept: Collection[str] = ()
    drift: float = 1.0

    def source_of(self, name: str) -> str:
        return "kept" if name in self.kept else self.source

    def cell(self, row: Row, column: Column, seed: int = 0) -> Cell:
        settings: dict[str, Any] = {"shape": SHAPE, "version": 1}
        if column.measurement == "accuracy":
            settings = {"recipe": PRESETS["quick"].recipe.identity, "protocol": asdict(Protocol()), "version": 1}
            settings |= {"dataset": {"name": "synthetic", "fingerprint": "f00d"}, "device": "cpu", "seed": seed}
        elif column.measurement != "complexity":
            settings |= {"device": "cpu", "precision": "fp32", "threads": 2}
        if column.measurement == "latency":
            settings["reference"] = {"model": "baseline", "options": {}, "source": self.source_of("Base")}
        settings |= self.settings
        return Cell(row.name, column.measurement, row.model, row.options, settings, self.source_of(row.name))

    @property
    def plan(self) -> Plan:
        cells = {
            (row.name, index): tuple(self.cell(row, column, seed) for seed in range(self.seeds_of(column)))
            for index, column in enumerate(COLUMNS)
            for row in self.rows
        }
        return Plan("made_up", replace(SUITE, rows=tuple(self.rows)), PRESETS["quick"], Request(), cells, {})

    def seeds_of(self, column: Column) -> int:
        return self.seeds if column.measurement == "accuracy" else 1

    def save(self, *, only: Sequence[str] = (), session: int = 0, status: str = "ok", error: str = "") -> None:
        """Saves records of all cells, or of some measurements; each session draws its own noise."""
        for cell in self.plan.all_cells():
            if not only or cell.measurement in only:
                values, samples = self._content(cell, session) if status == "ok" else ({}, {})
                self.store.save(self._record(cell, values, samples, session, status, error))

    def _record(self, cell: Cell, values: dict, samples: dict, session: int, status: str, error: str) -> Record:
        context = {"peers": [row.name for row in self.rows], "other_load": 0.0}
        started = f"2026-01-0{session + 1}T00:00:00+00:00"
        known = (self.store.name, VERSIONS, started, 1.0, error)
        return Record(cell.identity, cell.key, cell.row, status, values, samples, context, *known)

    def _content(self, cell: Cell, session: int) -> tuple[dict, dict]:
        slim = cell.row == "Slim"
        number = [row.name for row in self.rows].index(cell.row)
        noise = np.random.default_rng([session, ord(self.source[0]), number, cell.settings.get("seed", 0)])
        if cell.measurement == "complexity":
            return {"params": self.params if slim else 2e6}, {}
        if cell.measurement == "memory":
            return {"peak": self.memory if slim else 5e8}, {}
        if cell.measurement == "accuracy":
            easy = np.random.default_rng(0).normal(0.6, 0.15, 80)[PEOPLE.astype(int)]
            values = easy + self.ap * slim + noise.normal(0, 0.004) + noise.normal(0, 0.02, len(PEOPLE))
            return {}, {"ap": [float(x) for x in values], "identity": [float(x) for x in PEOPLE]}
        pace = (0.2 * self.slower if slim else 0.3) * self.drift
        seconds = pace * np.exp(noise.normal(0, self.scatter, self.rounds))
        shared = np.random.default_rng([session, ord(self.source[0]), 0, 0])
        reference = 0.4 * np.exp(shared.normal(0, self.scatter, self.rounds))
        own = [float(x) for x in (seconds if cell.row != "Base" else reference)]
        if cell.measurement == "throughput":
            rates = [8 / x for x in own]
            return {"batch": 1.0}, {f"seconds_batch_{b}": [b * x for x in own] for b in (1, 2)} | {
                "frames_per_second": rates
            }
        return {}, {"seconds": own, "per_frame": [x / 8 for x in own], "reference": [float(x) / 8 for x in reference]}


def two_sides(
    folder: Path, rows: Sequence[Row] = ROWS, kept: Collection[str] = (), **changes: Any
) -> tuple[Code, Code]:
    """The code that runs now, with some changes, and its baseline, each with all its records in a store of its own."""
    old = Code(Store(folder / "there", "machine"), rows=rows, kept=kept)
    new = replace(old, store=Store(folder / "here", "machine"), source="new", **changes)
    old.save()
    new.save()
    return new, old
