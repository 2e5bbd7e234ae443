"""What a model costs: operations, latency, throughput, memory. Imports torch only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from reidbench import machine
from reidbench.deployment.backends import is_installed
from reidbench.measurements import RUN, Outcomes, Progress
from reidbench.registry import measurement
from reidbench.spec import Cell, Outcome, Quantity

if TYPE_CHECKING:
    from reidbench.profiling.complexity import Complexity
    from reidbench.profiling.latency import Run, Timings
    from reidbench.profiling.throughput import Sweep

COUNTER_OF = {"macs": "torch", "macs_fvcore": "fvcore", "gflops": "ptflops", "macs_aten": "ptflops_aten"}
"""The counter behind each quantity of `complexity`."""

LATENCY_ROUNDS = 15
LATENCY_SECONDS = 20.0
"""Rounds of a latency session at least, and the seconds up to which more are made."""

BATCH = "seconds_batch_"
"""What the names of a throughput's samples begin with that are seconds of a batch of so many clips."""

THROUGHPUT_SECONDS = 8.0
"""Seconds of a row's own readings after which it stops doubling the batch, though that may still gain."""


@measurement(
    mode="batch",
    needs=(),
    hears=(),
    quantities={
        "params": Quantity("Params", "M", "lower", 2, 1e-6, "parameters without the classifier"),
        "macs": Quantity(
            "MACs/frame",
            "G",
            "lower",
            3,
            1e-9,
            "convolutions and matrix products, attention's too (torch FlopCounterMode/2, on meta tensors)",
        ),
        "macs_fvcore": Quantity(
            "MACs/frame (fvcore)", "G", "lower", 3, 1e-9, "fvcore: the same, and 2 an element of BN"
        ),
        "macs_aten": Quantity("MACs/frame (ptflops aten)", "G", "lower", 3, 1e-9, "ptflops' aten backend: biases too"),
        "gflops": Quantity(
            "GFLOPs/frame",
            "G",
            "lower",
            2,
            1e-9,
            "MACs, BN, ReLU and pooling (ptflops pytorch), beside the paper's GFLOPs",
        ),
        "dimension": Quantity("Feature", "", "lower", 0, about="length of a clip's feature"),
    },
)
def complexity(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Parameters, and multiply-accumulates a frame by four counters with the modules they disagree on."""
    from reidbench.profiling import session
    from reidbench.profiling.complexity import count

    for done, cell in enumerate(cells):
        progress(cell, done, len(cells), "counting")
        found = count(session.build(cell.model, cell.options), cell.settings["shape"])
        values = {"params": float(found.parameters), "dimension": float(found.dimension)}
        for name, counter in COUNTER_OF.items():
            macs = found.per_frame(counter)
            if macs is not None:
                values[name] = macs
        progress(cell, done + 1, len(cells), f"{values['macs'] / 1e9:.3f} GMAC a frame")
        yield cell, Outcome(values, context=_counting_context(found))


@measurement(
    mode="interleaved",
    needs=("device", "backend", "reference"),
    hears=RUN,
    quantities={
        "latency": Quantity("Latency", "ms", "lower", 1, 1e3, "one clip; median over the rounds", "median", "seconds"),
        "per_frame": Quantity(
            "Latency/frame", "ms", "lower", 2, 1e3, "one clip, by its frames; median", "median", "per_frame"
        ),
        "ratio": Quantity(
            "Latency ratio",
            "x",
            "lower",
            2,
            1.0,
            "a frame's time to the reference row's, in pairs",
            "ratio",
            "per_frame",
            "reference",
        ),
    },
    version=4,
)
def latency(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Seconds a clip and a frame, the rows taking turns round by round, with the ratio to the suite's reference row."""
    from reidbench.profiling import session
    from reidbench.profiling.latency import interleave
    from reidbench.profiling.load import Load

    settings = cells[0].settings
    device = settings["device"]
    load = Load()
    with session.threads_of(settings["threads"]) as threads:
        subjects, failures = session.subjects(cells)
        reference, shapes = session.add_reference(subjects, cells)
        runs, refused = session.start_all(subjects, shapes, device)
        failures |= refused | session.drop_misfits(runs, device)
        if reference not in runs:
            raise session.lacks_reference(failures[reference])

        def after_round(done: int, timings: Timings) -> None:
            total = max(done, LATENCY_ROUNDS)
            for cell in cells:
                if cell.key in timings.seconds:
                    progress(cell, done, total, f"{timings.seconds[cell.key][-1] * 1e3:.0f} ms")

        timings = interleave(
            runs, rounds=LATENCY_ROUNDS, budget=LATENCY_SECONDS, device=device, load=load, after_round=after_round
        )
    for cell in cells:
        if cell.key in timings.seconds:
            samples = {
                "seconds": timings.seconds[cell.key],
                "per_frame": [seconds / shapes[cell.key][1] for seconds in timings.seconds[cell.key]],
                "reference": [seconds / shapes[reference][1] for seconds in timings.seconds[reference]],
                "warmup": timings.warmup[cell.key],
            }
            context = {"rounds": timings.rounds, **session.context(cells, threads, load)}
            yield cell, Outcome(samples=samples, context=context)
    yield from session.failed(failures, cells)


@measurement(
    mode="interleaved",
    hears=RUN,
    quantities={
        "throughput": Quantity(
            "Throughput",
            "frames/s",
            "higher",
            1,
            1.0,
            "at the best batch, read anew once it was chosen; median",
            "median",
            "frames_per_second",
        ),
        "batch": Quantity(
            "Best batch", "clips", "", 0, about="the fewest clips that come within 3 % of the highest rate"
        ),
    },
    # Not raised when the search began to try one more batch after a fall: a record shows where it ended.
    version=4,
)
def throughput(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Frames a second at the best of the batches 1, 2, 4, ..., the rows taking turns at each and at the best."""
    from reidbench.profiling import session
    from reidbench.profiling.load import Load
    from reidbench.profiling.throughput import sweep

    settings = cells[0].settings
    device = settings["device"]
    shapes = {cell.key: cell.settings["shape"] for cell in cells}
    load = Load()
    with session.threads_of(settings["threads"]) as threads:
        subjects, failures = session.subjects(cells)
        one_clip, refused = session.start_all(subjects, shapes, device)
        failures |= refused
        runs = {
            name: lambda batch, one=one, subject=subjects[name], clip=shapes[name][1:]: (
                one if batch == 1 else subject.start((batch, *clip))
            )
            for name, one in one_clip.items()
        }
        tried = 0

        def after_batch(batch: int, sweeps: Mapping[str, Sweep]) -> None:
            nonlocal tried
            tried += 1
            for cell in cells:
                if cell.key in sweeps:
                    progress(cell, tried, tried + 1, f"batch {batch}")

        frames = {name: shapes[name][1] for name in runs}
        sweeps = sweep(runs, frames, device=device, budget=THROUGHPUT_SECONDS, load=load, after_batch=after_batch)
    for cell in cells:
        found = sweeps.get(cell.key)
        if found and found.seconds:
            yield cell, _throughput_outcome(found, session.context(cells, threads, load))
        elif found:
            full = MemoryError(f"not even one clip of {found.frames} frames fits on {device}")
            failures[cell.key] = found.error or full
    yield from session.failed(failures, cells)


@measurement(
    mode="alone",
    needs=("device",),
    hears=RUN,
    quantities={
        "peak": Quantity(
            "Memory",
            "MB",
            "lower",
            0,
            1e-6,
            "peak of a fresh process for one clip (CPU: resident; CUDA: torch's allocator)",
        ),
        "added": Quantity(
            "Memory added", "MB", "lower", 0, 1e-6, "the peak less what was held before the model was built"
        ),
        "reserved": Quantity(
            "Memory reserved", "MB", "lower", 0, 1e-6, "peak that torch's allocator took from the GPU"
        ),
    },
)
def memory(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """Peak memory of a fresh process that builds the model and computes one clip."""
    from reidbench.profiling import session
    from reidbench.profiling.memory import peak_memory

    for cell in cells:
        progress(cell, 0, 1, "one clip")
        settings = cell.settings
        # Beforehand, so that the process which is measured loads the file and does not export it.
        session.file_of(cell)
        found = peak_memory(partial(_start, cell), device=settings["device"])
        values = {"peak": float(found.peak), "added": float(found.added)}
        if found.reserved:
            values["reserved"] = float(found.reserved)
        progress(cell, 1, 1, f"{found.peak / 1e6:.0f} MB")
        yield cell, Outcome(values, context={"before": found.before, **machine.gpu_facts(settings["device"])})


def _start(cell: Cell) -> Run:
    from reidbench.profiling import session

    return session.Subject.of(cell.model, cell.options, cell.settings).start(cell.settings["shape"])


def _counting_context(found: Complexity) -> dict[str, Any]:
    from reidbench.profiling.complexity import NOT_INSTALLED, disagreements

    lacking = {
        name: (counter, found.absent[counter]) for name, counter in COUNTER_OF.items() if counter in found.absent
    }
    packages = {counter.partition("_")[0] for counter, why in lacking.values() if why == NOT_INSTALLED}
    return {
        "lacking": {name: " ".join(reason) for name, reason in lacking.items()},
        "not_installed": sorted(package for package in packages if not is_installed(package)),
        "macs_per_clip": {name: counted.macs for name, counted in found.counts.items()},
        "absent": dict(found.absent),
        "uncounted": {name: list(counted.uncounted) for name, counted in found.counts.items() if counted.uncounted},
        "modules": found.modules(),
        "disagreements": [asdict(difference) for difference in disagreements(found)],
    }


def _throughput_outcome(found: Sweep, shared: Mapping[str, Any]) -> Outcome:
    samples = {f"{BATCH}{batch}": seconds for batch, seconds in found.seconds.items()}
    samples["frames_per_second"] = found.rates
    context = {"batches": list(found.seconds), "out_of_memory_at": found.out_of_memory or None, **shared}
    if found.cut:
        context["cut_after"] = THROUGHPUT_SECONDS
    if found.error:
        context["ended_by"] = " ".join(str(found.error).split())
    return Outcome({"batch": float(found.best)}, samples, context)
