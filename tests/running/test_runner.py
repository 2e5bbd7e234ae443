"""The runner: every cell ends in a record, whatever its worker does, and only what is missing runs again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from launching import none_left

from reidbench import registry
from reidbench.experiments.weights import weights_file
from reidbench.files import write_text
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.running import jobs, runner
from reidbench.running.jobs import Job, make_jobs
from reidbench.running.runner import Runner
from reidbench.spec import Cell, Record
from reidbench.store import Store

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = '''"""A suite whose measurements misbehave on request."""
import os, sys, time
from pathlib import Path
from reidbench.registry import measurement, model
from reidbench.spec import Column, Outcome, Quantity, Row, Suite, UserError

@model()
def toy(*, classes=0, does="well"):
    """Does what it is told."""
    return does

def act(cell, folder=os.environ.get("TOY_FOLDER", "")):
    if folder:
        with open(Path(folder) / "runs", "a") as file:
            file.write(cell.row + "\\n")
    does = cell.options["does"]
    if does == "prints":
        print("garbage {not json")
        os.write(1, b"more garbage\\n")
    if does == "raises":
        raise ValueError("of two\\nlines")
    if does == "colours":
        raise ValueError("\x1b[31mred\x1b[0m")
    if does == "commands":
        return Outcome({"length": 4.0}, context={"note": "\x1b[2J"})
    if does == "names":
        raise UserError("toy.jpg: damaged frame")
    if does == "dies":
        os.kill(os.getpid(), 9)
    if does == "eats":
        raise MemoryError
    if does == "waits":
        time.sleep(60)
    if does.startswith("meets"):
        here = os.environ["CUDA_VISIBLE_DEVICES"]
        mine, busy = (Path(folder) / (state + here) for state in ("came to ", "busy "))
        mine.touch()
        busy.touch(exist_ok=False)
        wanted = [Path(folder) / ("came to " + name) for name in does.split()[1:]]
        for _ in range(600):
            if all(path.exists() for path in wanted):
                break
            time.sleep(0.05)
        else:
            raise TimeoutError("nobody came")
        busy.unlink()
        return Outcome({"length": 1.0}, context={"gpu": here})
    if does == "errs":
        return Outcome({"lenght": 4.0})
    lacking = {"not_installed": ["counter"]} if does == "lacks" else {}
    return Outcome({"length": float(len(does))}, context=lacking)

@measurement(quantities={"length": Quantity("length", "", "lower")}, mode="batch")
def toybatch(cells, progress):
    """One after the other."""
    for cell in cells:
        progress(cell, 1, 2, "half")
        yield cell, act(cell)

@measurement(quantities={"seconds": Quantity("time", "s", "lower", statistic="median", sample="seconds")},
             mode="interleaved")
def toytime(cells, progress):
    """Side by side."""
    for cell in cells:
        if cell.options["does"] != "fails":
            act(cell)
    for cell in cells:
        failed = ValueError(f"{cell.row} alone") if cell.options["does"] == "fails" else None
        yield cell, failed or Outcome(samples={"seconds": [1.0, 2.0, 3.0]})

@measurement(quantities={"length": Quantity("length", "", "lower")}, mode="alone", needs_training=True, version=3)
def toytrained(cells, progress):
    """As if trained."""
    for cell in cells:
        yield cell, act(cell)

@measurement(quantities={"length": Quantity("length", "", "lower")}, mode="alone")
def toyalone(cells, progress):
    """One in each process."""
    for cell in cells:
        yield cell, act(cell)

rows = tuple(Row(name, "toy", {"does": name}) for name in ROWS)
SUITE = Suite("Toys", rows, tuple(Column(name) for name in COLUMNS), "well")
'''


class Watcher:
    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []

    def state(self, cell: Cell, state: str, record: Record | None = None) -> None:
        self.states.append((cell.row, state))

    def progress(self, cell: Cell, done: int, total: int, note: str) -> None:
        assert (done, total, note) == (1, 2, "half")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TOY_FOLDER", str(tmp_path))
    store = Store(tmp_path / "results", "here")
    added: list[Path] = []

    def plan(*rows: str, column: str = "toybatch.length") -> tuple[Plan, Store]:
        path = tmp_path / "toys.py"
        text = PLUGIN.replace("ROWS", repr(("well", *rows))).replace("COLUMNS", repr((column,)))
        path.write_text(text)
        registry.add_plugin(path)
        added.append(path)
        return make_plan("toys", registry.suite("toys"), Request(), store), store

    yield plan
    for path in added:
        registry._plugins.remove(path)
    for name in ("toybatch", "toytime", "toytrained", "toyalone"):
        registry.MEASUREMENTS.pop(name, None)
    for find in (registry.models, registry.datasets, registry.suite_paths, registry.model_source):
        find.cache_clear()
    for name in [name for name in sys.modules if name.startswith("reidbench_plugin_toys")]:
        del sys.modules[name]


def run(plan: Plan, store: Store, **options: bool) -> tuple[dict[str, str], Runner]:
    runner = Runner(store, Watcher())
    runner.run([plan], **options)
    return {record.row: record.status for record in store.records()}, runner


def runs(tmp_path: Path) -> list[str]:
    return (tmp_path / "runs").read_text().split()


def test_records_come_and_only_what_is_missing_runs_again(make, tmp_path: Path) -> None:
    plan, store = make("prints")
    assert run(plan, store)[0] == {"well": "ok", "prints": "ok"}
    record = store.load(plan.cells["well", 0][0])
    assert record and record.values == {"length": 4.0} and record.machine == "here" and record.versions["python"]
    run(plan, store)
    assert runs(tmp_path) == ["well", "prints"]
    run(plan, store, fresh=True)
    assert runs(tmp_path) == ["well", "prints"] * 2


def test_a_record_says_what_its_backend_ran_with_and_what_else_may_have_changed_it(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    plan, store = make()
    plain = plan.cells["well", 0][0]
    on_backend = replace(plain, settings={**plain.settings, "backend": "openvino"})
    run(replace(plan, cells={("well", 0): (plain, on_backend)}), store)
    without, having = store.load(plain), store.load(on_backend)
    assert without and having and "openvino" not in without.versions
    for package in ("openvino", "nncf", "onnx", "onnxscript"):
        assert having.versions[package] == version(package)
    assert having.versions["CUDA_LAUNCH_BLOCKING"] == "1"


def test_kept_weights_last_until_everything_is_measured_again(make) -> None:
    plan, store = make(column="toytrained.length")
    cell = plan.cells["well", 0][0]
    assert cell.settings["version"] == 3
    assert cell.settings["training"] == registry.measurements()["accuracy"].version
    file = weights_file(cell)
    write_text(file, "weights")
    run(plan, store)
    assert file.exists()
    run(plan, store, fresh=True)
    assert not file.exists()


FAULTS = {
    "raises": ("failed", "ValueError: of two lines; log: "),
    "names": ("failed", "toy.jpg: damaged frame; log: "),
    "dies": ("failed", "was ended by SIGKILL"),
    "eats": ("out-of-memory", "MemoryError"),
    "colours": ("failed", "ValueError: \\x1b[31mred\\x1b[0m; log: "),
    "commands": ("failed", "cannot be recorded (a text with control characters); log: "),
    "errs": ("failed", "cannot be recorded (toybatch declares length, and gave lenght); log: "),
}


def test_a_cell_that_fails_costs_itself_alone_and_is_tried_again(make, tmp_path: Path) -> None:
    plan, store = make(*FAULTS, "prints")
    states, runner = run(plan, store)
    assert states == {"well": "ok", "prints": "ok", **{does: status for does, (status, _) in FAULTS.items()}}
    told = {failure.row: failure.error for failure in runner.failures}
    assert len(runner.failures) == len(FAULTS) and told.keys() == FAULTS.keys()
    for does, (_, error) in FAULTS.items():
        assert error in told[does]
    run(plan, store)
    assert Counter(runs(tmp_path)) == {"well": 1, "prints": 1, **dict.fromkeys(FAULTS, 2)}


def test_what_lacked_a_package_is_measured_again_once_that_is_there(
    make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = make("lacks")
    run(plan, store)
    run(plan, store)
    assert runs(tmp_path) == ["well", "lacks"]
    monkeypatch.setattr(runner, "is_installed", lambda package: package == "counter")
    run(plan, store)
    assert runs(tmp_path) == ["well", "lacks", "lacks"]


@pytest.mark.parametrize(("does", "status"), [("prints", "ok"), ("dies", "failed")])
def test_interleaved_rows_share_one_worker_and_its_fate(make, does: str, status: str) -> None:
    plan, store = make(does, column="toytime.seconds")
    assert len(make_jobs(plan.all_cells())) == 1
    assert run(plan, store)[0] == {"well": status, does: status}


def test_what_needs_the_gpu_comes_first_and_its_times_before_its_memory(make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a GPU for some minutes loses the least so; where there is none, counts come before times.

    Before all of it models are tried, whatever they are measured on later.
    """
    plan, store = make("one", column="toyalone.length")
    cell = plan.all_cells()[0]
    asked = [
        *(("toytrained", "cpu"), ("toytime", "cpu"), ("toyalone", "cpu"), ("toybatch", "")),
        *(("toytrained", "cuda"), ("toyalone", "cuda"), ("toytime", "cuda")),
    ]
    named = {
        ("x", i): (replace(cell, measurement=name, settings={**cell.settings, "device": device}),)
        for i, (name, device) in enumerate(asked)
    }
    found: list[tuple[int, list[str]]] = []

    def note(self: Runner, jobs: list[Job]) -> None:
        cells = [cell for job in jobs for cell in job.cells]
        found.append((jobs[0].concurrency, [f"{cell.measurement} {cell.settings['device']}" for cell in cells]))

    monkeypatch.setattr(runner.machine, "physical_cores", lambda: 16)
    monkeypatch.setattr(Runner, "_run_side_by_side", note)
    monkeypatch.setattr(runner, "cells_to_try", lambda cells: [c for c in reversed(cells) if "alone" in c.measurement])
    run(replace(plan, cells=named), store)
    assert found == [
        (jobs.ON_ONE_GPU, ["toyalone cuda", "toyalone cpu"]),
        (1, ["toytime cuda"]),
        (jobs.ON_ONE_GPU, ["toyalone cuda"]),
        (16, ["toyalone cpu", "toybatch "]),
        (1, ["toytime cpu"]),
        (1, ["toytrained cuda"]),
        (16, ["toytrained cpu"]),
    ]


