"""The rows that one process measures together: built, checked against each other and against the memory, described."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from torch import Tensor, nn

from reidbench import machine, registry
from reidbench.deployment import runtimes
from reidbench.deployment.backends import BACKENDS, EAGER, check_backend
from reidbench.deployment.files import size_of
from reidbench.deployment.network import Deployed, Infer, Network, clips_of
from reidbench.precision import PRECISIONS
from reidbench.profiling.artifact import artifact
from reidbench.profiling.latency import Run, check_device, inference, random_clips
from reidbench.profiling.load import Load
from reidbench.profiling.trial import check_module
from reidbench.resources import is_out_of_memory
from reidbench.spec import Cell, UserError, canonical_json

Made = TypeVar("Made")


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """A cell's model with random weights, the same ones every time, in evaluation mode. Raises UserError."""
    torch.manual_seed(0)
    model: nn.Module = registry.build(name, **options)
    check_module(name, model)
    return model.eval()


@dataclass(frozen=True)
class Subject:
    """A model with random weights as a backend is to run it; `module` where that takes the torch model itself."""

    model: str
    options: Mapping[str, Any]
    device: str
    precision: str
    backend: str
    module: nn.Module | None

    @classmethod
    def of(cls, model: str, options: Mapping[str, Any], settings: Mapping[str, Any]) -> Subject:
        """The model under a cell's settings. Raises UserError if it cannot be built or run so."""
        device, precision = settings["device"], settings["precision"]
        backend = check_backend(settings.get("backend", EAGER), device, precision)
        module = None if backend.format else build(model, options)
        return cls(model, options, device, precision, backend.name, module)

    def start(self, shape: Sequence[int]) -> Run:
        """A call that sends one fixed batch of clips `shape` = `[B, T, 3, H, W]` through it.

        Raises UserError where it cannot be exported.
        """
        if self.backend == EAGER:
            assert self.module is not None
            return inference(self.module, shape, device=self.device, precision=self.precision)
        clips = self._clips(shape)
        return partial(self._infer(clips), clips)

    def deploy(self, shape: Sequence[int]) -> nn.Module:
        """What stands in the model's place where it is used: one whose `feature` the backend gives.

        It takes clips of `shape` = `[B, T, 3, H, W]`, on the device, in `dtype`. Raises UserError likewise.
        """
        if self.backend == EAGER:
            assert self.module is not None
            check_device(self.device)
            return runtimes.prepared(self.module, self.device, self.precision)
        neck: nn.Module = build(self.model, self.options).neck  # type: ignore[assignment]
        return Deployed(self._infer(self._clips(shape)), neck.to(self.device), shape[0])

    @property
    def dtype(self) -> torch.dtype:
        """That of the clips which a deployed model is given; a backend itself rounds to its precision."""
        return PRECISIONS[self.precision] if self.backend == EAGER else torch.float32

    def _infer(self, clips: Tensor) -> Infer:
        """Starts a backend other than eager torch for clips of that shape."""
        name = BACKENDS[self.backend].format
        if name:
            file = artifact(self.model, self.options, clips.shape, name, self.precision)
            return runtimes.load(file, name, precision=self.precision)
        assert self.module is not None
        network = Network(self.module)
        return runtimes.in_torch(network, clips, device=self.device, precision=self.precision, backend=self.backend)

    def _clips(self, shape: Sequence[int]) -> Tensor:
        """What a backend is started for, and sent: contiguous for one that loads a file, else as the weights lie."""
        if self.module is None:
            return clips_of(shape)
        check_device(self.device)
        return random_clips(shape, 0, device=self.device, dtype=PRECISIONS[self.precision])


def file_of(cell: Cell) -> Path | None:
    """The file that a cell's backend loads, made where it is not there; None of one that takes the torch model."""
    settings = cell.settings
    backend = check_backend(settings.get("backend", EAGER), settings["device"], settings["precision"])
    if not backend.format:
        return None
    return artifact(cell.model, cell.options, settings["shape"], backend.format, settings["precision"])


