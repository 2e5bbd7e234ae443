"""What one worker process is to do, after what, beside how many others, and in which environment. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reidbench import machine, registry
from reidbench.discovery.importing import child_environment
from reidbench.spec import Cell, Places, canonical_json

KEEP_FREED_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**26),
}
"""For training and timing on a CPU: glibc gives large blocks back to the system at each step otherwise. That takes a
quarter of the time, and of a clip's time more or less of it by how the memory lies, which differs between sessions."""

IN_WORKER = "REIDBENCH_IN_WORKER"
"""The variable that is set in a worker's environment, where no suite can be run: its plugins are imported there."""

ON_ONE_GPU = 4
"""Processes side by side that read peaks of memory on a GPU: torch counts each process's own, about one GB."""


@dataclass(frozen=True)
class Job:
    """Cells for one worker process, to be measured or, in a `trial`, to have their models tried before that."""

    cells: tuple[Cell, ...]
    mode: str
    needs_training: bool
    trial: bool = False

    @property
    def phase(self) -> int:
        """0: costs that do not depend on time, and trials; 1: timings, alone on the machine; 2: training."""
        return 2 if self.needs_training else int(self.mode == "interleaved")

    @property
    def on_gpu(self) -> bool:
        """Whether it computes on the GPU."""
        return self.cells[0].settings.get("device") == "cuda"

    @property
    def turn(self) -> tuple[bool, bool, int]:
        """What runs with it, and after what: training last, what needs the GPU first, and of that the timings.

        Who has a GPU for some minutes so loses the least to their end.
        """
        return self.needs_training, not self.on_gpu, -self.phase if self.on_gpu else self.phase

    @property
    def trains_on_gpu(self) -> bool:
        """Whether it wants a GPU for itself, and any will do."""
        return self.on_gpu and self.needs_training

    @property
    def concurrency(self) -> int:
        """How many such jobs may run side by side: one that is timed, or trains on a GPU, else some or many."""
        if self.phase == 1 or self.trains_on_gpu:
            return 1
        return min(ON_ONE_GPU, machine.physical_cores()) if self.on_gpu else machine.physical_cores()


def make_jobs(cells: Iterable[Cell]) -> list[Job]:
    """Groups cells into jobs by the mode of their measurement: alone, a batch, or interleaved.

    Interleaved are those whose settings differ in nothing but the shape of the clips.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        mode = registry.measurements()[cell.measurement].mode
        shared = {name: value for name, value in cell.settings.items() if name != "shape"}
        own = {"alone": cell.key, "batch": "", "interleaved": canonical_json(shared)}[mode]
        groups.setdefault(f"{cell.measurement} {own}", []).append(cell)
    jobs = []
    for group in groups.values():
        measurement = registry.measurements()[group[0].measurement]
        jobs.append(Job(tuple(group), measurement.mode, measurement.needs_training))
    return jobs


def environment(job: Job, places: Places, gpu: str = "") -> dict[str, str]:
    """The environment of a job's worker: where things lie, its threads, and what glibc does with freed memory.

    With `gpu` it sees that one alone, named as CUDA_VISIBLE_DEVICES does it.
    """
    found = child_environment(**places.environment(), **{IN_WORKER: "1"})
    if gpu:
        found["CUDA_VISIBLE_DEVICES"] = gpu
    threads = 0 if job.trial else job.cells[0].settings.get("threads", 1)
    if threads:
        found.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)))
    if job.phase > 0 and job.cells[0].settings.get("device") == "cpu":
        found.update(KEEP_FREED_MEMORY)
    return found