def test_trainings_are_shared_out_to_the_gpus_that_are_given(make) -> None:
    """Two rows wait each until the other GPU has one, too; the third comes after, for a GPU has one at a time."""
    plan, store = make("meets 5 GPU-b", "meets GPU-b 5", "meets", column="toytrained.length")
    named = {
        place: tuple(
            replace(cell, settings={**cell.settings, "device": "cuda"}) for cell in cells if cell.row != "well"
        )
        for place, cells in plan.cells.items()
    }
    runner = Runner(store, Watcher(), ("5", "GPU-b"))
    runner.run([replace(plan, cells=named)])
    found = {record.row: record.context["gpu"] for record in store.records() if record.status == "ok"}
    assert len(found) == 3 and not runner.failures
    assert {found["meets 5 GPU-b"], found["meets GPU-b 5"]} == {"5", "GPU-b"}


def test_an_error_that_comes_with_a_cell_is_that_cells_alone(make) -> None:
    plan, store = make("fails", "prints", column="toytime.seconds")
    states, found = run(plan, store)
    assert states == {"well": "ok", "fails": "failed", "prints": "ok"}
    (failure,) = found.failures
    assert failure.error.startswith("ValueError: fails alone; log: ")
    log = Path(failure.error.partition("log: ")[2])
    assert "ValueError: fails alone" in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_keeps_records_and_leaves_no_worker(make, tmp_path: Path, number: int) -> None:
    make("waits")
    process = _toys_at_their_second_cell(tmp_path, number, subprocess.PIPE)
    with none_left([process]):
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    assert "interrupted" in said and "Traceback" not in said
    _ended_well(process, tmp_path)


