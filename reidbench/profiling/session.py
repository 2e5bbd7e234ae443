"""The rows that one process measures together: built, checked against each other and against the memory, described."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from reidbench import machine, registry
from reidbench.profiling.latency import Run, is_out_of_memory
from reidbench.spec import Cell, UserError, canonical_json


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """A cell's model with random weights, the same ones every time, in evaluation mode. Raises UserError."""
    torch.manual_seed(0)
    model: nn.Module = registry.build(name, **options)
    return model.eval()


def build_rows(cells: Sequence[Cell]) -> tuple[dict[str, nn.Module], list[Exception]]:
    """The models by their cell's key, and why the others could not be built: one bad row must not cost the session."""
    models: dict[str, nn.Module] = {}
    failures: list[Exception] = []
    for cell in cells:
        try:
            models[cell.key] = build(cell.model, cell.options)
        except UserError as error:
            failures.append(UserError(f"{cell.row}: {error}"))
    return models, failures


def drop_misfits(runs: dict[str, Run], cells: Sequence[Cell], device: str) -> list[Exception]:
    """Tries every run once and takes out those that run out of memory; returns what to raise for their cells."""
    rows = {cell.key: cell.row for cell in cells}
    failures: list[Exception] = []
    for name, run in list(runs.items()):
        try:
            run()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            del runs[name]
            failures.append(MemoryError(f"{rows.get(name, name)}: one clip does not fit on {device}"))
    return failures


def reference_key(cells: Sequence[Cell]) -> str:
    """The key of the cell that is the reference row, or a name of its own where that row is not among the cells."""
    wanted = cells[0].settings["reference"]
    for cell in cells:
        own = {"model": cell.model, "options": cell.options, "shape": cell.settings["shape"]}
        if all(canonical_json(value) == canonical_json(wanted[name]) for name, value in own.items()):
            return cell.key
    return "reference"


@dataclass
class Conditions:
    """Under which a session ran: torch's threads, and the cores that other processes used meanwhile, on average.

    `other_load` is known at the session's end. Above a small fraction of a core its times are not to be trusted.
    """

    threads: int
    other_load: float = 0.0


@contextlib.contextmanager
def conditions(threads: int) -> Iterator[Conditions]:
    """Sets torch's threads for a session, puts the earlier number back, and watches what else the machine does."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    found = Conditions(torch.get_num_threads())
    busy, own, clock = machine.busy_seconds(), time.process_time(), time.perf_counter()
    try:
        yield found
    finally:
        others = (machine.busy_seconds() - busy) - (time.process_time() - own)
        found.other_load = round(max(0.0, others / (time.perf_counter() - clock)), 2)
        torch.set_num_threads(before)


def context(cells: Sequence[Cell], under: Conditions) -> dict[str, Any]:
    """What a reader of a record needs to know of the session that the rows shared."""
    shared: dict[str, Any] = {"peers": [cell.row for cell in cells], **asdict(under)}
    if torch.device(cells[0].settings["device"]).type == "cuda":
        shared["tf32_convolutions"] = torch.backends.cudnn.allow_tf32
        shared["tf32_products"] = torch.get_float32_matmul_precision() != "highest"
        shared["cudnn_benchmark"] = torch.backends.cudnn.benchmark
    return shared
