"""The rows that one process measures together: built, checked against each other and against the memory, described."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from reidbench import registry
from reidbench.profiling.latency import Run, is_out_of_memory
from reidbench.spec import Cell, UserError, canonical_json


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """A cell's model with random weights, the same ones every time, in evaluation mode.

    JSON has no tuples: a list among the options was one. Raises UserError as `registry.build` does.
    """
    torch.manual_seed(0)
    model: nn.Module = registry.build(name, **{option: _tuples(value) for option, value in options.items()})
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
        if cell.model == wanted["model"] and canonical_json(cell.options) == canonical_json(wanted["options"]):
            return cell.key
    return "reference"


@contextlib.contextmanager
def threads(count: int) -> Iterator[int]:
    """Sets torch's threads, gives the number it took, and puts the earlier one back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def context(cells: Sequence[Cell], threads: int) -> dict[str, Any]:
    """What a reader of a record needs to know of the session that the rows shared."""
    shared: dict[str, Any] = {"peers": [cell.row for cell in cells], "threads": threads}
    if torch.device(cells[0].settings["device"]).type == "cuda":
        shared["tf32_convolutions"] = torch.backends.cudnn.allow_tf32
        shared["tf32_products"] = torch.get_float32_matmul_precision() != "highest"
        shared["cudnn_benchmark"] = torch.backends.cudnn.benchmark
    return shared


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
