"""What `profile` and `trace` do. Imports no torch before it is needed."""

from __future__ import annotations

import contextlib
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import machine, registry
from reidbench.commands.asked import accuracy_cell_of, clip_of, given_options, label_of, tried
from reidbench.commands.output import print_json
from reidbench.commands.suites import run
from reidbench.data.cache import cache_folder
from reidbench.deployment.backends import USUAL, check_backend, missing, not_in
from reidbench.files import alone, check_writable
from reidbench.program import install_command, program
from reidbench.reporting.reproduce import OF_BACKENDS_ALONE, PROFILE
from reidbench.spec import Column, Row, Suite, UserError, canonical_json

if TYPE_CHECKING:
    from rich.table import Table

FORMATS = (".png", ".svg")
DEPTH = 2
OF_A_BACKEND = ("latency.latency", "latency.ratio", "throughput.throughput", "memory.added", OF_BACKENDS_ALONE)
"""What `profile --backend` asks of each."""

TRAINED_ONLY = ("preset", "protocol", "dataset", "root", "dataset_options", "subset", "weights")
"""Options of `trace` that say how a model is trained."""


def profile(arguments: Namespace) -> int:
    """All costs of one model on the record, or what its modules cost and take."""
    if arguments.frames < 1:
        raise UserError(f"--frames {arguments.frames}: give a whole number above 0")
    if arguments.layers:
        if arguments.backend:
            raise UserError("--backend: not with --layers, which takes eager torch apart")
        return _layers(arguments)
    for option, given in (("--depth", arguments.depth is not None), ("--out", arguments.out)):
        if given:
            raise UserError(f"{option}: give it with --layers")
    if arguments.precision and not arguments.backend:
        raise UserError("--precision: give it with --layers or --backend; the other costs are fp32")
    return _costs(arguments)


def _costs(arguments: Namespace) -> int:
    """`profile` without --layers: every cost of one model, beside the suite `table2`'s reference row."""
    table2 = registry.suite("table2")
    reference = next(row for row in table2.rows if row.name == table2.reference)
    options = given_options(arguments)
    label = label_of(arguments.model, options)
    if arguments.frames != reference.frames:
        label = f"{label}, {arguments.frames} frames"
    rows = (reference, Row(label, arguments.model, options, frames=arguments.frames))
    own = {"precision": arguments.precision} if arguments.precision not in ("", "fp32") else {}
    backends = list(dict.fromkeys(arguments.backend))
    columns = _columns(table2, arguments.device, [{"backend": name, **own} for name in backends])
    suite = Suite(f"Costs of {label}", rows, columns, reference.name)
    return run({machine.slug("-".join([PROFILE, label, *backends, *own.values()])): suite}, arguments, trial=True)


def _columns(table2: Suite, device: str, ways: Sequence[Mapping[str, str]]) -> tuple[Column, ...]:
    """The costs that Table 2 shows, and those of each backend, by the settings that a suite's column has for it.

    Beside backends eager torch has its memory and size as theirs are measured. Raises UserError for a backend that is
    not known, does not compute so, here or anywhere, or is not installed.
    """
    where = {"device": device} if device != "cpu" else {}
    for way in ways:
        precision = way.get("precision", "fp32")
        backend = check_backend(way["backend"], device, precision)
        if lacking := missing(backend.packages, backend.extra) or not_in(backend.name, precision):
            raise UserError(f"--backend {backend.name}: {lacking}")
    asked = [Column(quantity, settings={**where, **way}) for way in ways for quantity in OF_A_BACKEND]
    beside = [Column(quantity, settings=where) for quantity in OF_A_BACKEND if ways]
    found: dict[str, Column] = {}
    for column in (*filter(partial(_measures_cost, device), table2.columns), *asked, *beside):
        settings = {**USUAL, **column.settings}
        found.setdefault(canonical_json([column.quantity, settings]), column)
    return tuple(found.values())


def _measures_cost(device: str, column: Column) -> bool:
    asked = column.settings.get("device", "cpu")
    return not registry.measurements()[column.measurement].needs_training and (asked == "cpu" or device == "cuda")


def trace(arguments: Namespace) -> int:
    """Writes a trace of inference or of training steps, and tells what takes longest in it."""
    if not arguments.train:
        for name in TRAINED_ONLY:
            if getattr(arguments, name) != arguments.parser.get_default(name):
                option = "--data" if name == "dataset_options" else f"--{name}"
                raise UserError(f"{option}: says how to train; give it with --train")
    return _trace_training(arguments) if arguments.train else _trace_inference(arguments)


