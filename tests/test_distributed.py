from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import launching
import meeting
import pytest
import torch

from reidbench import distributed
from reidbench.distributed import ENDED
from reidbench.launch import ALONE, Place
from reidbench.spec import UserError

SCRIPT = Path(meeting.__file__)


def test_a_process_alone_is_given_back_what_it_gave() -> None:
    with distributed.joined("cpu") as place:
        assert place == distributed.current() == ALONE
        found = meeting.talk(place)
    assert torch.equal(found["whole"], torch.tensor([[1.5, 3.0], [4.5, 6.0]]))
    assert found["first"] == {"rank": 0} and found["each"] == [[0]] and found["any"] == [False, False, True]
    assert torch.equal(found["summed"][0], torch.ones(3, 2)) and found["refused"] == found["different"] == ""
    assert not torch.distributed.is_initialized()


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes leave that take a training step, talk and end."""
    folder = tmp_path_factory.mktemp("met")
    launching.together(SCRIPT, "well", folder)
    return folder


def test_processes_tell_each_other(met: Path) -> None:
    one, two = (torch.load(met / f"{rank}.pt") for rank in range(2))
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0], [11.0, 12.0], [13.0, 14.0]])
    for found in (one, two):
        assert torch.equal(found["whole"], 1.5 * rows)
        assert torch.equal(found["summed"][0], torch.full((3, 2), 1.5)) and found["summed"][1] == 0.5
        assert found["mean"] == 1.5 and found["mean gradient"] == 3.5
        assert found["any"] == [False, True, True]
        assert found["first"] == {"rank": 0} and found["each"] == [[0], [1, 1]]
        advice = "; give all the same command, files and versions"
        assert found["refused"] == f"processes 0 and 1 hold different weights after training{advice}"
        assert found["different"] == f"processes 0 and 1 train different models{advice}"
    # The derivative of the sum over columns of the products of (weight x row) is 4 weight^3 x the products: each
    # process has the half that comes through its own two rows, and the sum is the whole.
    whole = 4 * 1.5**3 * rows.prod(0).sum()
    assert float(one["gradient"] + two["gradient"]) == pytest.approx(float(whole))
    assert float(one["gradient"]) == pytest.approx(float(whole) / 2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the threads of a process by name")
def test_no_thread_of_the_group_outlives_it(met: Path) -> None:
    """One that did could abort the process while the interpreter ends."""
    for rank in range(2):
        names = (met / f"{rank}.txt").read_text().split("\n")
        assert any(names) and not [name for name in names if "gloo" in name]


def test_one_that_ends_ends_the_others_with_one_line(tmp_path: Path) -> None:
    began = time.monotonic()
    os.mkfifo(tmp_path / meeting.MEETING)
    runs = {how: launching.start(SCRIPT, how, tmp_path) for how in ("killed", "silent", "refuses")}
    with launching.none_left(process for run in runs.values() for process in run):
        first = {how: launching.finish(run[:1])[0] for how, run in runs.items()}
        runs["silent"][1].kill()
        second = {how: launching.finish(run[1:])[0] for how, run in runs.items()}
    assert timedelta(seconds=time.monotonic() - began) < distributed.SILENCE
    assert first["killed"] == first["silent"] == (2, f"{ENDED}\n")
    assert second["killed"][0] == -signal.SIGKILL
    assert second["refuses"] == (2, "frame 7 is damaged\n") and first["refuses"] == (2, "")


@pytest.mark.parametrize(("rank", "another_asks", "asked"), [(0, True, 2), (0, False, 1), (1, False, 1)])
def test_the_process_that_holds_the_store_stays_for_the_others_to_ask_who_tells(
    rank: int, another_asks: bool, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left at once, as rank 1 leaves, the second process could not ask any more, and told of the end again."""
    store = torch.distributed.HashStore()
    monkeypatch.setattr(distributed, "_joined", distributed._Joined(Place(rank, 2, rank, 2), store))
    monkeypatch.setattr(distributed, "PARTING", timedelta(seconds=60 if another_asks or rank else 0.1))
    other = threading.Timer(0.2, store.add, ("ended", 1))
    began = time.monotonic()
    if another_asks:
        other.start()
    assert distributed._first_to_tell() and store.add("ended", 0) == asked
    assert time.monotonic() - began < 60
    if another_asks:
        other.join()
    assert not distributed._first_to_tell()


def test_torchruns_signal_while_it_stays_changes_nothing_of_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes where the other process is dead, who asks nothing more."""
    place = Place(0, 2, 0, 2)
    monkeypatch.setattr(distributed, "_joined", distributed._Joined(place, torch.distributed.HashStore()))
    monkeypatch.setattr(distributed.time, "sleep", lambda _: signal.default_int_handler(signal.SIGTERM, None))
    assert distributed._first_to_tell()


def test_processes_that_do_not_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    before = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises(UserError, match="the processes did not find each other") as error,
        distributed.joined("cpu", silence=distributed.timedelta(seconds=1)),
    ):
        raise AssertionError
    assert "\n" not in str(error.value) and signal.getsignal(signal.SIGTERM) is before
