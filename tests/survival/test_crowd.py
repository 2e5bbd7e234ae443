"""Several runs of one suite at once share its cells and mix nothing, also where one dies holding a lock."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from launching import none_left
from nightly import NIGHTLY
from running import CELLS, ROWS, Calm, Place, bits, half_written, kill, wait_for_worker, workers
from survived import Figures

KIND = "runs at once"


def finish_all(place: Place, processes: int, *arguments: str) -> None:
    running = [place.start(*arguments) for _ in range(processes)]
    with none_left(running):
        said = [process.communicate(timeout=900)[1] for process in running]
    assert [process.returncode for process in running] == [0] * processes, "\n".join(said)
    assert "Traceback" not in "".join(said)


@pytest.mark.parametrize(
    ("processes", "only"), [(2, "cost"), *((number, "") for number in (2, 8) if NIGHTLY)], ids=lambda v: str(v)
)
def test_runs_at_once_measure_each_cell_once_or_alike(
    calm: Calm, tmp_path: Path, figures: Figures, processes: int, only: str
) -> None:
    with figures.trying(KIND, f"{processes} processes{', costs only' if only else ''}"):
        place = Place(tmp_path)
        finish_all(place, processes, *(("--only", only) if only else ()))
        found = bits(place.store)
        assert found == {key: value for key, value in calm.bits.items() if key in found}
        assert len(found) == (CELLS - len(ROWS) if only else CELLS)
        assert half_written(place.results) == []
        # Measured twice with the same key is allowed, and kept; mixed with another cell's is not.
        assert {record.key for record in place.store.superseded()} <= set(found)
        timed_again = list(place.store.folder.glob("pace/superseded/*"))
        assert timed_again == [], "by a run that had waited for the other"


@pytest.mark.parametrize("lock", ["pace", "accuracy"])
def test_a_run_that_dies_with_a_lock_lets_the_others_go_on(
    calm: Calm, tmp_path: Path, figures: Figures, lock: str
) -> None:
    """The lock of timings is the runner's, that of a training its worker's; both are killed at once."""
    if lock == "accuracy" and not NIGHTLY:
        pytest.skip("trains twice: in the nightly setting")
    with figures.trying(KIND, f"one of 2 killed while it holds the lock of {lock}"):
        place = Place(tmp_path, {"MINI_PAUSE": "0.5"})
        arguments = ("--only", "cost" if lock == "pace" else "accuracy")
        running = [place.start(*arguments)]
        with none_left(running):
            holder = running[0]
            assert wait_for_worker(holder, lock)
            waiter = place.start(*arguments)
            running.append(waiter)
            kill([psutil.Process(holder.pid), *(process for process, _ in workers(holder.pid))])
            holder.communicate(timeout=30)
            said = waiter.communicate(timeout=300)[1]
        assert waiter.returncode == 0, said
        found = bits(place.store)
        assert found == {key: calm.bits[key] for key in found}
        assert len(found) == len(ROWS) * (2 if lock == "pace" else 1)
