"""Files appear whole or not at all, and a refusal of the system is one line that names the file."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from launching import none_left

from reidbench import files
from reidbench.files import ABANDONED_AFTER, alone, check_writable, replacing, while_waiting
from reidbench.spec import UserError


def test_replacing_writes_whole_files_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with replacing(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("second")
        raise ZeroDivisionError
    assert path.read_text() == "first"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_replacing_names_the_file_on_a_full_disk(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"weights\.pt: cannot be written .*free some space"),
        replacing(tmp_path / "weights.pt"),
    ):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["weights.pt", "deeper/weights.pt"])
def test_a_file_where_a_folder_should_be_is_no_lack_of_space(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    for write in (check_writable, lambda path: replacing(path).__enter__()):
        with pytest.raises(UserError, match=r"cannot be written \(.+\); choose another folder$"):
            write(tmp_path / "file" / below)


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")
    assert not list((tmp_path / "new" / "folder").iterdir())


def test_runs_that_start_at_once_do_not_see_each_others_trial_of_a_folder(tmp_path: Path) -> None:
    """Not one of these would fail for a file of its own; with one name for all, nearly every run of this test did."""
    start = threading.Barrier(4)

    def try_often() -> None:
        start.wait()
        for _ in range(200):
            check_writable(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(try_often) for _ in range(4)]:
            future.result()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_goes_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "a[1].pt"
    left, young, others = (tmp_path / f".{name}.x.part" for name in ("a[1].pt", "a[1].pt.young", "a1.pt"))
    folder = tmp_path / ".a[1].pt.y.part"
    folder.mkdir()
    for draft in (left, young, others):
        draft.write_text("half")
    long_ago = young.stat().st_mtime - ABANDONED_AFTER - 60
    for draft in (left, others, folder):
        os.utime(draft, (long_ago, long_ago))
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert {found.name for found in tmp_path.iterdir()} == {path.name, young.name, others.name}


def test_a_process_that_waits_for_another_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Path] = []
    done = threading.Event()

    def tell(path: Path) -> None:
        told.append(path)
        done.set()

    def wait() -> None:
        with alone(tmp_path / "thing"):
            pass

    monkeypatch.setattr(files, "TELL_EVERY", 0.01)
    monkeypatch.setattr(files, "_told", [])
    while_waiting(tell)
    with alone(tmp_path / "thing"):
        assert told == []
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert done.wait(10)
    waiter.join(10)
    assert not waiter.is_alive() and set(told) == {tmp_path / "thing"}


def test_alone_lets_others_wait_and_survives_the_death_of_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    code = "import sys, time; from pathlib import Path; from reidbench.files import alone\n"
    code += "with alone(Path(sys.argv[1])): print('mine', flush=True); time.sleep(60)"
    running: list[subprocess.Popen[str]] = []

    def begin() -> subprocess.Popen[str]:
        running.append(subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True))
        return running[-1]

    with none_left(running):
        holder = begin()
        assert holder.stdout and holder.stdout.readline() == "mine\n"
        waiter = begin()
        with pytest.raises(subprocess.TimeoutExpired):
            waiter.wait(timeout=1.5)
        holder.kill()
        assert waiter.stdout and waiter.stdout.readline() == "mine\n"
    with alone(path):
        pass


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_who_may_read_a_file_is_what_the_umask_says(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "features", "of persons")
    finally:
        os.umask(before)
    assert (tmp_path / "features").stat().st_mode & 0o777 == mode