def _layers(arguments: Namespace) -> int:
    depth = DEPTH if arguments.depth is None else arguments.depth
    if depth < 0:
        raise UserError(f"--depth {depth}: give 0 or more")
    picture = Path(arguments.out) if arguments.out else None
    if picture and picture.suffix not in FORMATS:
        raise UserError(f"--out {picture}: give a name that ends with {' or '.join(FORMATS)}")
    if picture:
        check_writable(picture.parent)
    options = given_options(arguments)
    label, precision = label_of(arguments.model, options), arguments.precision or "fp32"
    _quiet_profiler()
    from reidbench.profiling.layers import measure_layers
    from reidbench.profiling.load import Load
    from reidbench.profiling.peak import measure_peak
    from reidbench.profiling.session import threads_of
    from reidbench.profiling.timeline import memory_timeline
    from reidbench.reporting.answers.profile_text import layers_json, layers_notes, layers_table

    where: dict[str, Any] = {"device": arguments.device, "precision": precision}
    model = tried(arguments.model, options, arguments.frames)
    clips = clip_of(arguments.frames)
    load = Load()
    with _alone_in_timing(), threads_of(machine.physical_cores()), load.watched():
        layers = measure_layers(model, measure_peak(**where), shape=clips, **where)
        timeline = memory_timeline(model, shape=clips, **where)
    if picture:
        from reidbench.reporting.answers.layers_picture import draw_layers

        draw_layers(layers, timeline, label, picture)
    if arguments.json:
        print_json({"model": arguments.model, "options": options, **layers_json(layers, timeline)})
        return 0
    _print(layers_table(layers, depth, label), *layers_notes(layers, timeline))
    if load.cores > machine.most_load():
        print(f"other processes used {load.cores:.1f} cores meanwhile:")
        print("the times are too long, and the peak may be too low")
    if picture:
        print(f"written: {picture}")
    return 0


def _trace_inference(arguments: Namespace) -> int:
    options, precision = given_options(arguments), arguments.precision or "fp32"
    run = _run_name(arguments, options, "inference", precision)
    check_writable(Path(arguments.out) / run)
    _quiet_profiler()
    from reidbench.profiling.session import threads_of
    from reidbench.profiling.trace import trace_inference
    from reidbench.reporting.answers.profile_text import operators_table, trace_json

    model = tried(arguments.model, options)
    with _alone_in_timing(), threads_of(machine.physical_cores()):
        found = trace_inference(
            model, Path(arguments.out) / run, worker=run, device=arguments.device, precision=precision
        )
    if arguments.json:
        print_json(trace_json(found))
        return 0
    _print(operators_table(found))
    return _tell_how_to_open(found.file, arguments.out)


def _trace_training(arguments: Namespace) -> int:
    cell, places = accuracy_cell_of(arguments, 0)
    precision = arguments.precision or cell.settings["recipe"]["precision"]
    what = f"training-{arguments.preset}"
    run = _run_name(arguments, given_options(arguments), what, precision)
    check_writable(Path(arguments.out) / run)
    _quiet_profiler()
    from reidbench.experiments.step_report import begin, time_steps, trace_steps
    from reidbench.reporting.answers.profile_text import (
        operators_table,
        steps_json,
        steps_note,
        steps_table,
        trace_json,
    )

    training = begin(cell, places, precision)
    with _alone_in_timing():
        report = time_steps(*training)
        found = trace_steps(*begin(cell, places, precision), Path(arguments.out) / run, worker=run)
    if arguments.json:
        print_json({"step": steps_json(report), **trace_json(found)})
        return 0
    label = f"{label_of(arguments.model, given_options(arguments))}, preset {arguments.preset}, {precision}"
    _print(steps_table(report, label), steps_note(report), operators_table(found))
    return _tell_how_to_open(found.file, arguments.out)


@contextlib.contextmanager
def _alone_in_timing() -> Iterator[None]:
    """Waits until nothing else of this project is timed on this machine, and says so."""
    path = cache_folder() / "timing"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone(path, patience=0))
        except TimeoutError:
            print(f"{program()}: waiting for another run on this machine, which is timing", file=sys.stderr)
            stack.enter_context(alone(path))
        yield


def _run_name(arguments: Namespace, options: dict[str, Any], what: str, precision: str) -> str:
    """What TensorBoard calls the run: also the name of its folder."""
    return machine.slug(f"{label_of(arguments.model, options)} {what} {arguments.device} {precision}")


def _quiet_profiler() -> None:
    """Keeps the profiler's libraries, which read this when torch is imported, from telling on stderr what they do."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def _print(*parts: Table | str) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, markup=False)
    for part in parts:
        console.print(part)


def _tell_how_to_open(file: Path, folder: str) -> int:
    print(f"written: {file}")
    print(f"TensorBoard: {install_command('trace')}, tensorboard --logdir {folder}, tab PyTorch Profiler")
    print("Perfetto: open the file at https://ui.perfetto.dev (or at chrome://tracing)")
    return 0
