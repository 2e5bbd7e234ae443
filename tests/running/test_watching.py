"""Workers are ended when they hang, hold too much or flood their log, and not while they work, report or wait."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from reidbench.resources import memory
from reidbench.running.watching import Ending, Limits, Watch, kill_group
from reidbench.spec import UserError

NONE = Limits(idle=math.inf, silent=math.inf, memory=math.inf, log=math.inf)


def start(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)


def verdict(code: str, log: Path, limits: Limits, *, hears: bool = False, within: float = 2.5) -> Ending | None:
    """How a process that runs `code` is judged within some seconds."""
    process = start(code)
    with process, Watch(limits) as watch, watch.over(process, log) as watched:
        deadline = time.monotonic() + within
        while process.poll() is None and time.monotonic() < deadline:
            if hears:
                watched.hear()
            time.sleep(0.05)
    return watched.ended_as


SLEEPS, TURNS = "import time; time.sleep(60)", "while True: pass"
HOLDS = "import time; held = bytearray(b'.') * 200_000_000; time.sleep(60)"
MAPS = """
import mmap, tempfile, time
file = tempfile.TemporaryFile(); file.truncate(200_000_000)
held = mmap.mmap(file.fileno(), 0); sum(held[n] for n in range(0, len(held), 4096)); time.sleep(1)
"""


@pytest.mark.parametrize(
    ("code", "limits", "status", "reason"),
    [
        (SLEEPS, {"idle": 0.4}, "failed", "neither reported nor computed for 0.4 s"),
        (TURNS, {"silent": 0.4}, "failed", "reported nothing for 0.4 s"),
        (HOLDS, {"memory": 1e8}, "out-of-memory", "GB of the 0.1 GB that workers may hold together"),
    ],
    ids=["sleeps", "turns", "holds"],
)
def test_what_hangs_or_holds_too_much_is_ended(
    tmp_path: Path, code: str, limits: dict[str, float], status: str, reason: str
) -> None:
    found = verdict(code, tmp_path / "log", Limits(**{**vars(NONE), **limits}), within=30)
    assert found and found.status == status and reason in found.reason


def test_a_log_without_end_is_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"." * 2000)
    found = verdict(SLEEPS, log, Limits(**{**vars(NONE), "log": 1000.0}), within=30)
    assert found and found.status == "failed" and "to its log" in found.reason


@pytest.mark.parametrize(
    ("code", "limits", "hears"),
    [(TURNS, {"idle": 1.0}, False), (SLEEPS, {"idle": 1.0, "silent": 1.0}, True), (MAPS, {"memory": 1.5e8}, False)],
    ids=["computes", "reports", "maps a file"],
)
def test_what_computes_reports_or_maps_files_goes_on(
    tmp_path: Path, code: str, limits: dict[str, float], hears: bool
) -> None:
    assert verdict(code, tmp_path / "log", Limits(**{**vars(NONE), **limits}), hears=hears) is None


def test_a_child_counts_as_computing_and_goes_with_the_worker(tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TURNS!r}])"
    process = start(code)
    with process, Watch(Limits(**{**vars(NONE), "idle": 1.0})) as watch, watch.over(process, tmp_path / "log") as it:
        deadline = time.monotonic() + 30
        while not (children := psutil.Process(process.pid).children()):
            assert time.monotonic() < deadline, "the worker started no child"
            time.sleep(0.05)
        time.sleep(2.5)
        (child,) = children
        assert child.is_running()
    assert it.ended_as is None
    child.wait(30)


def test_limits_come_from_the_environment_and_are_refused_in_one_line() -> None:
    usual = Limits.here({})
    assert (usual.idle, usual.silent) == (600, 7200)
    assert 0 < usual.memory < memory().total <= psutil.virtual_memory().total
    assert Limits.here({"REIDBENCH_IDLE_LIMIT": "inf"}).idle == math.inf
    assert Limits.here({"REIDBENCH_MEMORY_LIMIT": "1.5"}).memory == 1.5e9
    for text in ("0", "-1", "nan", "an hour"):
        with pytest.raises(UserError, match=f"REIDBENCH_SILENT_LIMIT is '{text}'; give a number"):
            Limits.here({"REIDBENCH_SILENT_LIMIT": text})


def test_where_there_are_no_groups_the_process_itself_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.delattr(os, "killpg")
    with start(SLEEPS) as process:
        kill_group(process)
        assert process.wait(10) != 0