def test_a_terminal_that_is_closed_interrupts_although_nothing_can_be_told_there(
    make, tmp_path: Path, monkeypatch
) -> None:
    make("waits")
    monkeypatch.setenv("TERM", "dumb")  # on which no table moves, so that nobody need read what comes
    terminal, screen = os.openpty()
    process = _toys_at_their_second_cell(tmp_path, signal.SIGHUP, screen)
    with none_left([process]):
        os.close(screen)
        os.close(terminal)
        process.send_signal(signal.SIGHUP)
        process.wait(timeout=60)
    _ended_well(process, tmp_path)


def _toys_at_their_second_cell(folder: Path, number: int, errors: int) -> subprocess.Popen[str]:
    """A run whose first cell is recorded, and that minds a signal even where the tests ignore it, as under nohup."""
    command = [sys.executable, "bench.py", "toys", "--plugin", str(folder / "toys.py"), "--results"]
    process = subprocess.Popen(
        [*command, str(folder / "results"), "--machine", "here"],
        cwd=ROOT,
        stderr=errors,
        text=True,
        preexec_fn=partial(signal.signal, number, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (folder / "runs").is_file() or "waits" not in runs(folder):
        if time.monotonic() > deadline:
            process.kill()
        assert process.poll() is None, "the second cell never started"
        time.sleep(0.05)
    assert _worker_pids(folder)
    return process


def _ended_well(process: subprocess.Popen[str], folder: Path) -> None:
    assert process.returncode == 130
    kept = [json.loads(path.read_text())["row"] for path in (folder / "results").rglob("toybatch/*.json")]
    assert kept == ["well"]
    assert not _worker_pids(folder)


def test_what_lies_in_the_working_folder_is_not_imported(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "statistics.py").write_text("raise RuntimeError('of the user')")
    monkeypatch.chdir(tmp_path)
    states, _ = run(*make())
    assert states == {"well": "ok"}


def _worker_pids(folder: Path) -> list[str]:
    """Worker processes of a run that was told of this folder; other runs on the machine have theirs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            surroundings = (path.parent / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"reidbench.running.worker" in words and f"TOY_FOLDER={folder}".encode() in surroundings:
            found.append(path.parent.name)
    return found
