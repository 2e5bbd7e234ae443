"""The load of other processes: over what was watched, and not what this process and its children do."""

import subprocess
import sys
import time

import pytest

from reidbench import machine
from reidbench.profiling import load
from reidbench.profiling.load import Load


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds by the wall, of all processors, and of this process, which a test sets."""
    now = dict.fromkeys(("wall", "busy", "own"), 0.0)
    monkeypatch.setattr(time, "perf_counter", lambda: now["wall"])
    monkeypatch.setattr(machine, "busy_seconds", lambda: now["busy"])
    monkeypatch.setattr(load, "own_seconds", lambda: now["own"])
    return now


def pass_time(clock: dict[str, float], **seconds: float) -> None:
    for name, more in seconds.items():
        clock[name] += more


def test_only_what_is_watched_counts(clock: dict[str, float]) -> None:
    """A core of another process during five seconds of timing, after minutes of exporting in quiet."""
    found = Load()
    assert found.cores == 0
    pass_time(clock, wall=200, busy=200, own=200)
    with found.watched():
        pass_time(clock, wall=5, busy=15, own=10)
    pass_time(clock, wall=100, busy=400, own=0)
    assert found.cores == 1
    with found.watched():
        pass_time(clock, wall=5, busy=10, own=10)
    assert found.cores == 0.5


def test_it_is_never_negative_and_told_after_a_failure(clock: dict[str, float]) -> None:
    """The system counts in ticks: a short while can seem to have been all its own and more."""
    found = Load()
    with pytest.raises(ZeroDivisionError), found.watched():
        pass_time(clock, wall=1, busy=0.99, own=1)
        raise ZeroDivisionError
    assert found.cores == 0
    with found.watched():
        pass_time(clock, wall=1, busy=1.01, own=0)
    assert found.cores == 0.5


def test_the_time_of_children_that_still_run_is_its_own() -> None:
    """Inductor's compile workers live on; what they use, and what those that they ran used, is no other program's."""
    busy = "import time\nwhile time.process_time() < 0.25: pass"
    more = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint(flush=True)\ntime.sleep(60)"
    )
    code = f"{busy}\n{more}"
    before = load.own_seconds()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert load.own_seconds() - before > 0.4
        child.kill()
