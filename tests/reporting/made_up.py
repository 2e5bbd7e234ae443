"""A made-up suite with made-up records: none of these numbers was measured."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats

from reidbench.data.splits import Splits, split_of
from reidbench.files import write_text
from reidbench.planning.plan import Plan, Request
from reidbench.recipes import Preset, Recipe
from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import Code, Document, Items, Paragraph, Picture, Section, Tabular
from reidbench.reporting.figures import draw_figures
from reidbench.reporting.report import single_report
from reidbench.reporting.tables.table import assemble
from reidbench.spec import Cell, Column, Protocol, Published, Quantity, Record, Row, Suite
from reidbench.store import Store

QUANTITIES = {
    "accuracy": {
        name: Quantity(title, "%", "higher", 1, 100.0, about, "mean", "ap", "", "identity", where)
        for name, title, about, where in (
            ("mAP", "mAP", "mean average precision; 37 with no twin resolved", ""),
            ("mAP_emblem", "mAP, emblem twins", "", "factor:emblem"),
            ("mAP_tempo", "mAP, tempo twins", "", "factor:tempo"),
            ("mAP_occluded", "mAP, occluded", "", "occluded"),
        )
    },
    "complexity": {
        "gflops": Quantity("GFLOPs/frame", "G", "lower", 2, 1e-9, "ptflops' pytorch backend"),
        "params": Quantity("Params", "M", "lower", 1, 1e-6, "without the classifier"),
    },
    "latency": {
        "latency": Quantity("Latency", "ms", "lower", 1, 1e3, "one clip", "median", "seconds"),
        "ratio": Quantity("Latency ratio", "x", "lower", 2, 1.0, "to the reference", "ratio", "seconds", "reference"),
    },
    "throughput": {"throughput": Quantity("Throughput", "frames/s", "higher", 1, 1.0, "best", "median", "per_second")},
}
RECIPE = Recipe(size=(64, 32), steps=600, schedule="cosine", trunk="synthetic")
COLUMNS = (
    Column("accuracy.mAP", "mAP"),
    Column("accuracy.mAP_emblem"),
    Column("accuracy.mAP_tempo"),
    Column("complexity.gflops", "gflops"),
    Column("complexity.params", "params"),
    Column("latency.latency"),
    Column("latency.ratio"),
    Column("latency.latency", settings={"device": "cuda"}),
)


def _row(name: str, width: int, gflops: str, params: str, mean_ap: str) -> Row:
    values = {"gflops": gflops, "params": params, "mAP": mean_ap}
    return Row(name, "toy", {"width": width}, (Published(values, "mars", "Table 2"),))


ROWS = (
    _row("Small", 1, "1.02", "23.5", "80.7"),
    _row("Base", 4, "4.08", "23.5", "85.2"),
    _row("Full", 2, "1.99", "29.2", "86.0"),
)
SUITE = Suite("A made-up suite", ROWS, COLUMNS, "Base", "Nobody, Table 2", ablation=True)
MEAN_AP = {"Small": 0.40, "Base": 0.55, "Full": 0.57}
GFLOPS = {"Small": 1.02e9, "Base": 4.08e9, "Full": 2.0e9}
PARAMS = {"Small": 23.5e6, "Base": 23.5e6, "Full": 29.27e6}
SECONDS = {"Small": 0.1, "Base": 0.4, "Full": 0.26}
PEOPLE = np.repeat(np.arange(40), 4)


@dataclass
class Bench:
    """A plan over `SUITE` and the store that its records go to."""

    store: Store
    seeds: int = 1
    rows: tuple[Row, ...] = ROWS
    dataset: dict = field(default_factory=lambda: {"name": "synthetic", "fingerprint": "f00d", "options": {}})
    source: str = "now"
    splits: Splits = field(default_factory=Splits)
    focus: str = ""

    def cell(self, row: Row, column: Column, seed: int = 0, split: int = 0, **changes) -> Cell:
        settings = {"shape": [1, 8, 3, 256, 128]}
        if column.measurement == "accuracy":
            protocol = Protocol().identity
            own = (
                {"fingerprint": f"f{split}", "options": {"split": split}, "splits": self.splits.count} if split else {}
            )
            dataset = {**self.dataset, **own}
            settings = {
                "recipe": RECIPE.but(row.recipe).identity,
                "dataset": dataset,
                "protocol": protocol,
                "device": "cpu",
            }
            settings |= {"seed": seed}
        elif column.measurement == "latency":
            settings |= {"device": "cpu", "precision": "fp32", "threads": 2, "backend": "eager"}
        settings |= changes
        return Cell(row.name, column.measurement, row.model, row.options, settings, self.source)

    @property
    def plan(self) -> Plan:
        cells, absent = {}, {}
        for index, column in enumerate(SUITE.columns):
            for row in self.rows:
                if column.settings.get("device") == "cuda":
                    absent[row.name, index] = "no CUDA GPU on this machine"
                elif row.model:
                    trained = column.measurement == "accuracy"
                    splits = self.splits.numbers if trained and self.splits.numbers else (0,)
                    seeds = range(self.seeds if trained else 1)
                    cells[row.name, index] = tuple(self.cell(row, column, s, k) for k in splits for s in seeds)
        preset = Preset("quick", "made up for a test", RECIPE, "synthetic", seeds=self.seeds)
        suite = replace(SUITE, rows=self.rows, focus=self.focus)
        return Plan("made_up", suite, preset, Request(), cells, absent, splits=self.splits)

    def save(self, cell: Cell, status: str = "ok", error: str = "", **context) -> Record:
        values, samples = _content(cell) if status == "ok" else ({}, {})
        record = Record(
            cell=cell.identity,
            key=cell.key,
            row=cell.row,
            status=status,
            values=values,
            samples=samples,
            context=context,
            machine=self.store.name,
            versions={"python": "3.11.0", "torch": "2.9.0"},
            started="2026-01-01T00:00:00",
            seconds=1.0,
            error=error,
        )
        self.store.save(record)
        return record

    def calibrate(self, noise: float = 0.02) -> None:
        """Says how far nine sessions on the CPU lay apart, all rows together against the reference row."""
        medians = noise * stats.zscore(np.arange(9.0), ddof=1)
        log_ratios = {row: [[median] for median in medians] for row in ("one", "other")}
        found = {"about": {"device": "cpu"}, "log_ratios": log_ratios}
        write_text(self.store.folder / "calibration.json", json.dumps(found))

    def save_all(self, *, without: str = "") -> None:
        for cell in self.plan.all_cells():
            if cell.row != without:
                self.save(cell)


def _content(cell: Cell) -> tuple[dict, dict]:
    seed = cell.settings.get("seed", 0)
    split = split_of(cell.settings) or 0
    noise = np.random.default_rng([seed, len(cell.row), ord(cell.row[0]), *([split] if split else [])])
    if cell.measurement == "accuracy":
        easy = np.random.default_rng(0).normal(scale=0.15, size=40)[PEOPLE]
        emblem = (PEOPLE < 20).astype(float)
        told = 0.02 * (2 * emblem - 1) if cell.row == "Full" else 0
        values = MEAN_AP[cell.row] + told + easy + 0.01 * seed + noise.normal(scale=0.05, size=len(PEOPLE))
        people = np.random.default_rng(split).permutation(80)[PEOPLE] if split else PEOPLE
        samples = {"ap": np.clip(values, 0, 1), "identity": people.astype(float), "factor:emblem": emblem}
        samples |= {"factor:tempo": 1 - emblem, "occluded": PEOPLE % 2, "floor": np.where(emblem == 1, 0.2, 0.3)}
        return {}, {name: [round(float(x), 6) for x in column] for name, column in samples.items()}
    if cell.measurement == "complexity":
        return {"gflops": GFLOPS[cell.row], "params": PARAMS[cell.row]}, {}
    drift = np.linspace(1, 1.3, 20)
    reference = SECONDS["Base"] * drift
    own = reference if cell.row == "Base" else SECONDS[cell.row] * drift * noise.normal(1, 0.01, 20)
    return {}, {"seconds": [float(x) for x in own], "reference": [float(x) for x in reference], "warmup": [1.0]}


def document_of(bench: Bench, folder: Path, *, figures: bool = False) -> Document:
    """The report of the made-up suite; its figures go to `folder`."""
    table = assemble(bench.plan, bench.store)
    drawn = draw_figures(table, folder / "made_up", printed=True) if figures else []
    return single_report(table, bench.store.machine(), drawn, "python bench.py report made_up")


HOSTILE = "<script>alert(1)</script> & \"q\" 'a' {x} $y_1$ 50% #2 ~^\\ [z] *b* | `c`"
"""A name that means something in every format a report is written in."""


def hostile_document(folder: Path) -> Document:
    """A document in which every text is hostile."""
    path = folder / "picture.png"
    Image.new("RGB", (8, 8), "white").save(path)
    block = Block(HOSTILE, (HOSTILE, "x"), ((HOSTILE, "1.0 ± 0.1"), ("b", HOSTILE)), frozenset({(0, 1)}), (HOSTILE,))
    parts = (
        Paragraph(HOSTILE),
        Items((HOSTILE,)),
        Tabular((block,)),
        Picture(path, HOSTILE, HOSTILE),
        Code(HOSTILE),
    )
    return Document(HOSTILE, (Section(HOSTILE, parts),))
