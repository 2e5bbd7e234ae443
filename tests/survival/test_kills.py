"""kill -9 at any moment loses nothing: what runs afterwards ends with the records of an undisturbed run."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from launching import none_left
from nightly import NIGHTLY
from running import CELLS, ROOT, Calm, Place, below, bits, drafts, half_written, kill, wait_for_worker, workers
from survived import Figures

from reidbench.files import ABANDONED_AFTER
from reidbench.store import Store

MOMENTS = 50 if NIGHTLY else 2
WRITERS = 200 if NIGHTLY else 8
KILLS_A_RUN = 5
"""After so many kills a run is left to finish; where it finishes before, another begins."""

VICTIMS = ("runner and workers", "worker", "runner")


class Reader:
    """Reads all records again and again while others write them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.faults: list[str] = []
        self.rounds = 0

    def _read(self) -> None:
        while not self._done.wait(0.02):
            self.faults += half_written(self._folder)
            self.rounds += 1

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def disturb(place: Place, victim: str, moment: float) -> str:
    """Starts a run and kills the victim after some seconds, or once there is one; what it was at, "" if it ended."""
    runner = place.start()
    with none_left([runner]):
        return _disturb(place, runner, victim, moment)


def _disturb(place: Place, runner: subprocess.Popen[str], victim: str, moment: float) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        runner.communicate(timeout=moment)
    busy = wait_for_worker(runner) if victim == "worker" else workers(runner.pid)
    if runner.poll() is not None:
        runner.communicate()
        return ""
    at = busy[0][1] if busy else "no worker"
    if at == "accuracy" and below(place.folder, "cache/runs/*/training.pt"):
        at = "accuracy with a checkpoint"
    if victim == "worker":
        kill([busy[0][0]])
        runner.communicate(timeout=300)
        return at
    kill([psutil.Process(runner.pid), *(process for process, _ in busy if victim != "runner")])
    runner.communicate(timeout=30)
    deadline = time.monotonic() + 30
    while any(process.is_running() for process, _ in busy):
        assert time.monotonic() < deadline, "a worker outlived its runner"
        time.sleep(0.02)
    return at


def test_kills_at_random_moments_change_no_record(calm: Calm, tmp_path: Path, figures: Figures) -> None:
    draw = random.Random(6)
    hits: list[str] = []
    number = 0
    with Reader(tmp_path) as reader:
        while len(hits) < MOMENTS:
            number += 1
            place = Place(tmp_path / str(number))
            mine: list[str] = []
            while len(mine) < KILLS_A_RUN and len(hits) + len(mine) < MOMENTS:
                victim = VICTIMS[(len(hits) + len(mine)) % len(VICTIMS)]
                at = disturb(place, victim, draw.uniform(0.1, 0.8) * calm.seconds)
                if not at:
                    break
                mine.append(f"{victim}, at {at}")
                figures.note("kill -9", mine[-1], tried=1)
            abandon(place)
            place.finish()
            assert bits(place.store) == calm.bits, mine
            assert drafts(place.results, place.folder / "cache") == []
            for hit in mine:
                figures.note("kill -9", hit, survived=1)
            hits += mine
    assert reader.faults == [] and reader.rounds > MOMENTS


WRITER = """
import sys
from pathlib import Path
from reidbench.spec import Cell, Record
from reidbench.store import Store

cell = Cell("row", "pace", "speck", {}, {}, "")
store = Store(sys.argv[1], "here")
found = store.load(cell)
number = found.values["number"] if found else 0.0
while True:
    number += 1
    samples = {"seconds": [number] * 5000}
    started = f"2026-01-01T00:00:{int(number) % 60:02}+00:00"
    about = (cell.identity, cell.key, cell.row, "ok", {"number": number}, samples, {}, "here", {}, started, 1.0)
    store.save(Record(*about))
    print("saved", flush=True)
"""


def test_kills_of_a_writer_lose_and_halve_no_record(
    tmp_path: Path, figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each record supersedes the last one, which must still be there, whole."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    draw, store = random.Random(6), Store(tmp_path / "results", "here")
    for _ in range(WRITERS):
        with figures.trying("kill -9 of a writer", "records superseding each other"):
            command = [sys.executable, "-c", WRITER, str(tmp_path / "results")]
            writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            with none_left([writer]):
                assert writer.stdout and {writer.stdout.readline() for _ in range(draw.randint(1, 4))} == {"saved\n"}
                time.sleep(draw.uniform(0.0, 0.01))
            last = {record.values["number"] for record in store.records()}
            before = {record.values["number"] for record in store.superseded()}
            assert len(last) == 1 and last | before == set(range(1, int(max(last)) + 1))
            assert half_written(tmp_path / "results") == []
    assert len(before) >= WRITERS - 1


def test_a_worker_that_says_nothing_ends_with_its_runner(tmp_path: Path, figures: Figures) -> None:
    with figures.trying("kill -9", "runner, at a silent worker"):
        place = Place(tmp_path)
        plugin = Path(__file__).with_name("unruly.py")
        command = [*place.command()[:2], "unruly", "--plugin", str(plugin), "--rows", "hangs"]
        options = {"env": place.surroundings(), "stderr": subprocess.DEVNULL, "cwd": tmp_path}
        runner = subprocess.Popen([*command, "--results", str(place.results)], **options)
        with none_left([runner]):
            busy = wait_for_worker(runner)
            deadline = time.monotonic() + 60
            while not any(log.read_text() for log in below(tmp_path, "cache/logs/*")):
                assert runner.poll() is None and time.monotonic() < deadline, "the worker never was at work"
                time.sleep(0.02)
        _, alive = psutil.wait_procs([process for process, _ in busy], timeout=30)
        kill(alive)
        assert busy and not alive


def abandon(place: Place) -> None:
    """What killed writers left is hidden, is no record, and goes with a run that measures something a day later."""
    planted = place.store.folder / "accuracy" / ".narrow-0.json.abc.part"
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("{")
    left = drafts(place.results, place.folder / "cache")
    assert planted in left and len(place.store.records()) <= CELLS
    long_ago = time.time() - ABANDONED_AFTER - 60
    for draft in left:
        os.utime(draft, (long_ago, long_ago))
    for counted in place.store.folder.glob("count/*.json"):
        counted.unlink()
