"""Made-up records of every cell of a real suite: none of these numbers was measured."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_up_pictures import content

from reidbench import machine, registry
from reidbench.files import write_text
from reidbench.measurements.formula import pixel_share
from reidbench.planning.plan import Request, make_plan
from reidbench.reporting.tables.table import Table, assemble
from reidbench.spec import Cell, Record
from reidbench.store import Store, _as_today

PEOPLE = np.repeat(np.arange(20), 4)
ROUNDS = 20
DRIFT = np.linspace(1, 1.3, ROUNDS)


class Kept(Store):
    """A store whose records stay in memory as they would be read: files take most of the time to fill a table."""

    def __init__(self, root: Path, machine_name: str) -> None:
        super().__init__(root, machine_name)
        self._kept: dict[str, Record] = {}

    def save(self, record: Record) -> Path:
        self._kept[record.key] = _as_today(record)
        return self.path(record)

    def load(self, cell: Cell) -> Record | None:
        return self._kept.get(cell.key)


def fill(
    store: Store,
    name: str,
    values: Callable[[Cell], float] = lambda _: 0.5,
    *,
    gpu: str = "",
    seeds: int = 2,
    rows: tuple[str, ...] = (),
) -> Table:
    about = {"cpu": "Imaginary 9000", "cores": 2, "memory_gib": 8, "gpu": gpu, "system": "Linux"}
    write_text(store.folder / "machine.json", json.dumps(about))
    plan = make_plan(name, registry.suite(name), Request(seeds=seeds, rows=rows), store)
    now = machine.now()  # read once: rows of one session have their beginning in common
    for cell in plan.all_cells():
        found = content(cell) or (*_content(cell, values(cell)), {})
        store.save(Record(cell.identity, cell.key, cell.row, "ok", *found, "made-up", {"torch": "2"}, now, 1.0))
    return assemble(plan, store)


def _content(cell: Cell, value: float) -> tuple[dict[str, float], dict[str, list[float]]]:
    if cell.measurement == "complexity":
        share = pixel_share(cell.options) if {"alpha", "shrink"} & set(cell.options) else 1.0
        names = ("macs", "macs_fvcore", "macs_aten", "gflops")
        return {**dict.fromkeys(names, 4.05e9 * share), "params": 23.5e6, "dimension": 2048.0}, {}
    if cell.measurement == "formula":
        share = pixel_share(cell.options)
        return {"predicted": share, "counted": 1.05 * share, "excess": 0.05}, {}
    if cell.measurement == "memory":
        return {"peak": 4e8, "added": 1e8}, {}
    if cell.measurement == "throughput":
        by_batch = {f"seconds_batch_{batch}": [value * batch**0.9, value * batch] for batch in (1, 2, 4)}
        return {"batch": 4.0}, {"frames_per_second": [10.0, 11.0, 12.0], **by_batch}
    if cell.measurement == "end_to_end":
        whole = value * DRIFT
        shares = {"decode": 0.1, "clips": 0.05, "network": 0.8, "pooling": 0.01, "search": 0.04}
        samples = {stage: share * whole for stage, share in shares.items()}
        samples |= {"total": whole, "outside": 0.2 * whole, "reference": 0.5 * DRIFT}
        return {}, {name: [float(x) for x in readings] for name, readings in samples.items()}
    if cell.measurement == "scoring":
        seconds = [1e-6 * cell.settings["gallery"] * x for x in (1.0, 1.1, 1.2)]
        samples = {"per_query": seconds, "scoring": seconds, "product": [0.9 * x for x in seconds]}
        return {"added": 3e8 + 24 * cell.settings["gallery"]}, samples
    if cell.measurement == "latency":
        frames = cell.settings["shape"][1]
        own = [float(x) for x in value * DRIFT]
        return {}, {
            "seconds": [frames * x for x in own],
            "per_frame": own,
            "reference": [float(x) for x in 0.5 * DRIFT],
        }
    return {}, _accuracy(cell, value)


def _accuracy(cell: Cell, value: float) -> dict[str, list[float]]:
    noise = np.random.default_rng([cell.settings.get("seed", 0), len(cell.row)])
    ap = np.clip(value + noise.normal(scale=0.02, size=len(PEOPLE)), 0, 1)
    emblem = (PEOPLE < 10).astype(float)
    names = ("ap", "top1", "top5", "top10", "top20", "inp", "twin_auc")
    samples = dict.fromkeys(names, ap) | {"identity": PEOPLE, "occluded": PEOPLE % 2}
    samples |= {"factor:emblem": emblem, "factor:tempo": 1 - emblem, "floor": np.full(len(PEOPLE), 0.3)}
    return {name: [round(float(x), 6) for x in column] for name, column in samples.items()}
