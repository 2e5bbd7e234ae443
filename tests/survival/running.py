"""Starts the mini suite in a place of its own, finds its processes, kills them, and reads what it left."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from in_process import bench
from launching import none_left
from nightly import NIGHTLY

from reidbench.store import Store

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = Path(__file__).with_name("mini.py")

ROWS = ("1", "2") if NIGHTLY else ("1",)
CELLS = 3 * len(ROWS)
"""Each row in three columns, two of them costs."""

DATA = ("train_ids=16", "test_ids=8", "frames=8")
SMALL = ("--preset", "tiny", *(f"--data={option}" for option in DATA), "--rows", *ROWS)

TIMES = ("training_seconds",)
"""What of a record's values no two runs have alike."""


@dataclass(frozen=True)
class Place:
    """A results folder and a cache folder."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def store(self) -> Store:
        return Store(self.results, "here")

    def arguments(self, *more: str) -> list[str]:
        own = ("--plugin", str(PLUGIN), "--results", str(self.results), "--machine", "here")
        return ["mini", *SMALL, *own, *more]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "bench.py"), *self.arguments(*arguments)]

    def own(self) -> dict[str, str]:
        return {"REIDBENCH_CACHE": str(self.folder / "cache"), **self.environment}

    def surroundings(self) -> dict[str, str]:
        return {**os.environ, **self.own()}

    def call(self, *arguments: str, code: int = 0) -> str:
        """As `finish`, in this process, which sets no limits and is not killed."""
        found, _, said = bench(*self.arguments(*arguments), environment=self.own())
        assert found == code and "Traceback" not in said, said
        return said

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self.command(*arguments), env=self.surroundings(), **pipes, **options)

    def finish(self, *arguments: str, code: int = 0, **options: Any) -> str:
        """Runs the suite to its end, which must come with that exit code; returns what it said on stderr."""
        process = self.start(*arguments, **options)
        with none_left([process]):
            said = process.communicate(timeout=300)[1]
        assert process.returncode == code, said
        assert "Traceback" not in said, said
        return said


@dataclass(frozen=True)
class Calm:
    """An undisturbed run: where it is, its records' bits, and the seconds it took."""

    place: Place
    bits: dict[str, object]
    seconds: float


def workers(runner: int) -> list[tuple[psutil.Process, str]]:
    """The workers of a runner, each with the measurement it is at: logs are named after those."""
    found = []
    try:
        children = psutil.Process(runner).children()
    except psutil.NoSuchProcess:
        return []
    for child in children:
        try:
            if "reidbench.running.worker" in child.cmdline():
                found.append((child, Path(f"/proc/{child.pid}/fd/2").readlink().name.partition("-")[0]))
        except (psutil.Error, OSError):
            continue
    return found


def wait_for_worker(runner: subprocess.Popen[str], *measurements: str) -> list[tuple[psutil.Process, str]]:
    """The workers of a runner as soon as there is one, at one of these measurements; none where it ends before."""
    while runner.poll() is None:
        found = [(process, at) for process, at in workers(runner.pid) if at in measurements or not measurements]
        if found:
            return found
        time.sleep(0.01)
    return []


def bits(store: Store) -> dict[str, Any]:
    """Of every record all that must not depend on what the run went through, by key."""
    return {
        record.key: (
            record.row,
            record.status,
            {name: value for name, value in record.values.items() if name not in TIMES},
            record.samples,
            {name: value for name, value in record.context.items() if name != "training"},
            record.cell,
        )
        for record in store.records()
    }


def below(folder: Path, pattern: str) -> list[Path]:
    """Files of that name anywhere under a folder. Path.rglob fails where another process removes a folder meanwhile."""
    found = glob.glob(f"**/{pattern}", root_dir=folder, recursive=True, include_hidden=True)  # noqa: PTH207
    return [folder / name for name in found]


def drafts(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in below(folder, ".*.part")]


def half_written(results: Path) -> list[str]:
    """The JSON files under a folder that do not parse, were they read at this moment."""
    return list(_half_written(below(results, "*.json")))


def _half_written(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        if path.name.startswith("."):
            continue
        try:
            json.loads(path.read_text())
        except FileNotFoundError:
            continue  # the failed attempt of a cell that succeeds meanwhile goes
        except ValueError as error:
            yield f"{path}: {error}"


def kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
