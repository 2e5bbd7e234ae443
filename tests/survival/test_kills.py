"""kill -9 at any moment loses nothing: what runs afterwards ends with the records of an undisturbed run."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time
from pathlib import Path

import psutil
from conftest import Calm
from figures import Figures
from nightly import NIGHTLY
from running import CELLS, Place, bits, drafts, half_written, kill, wait_for_worker, workers

from reidbench.files import ABANDONED_AFTER

MOMENTS = 50 if NIGHTLY else 3
KILLS_A_RUN = 5
"""After so many kills a run is left to finish; where it finishes before, another begins."""

VICTIMS = ("runner and workers", "runner", "worker")


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
    with contextlib.suppress(subprocess.TimeoutExpired):
        runner.communicate(timeout=moment)
    busy = wait_for_worker(runner) if victim == "worker" else workers(runner.pid)
    if runner.poll() is not None:
        return ""
    at = busy[0][1] if busy else "between workers"
    if victim == "worker":
        kill([busy[0][0]])
        runner.communicate(timeout=120)
        return at
    kill([psutil.Process(runner.pid), *(process for process, _ in busy if victim != "runner")])
    runner.communicate(timeout=30)
    deadline = time.monotonic() + 10
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
            place.finish()
            assert bits(place.store) == calm.bits, mine
            for hit in mine:
                figures.note("kill -9", hit, survived=1)
            hits += mine
    assert reader.faults == [] and reader.rounds > MOMENTS
    sweep(place)


def sweep(place: Place) -> None:
    """What killed writers left is hidden, is no record, and goes a day later."""
    planted = place.store.folder / "accuracy" / ".narrow-0.json.abc.part"
    planted.write_text("{")
    left = drafts(place.results, place.folder / "cache")
    assert planted in left and len(place.store.records()) == CELLS
    long_ago = time.time() - ABANDONED_AFTER - 60
    for draft in left:
        os.utime(draft, (long_ago, long_ago))
    next(place.store.folder.glob("count/*.json")).unlink()
    place.finish("--only", "cost")
    assert drafts(place.results, place.folder / "cache") == []
