"""Runs the missing cells of a plan in fresh worker processes and stores each record as it comes. Imports no torch."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from reidbench import machine, registry
from reidbench.data.cache import cache_folder
from reidbench.deployment.backends import is_installed, packages_of
from reidbench.environment import told
from reidbench.experiments.weights import forget
from reidbench.files import alone, refused, sweep_tree
from reidbench.planning.plan import Plan, all_cells
from reidbench.running.events import LONGEST, read_event
from reidbench.running.jobs import IN_WORKER, Job, environment, make_jobs
from reidbench.running.trials import cells_to_try
from reidbench.running.watching import Ending, Limits, Watch, Watched, kill_group
from reidbench.soundness import record_fault, tree_fault
from reidbench.spec import Cell, Outcome, Places, Record, UserError, printable
from reidbench.store import Store


class Display(Protocol):
    """What the runner tells whoever watches."""

    def state(self, cell: Cell, state: str, record: Record | None = None) -> None: ...
    def progress(self, cell: Cell, done: int, total: int, note: str) -> None: ...


SECONDS_TO_LEAVE = 10.0
"""What a worker that is asked to stop has for saving a training."""


@dataclass
class Runner:
    """One run of one or more plans.

    `failures` are the records of cells that did not succeed, in order of time; `stored` are those that it found and
    left as they were. Each of `gpus`, named as CUDA_VISIBLE_DEVICES does it, takes one training at a time; without any
    the first that torch sees does.
    """

    store: Store
    display: Display
    gpus: Sequence[str] = ()
    failures: list[Record] = field(default_factory=list)
    stored: list[Record] = field(default_factory=list)
    _processes: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False
    _fresh: bool = False
    _places: Places = field(default_factory=Places)
    _watch: Watch = field(init=False)

    def run(self, plans: Sequence[Plan], *, fresh: bool = False) -> None:
        """Measures what the store lacks, or everything where `fresh`. Failed cells are tried again.

        What several plans share is measured once, and what they time alike in one session; all have the same places.

        Raises UserError where records cannot be written, and in a worker, which a plugin would start without end;
        KeyboardInterrupt ends the workers and keeps all records.
        """
        if IN_WORKER in os.environ:
            raise UserError('runs a suite when it is imported; put that under `if __name__ == "__main__":`')
        self._places, self._fresh = plans[0].places, fresh
        limits = Limits.here()
        missing = []
        for cell in all_cells(plans):
            record = None if fresh else self.store.load(cell)
            if record is not None and _stands(record):
                self.display.state(cell, "stored", record)
                self.stored.append(record)
            else:
                missing.append(cell)
        if missing:
            self.store.check_writable()
            sweep_tree(cache_folder())
        if fresh:
            forget(cell for cell in missing if registry.measurements()[cell.measurement].needs_training)
        with Watch(limits) as self._watch:
            broken = self._try(cells_to_try(missing))
            jobs = make_jobs(cell for cell in missing if cell.key not in broken)
            for turn in sorted({job.turn for job in jobs}):
                mine = [job for job in jobs if job.turn == turn]
                # Other runs on this machine may compute meanwhile, but two must not time at once.
                with alone(cache_folder() / "timing") if mine[0].phase == 1 else contextlib.nullcontext():
                    self._run_side_by_side(mine)

    def _try(self, cells: Sequence[Cell]) -> set[str]:
        """Has the models of some cells tried; gives the keys of those that were refused, which have failed."""
        before = len(self.failures)
        if cells:
            self._run_side_by_side([Job(tuple(cells), "batch", needs_training=False, trial=True)])
        return {record.key for record in self.failures[before:]}

    def _run_side_by_side(self, jobs: Sequence[Job]) -> None:
        gpus = self.gpus if jobs[0].trains_on_gpu and self.gpus else [""] * jobs[0].concurrency
        free: SimpleQueue[str] = SimpleQueue()
        for gpu in gpus:
            free.put(gpu)
        with ThreadPoolExecutor(len(gpus)) as pool:
            futures = [pool.submit(self._run_job, job, free) for job in jobs]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future.done():
                        future.result()
            except BaseException:
                self._stop(futures)
                raise

    def _stop(self, futures: Iterable[Any]) -> None:
        """Asks the workers to save what they can and leave; those that have not left in time are killed."""
        for future in futures:
            future.cancel()
        with self._lock:
            self._stopping = True
            processes = list(self._processes)
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + SECONDS_TO_LEAVE
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            kill_group(process)

    def _run_job(self, job: Job, free: SimpleQueue[str]) -> None:
        """Runs a job on a GPU that is `free`, or on that which it sees ("")."""
        gpu = free.get()
        try:
            self._run_workers(job, gpu)
        finally:
            free.put(gpu)

    def _run_workers(self, job: Job, gpu: str) -> None:
        """Runs a job to its end; where a worker dies, the cell it was at has failed and the others go on in another."""
        waiting = {cell.key: cell for cell in job.cells if not self._is_measured_meanwhile(cell)}
        while waiting and not self._stopping:
            log = _log_path(next(iter(waiting.values())), job)
            ended = self._run_worker(job, gpu, waiting, log)
            if not waiting or self._stopping:
                return
            died = list(waiting.values()) if job.mode == "interleaved" else [next(iter(waiting.values()))]
            for cell in died:
                del waiting[cell.key]
                error = f"the worker {ended.reason}; its log: {log}"
                self._finish(cell, ended.status, Outcome(), machine.now(), 0.0, error)

    def _is_measured_meanwhile(self, cell: Cell) -> bool:
        """Whether another run has recorded a cell since this one looked for it."""
        record = None if self._fresh else self.store.load(cell)
        if record is None or not _stands(record):
            return False
        self.display.state(cell, "stored", record)
        return True

    def _run_worker(self, job: Job, gpu: str, waiting: dict[str, Cell], log: Path) -> Ending:
        """One worker process; takes the cells it settles out of `waiting` and returns how it ended."""
        cells = [asdict(cell) for cell in waiting.values()]
        request = {"cells": cells, "plugins": registry.plugins(), "trial": job.trial}
        with log.open("a", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reidbench.running.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=environment(job, self._places, gpu),
                start_new_session=True,
            )
        with self._lock:
            self._processes.add(process)
            if self._stopping:
                process.kill()
        try:
            with process, self._watch.over(process, log) as watched:
                for cell in waiting.values() if job.mode == "interleaved" else list(waiting.values())[:1]:
                    self.display.state(cell, "running")
                self._converse(watched, json.dumps(request) + "\n", waiting)
                return watched.ended_as or Ending("failed", _how_it_ended(process.wait()))
        finally:
            with self._lock:
                self._processes.discard(process)

    def _converse(self, watched: Watched, request: str, waiting: dict[str, Cell]) -> None:
        """Gives a worker its job and takes what it tells, until it ends or tells what is no event."""
        assert watched.process.stdin and watched.process.stdout
        try:
            watched.process.stdin.write(request)
            watched.process.stdin.flush()  # and left open: a worker lives as long as its runner
        except BrokenPipeError:
            with contextlib.suppress(BrokenPipeError):
                watched.process.stdin.close()
        for line in iter(partial(watched.process.stdout.readline, LONGEST), ""):
            watched.hear()
            if not line.endswith("\n") and len(line) < LONGEST:
                return  # it died within a line
            try:
                event = read_event(line, waiting)
            except ValueError as garbage:
                watched.end("failed", f"wrote to its stdout what is no event, {garbage}, and was ended")
                return
            self._handle(event, waiting, watched.log)

    def _handle(self, event: dict[str, Any], waiting: dict[str, Cell], log: Path) -> None:
        if event["event"] == "progress":
            cell = waiting.get(event["key"])
            if cell:
                self.display.progress(cell, event["done"], event["total"], event["note"])
        elif event["event"] == "outcome":
            cell = waiting.pop(event["key"])
            self._finish(cell, "ok", Outcome(**event["outcome"]), event["started"], event["seconds"], log=str(log))
        elif event["event"] == "tried":
            for key in event["keys"]:
                del waiting[key]
        elif event["event"] == "error":
            for key in event["keys"]:
                error = f"{event['error']}; log: {log}"
                self._finish(waiting.pop(key), event["status"], Outcome(), event["started"], event["seconds"], error)

    def _finish(
        self, cell: Cell, status: str, outcome: Outcome, started: str, seconds: float, error: str = "", log: str = ""
    ) -> None:
        record = Record(
            cell=cell.identity,
            key=cell.key,
            row=cell.row,
            status=status,
            values=outcome.values,
            samples=outcome.samples,
            context=outcome.context,
            machine=self.store.name,
            versions={**machine.versions(packages_of(cell.settings)), **told()},
            started=started,
            seconds=round(seconds, 3),
            error=printable(error),
        )
        fault = record_fault(record) or tree_fault(vars(record))
        if fault := fault or (_lacks_quantities(record) if status == "ok" else ""):
            # A measurement of a plugin, say; what was written could never be read again, or would be shown nowhere.
            error = f"its outcome cannot be recorded ({fault}); log: {log}"
            nothing = asdict(Outcome())
            record = replace(record, status="failed", seconds=0.0, error=printable(error), **nothing)
        with self._lock:
            self.store.save(record)
            if record.status != "ok":
                self.failures.append(record)
        self.display.state(cell, record.status, record)


def _stands(record: Record) -> bool:
    """Whether a record need not be made again: it has a value, and all that it lacked a package for lacks it still."""
    return record.status == "ok" and not any(map(is_installed, record.context.get("not_installed", ())))


def _lacks_quantities(record: Record) -> str:
    """What is wrong with an outcome that has nothing of what its measurement declares and does not say why; else ""."""
    name = str(record.cell["measurement"])
    declared = registry.measurements()[name].quantities
    wanted = {field: quantity.sample or field for field, quantity in declared.items()}
    given = {*record.values, *record.samples}
    if given.intersection(wanted.values()) or {"lacking", "not_installed"} & {*record.context}:
        return ""
    needs = [field if source == field else f"{field} (samples {source})" for field, source in wanted.items()]
    return f"{name} declares {', '.join(needs) or 'no quantity'}, and gave {', '.join(sorted(given)) or 'nothing'}"


def _log_path(cell: Cell, job: Job) -> Path:
    """The log of a job's worker whose first cell this is, emptied."""
    what = "trial" if job.trial else cell.measurement
    log = cache_folder() / "logs" / f"{what}-{machine.slug(cell.row)}-{cell.key}.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
    except OSError as error:
        raise refused(log, error) from error
    return log


def _how_it_ended(code: int) -> str:
    if code < 0:
        hint = ", by hand or by the system for want of memory" if -code == signal.SIGKILL else ""
        return f"was ended by {signal.Signals(-code).name}{hint}"
    return f"stopped with exit code {code}"