def bytes_on_disk(cell: Cell) -> int:
    """Bytes of the file that a cell's backend loads; of one that takes the torch model, of its weights alone."""
    if file := file_of(cell):
        return size_of(file)
    weights = build(cell.model, cell.options).to(PRECISIONS[cell.settings["precision"]]).state_dict()
    return len(safetensors.torch.save({name: value.contiguous() for name, value in weights.items()}))


def subjects(cells: Sequence[Cell]) -> tuple[dict[str, Subject], dict[str, Exception]]:
    """The cells' models by key, and why the others could not be built: one bad row must not cost the session."""
    makes = {cell.key: partial(Subject.of, cell.model, cell.options, cell.settings) for cell in cells}
    return make_each(makes, cells[0].settings["device"])


def add_reference(found: dict[str, Subject], cells: Sequence[Cell]) -> tuple[str, dict[str, Sequence[int]]]:
    """Adds the reference row's model where no cell's stands for it; returns its name, and the shape of every model.

    Raises what `lacks_reference` makes of the reason where it cannot be built.
    """
    settings, name = cells[0].settings, reference_key(cells)
    wanted = settings["reference"]
    if name not in found:
        try:
            found[name] = Subject.of(wanted["model"], wanted["options"], settings)
        except Exception as error:
            raise lacks_reference(error) from error
    return name, {name: wanted["shape"], **{cell.key: cell.settings["shape"] for cell in cells}}


def failed(failures: Mapping[str, Exception], cells: Sequence[Cell]) -> Iterator[tuple[Cell, Exception]]:
    """The cells that failed, each with what it failed of."""
    yield from ((cell, failures[cell.key]) for cell in cells if cell.key in failures)


def lacks_reference(error: Exception) -> Exception:
    """What all rows fail of where the reference row did, of the kind that the worker tells apart."""
    kind = next((kind for kind in (UserError, MemoryError) if isinstance(error, kind)), RuntimeError)
    found: Exception = kind(f"the reference row: {' '.join(str(error).split())}")
    found.__cause__ = error
    return found


def start_all(
    found: Mapping[str, Subject], shapes: Mapping[str, Sequence[int]], device: str
) -> tuple[dict[str, Run], dict[str, Exception]]:
    """Every subject started on its shape, and what others failed of."""
    return make_each({name: partial(subject.start, shapes[name]) for name, subject in found.items()}, device)


def make_each(makes: Mapping[str, Callable[[], Made]], device: str) -> tuple[dict[str, Made], dict[str, Exception]]:
    """What can be made by name, and what the others failed of: whatever that is, it costs none but them."""
    made: dict[str, Made] = {}
    failures: dict[str, Exception] = {}
    for name, make in makes.items():
        try:
            made[name] = make()
        except Exception as error:
            # Its frames hold tensors, which the others need the memory of; the lines of the traceback stay.
            traceback.clear_frames(error.__traceback__)
            failures[name] = error
            if is_out_of_memory(error):
                failures[name] = MemoryError(f"one clip does not fit on {device}")
    return made, failures


def drop_misfits(runs: dict[str, Run], device: str) -> dict[str, Exception]:
    """Tries every run once and takes out those that fail, for want of memory, say; returns what they failed of."""
    _, failures = make_each(runs, device)
    for name in failures:
        del runs[name]
    return failures


def reference_key(cells: Sequence[Cell]) -> str:
    """The key of the cell that is the reference row, or a name of its own where that row is not among the cells."""
    wanted = cells[0].settings["reference"]
    for cell in cells:
        own = {"model": cell.model, "options": cell.options, "shape": cell.settings["shape"]}
        if all(canonical_json(value) == canonical_json(wanted[name]) for name, value in own.items()):
            return cell.key
    return "reference"


@contextlib.contextmanager
def threads_of(count: int) -> Iterator[int]:
    """Sets torch's threads for a session and puts the earlier number back; gives the number that it took."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def context(cells: Sequence[Cell], threads: int, load: Load) -> dict[str, Any]:
    """What a reader of a record needs to know of the session that the rows shared."""
    shared: dict[str, Any] = {"peers": [cell.row for cell in cells], "threads": threads, "other_load": load.cores}
    return shared | machine.gpu_facts(cells[0].settings["device"])
