"""Files appear whole or not at all, and a refusal of the system is one line that names the file."""

import subprocess
import sys
from pathlib import Path

import pytest

from reidbench.files import alone, replacing
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
    with pytest.raises(UserError, match=r"weights\.pt: cannot be written"), replacing(tmp_path / "weights.pt"):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_alone_lets_others_wait_and_survives_the_death_of_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    code = "import sys, time; from pathlib import Path; from reidbench.files import alone\n"
    code += "with alone(Path(sys.argv[1])): print('mine', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "mine\n"
    waiter = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        waiter.wait(timeout=1.5)
    holder.kill()
    assert waiter.stdout and waiter.stdout.readline() == "mine\n"
    for process in (holder, waiter):
        process.kill()
        process.communicate()
    with alone(path):
        pass
