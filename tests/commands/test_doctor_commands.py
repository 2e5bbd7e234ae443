"""`bench.py doctor`, from the command line to the exit code, whatever is or is not installed."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reidbench import resources
from reidbench.cli import main
from reidbench.doctor import installation
from reidbench.doctor.findings import Finding
from reidbench.spec import Cell, Record
from reidbench.store import Store

ROOT = Path(__file__).resolve().parents[2]
CELL = Cell("Base-B", "complexity", "baseline", {}, {}, "abc")


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of one record, on a machine without limits; torch is not imported to ask it what it is."""
    monkeypatch.setattr(installation, "torch_itself", lambda: Finding("torch", "imports"))
    monkeypatch.setattr(resources, "cpu_quota", lambda: None)
    store = Store(tmp_path / "results", "here")
    store.save(Record(CELL.identity, CELL.key, CELL.row, "ok", {"macs": 1.5}, {}, {}, "here", {}, "2026", 1.0))
    return store


def options(store: Store, *more: str) -> list[str]:
    return ["doctor", "--results", str(store.folder.parent), "--seconds", "0", *more]


def test_a_sound_machine_is_0(recorded: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(recorded)) == 0
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok: records of here: records: readable: results 1,") for line in said)
    assert any(line.startswith("ok: machine: cores: ") for line in said) and said[-1].startswith("sound: ")


def test_damage_is_1_and_0_after_a_repair(recorded: Store, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded.folder / "complexity" / f"base-b-{CELL.key}.json"
    path.write_text(path.read_text().replace("1.5", "1.6"))
    assert main(options(recorded)) == 1
    assert f"wrong: records of here: damaged: complexity/{path.name}: damaged (" in capsys.readouterr().out
    assert path.is_file(), "nothing is repaired unless that was asked for"
    assert main(options(recorded, "--repair", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sound"] and found["sections"]["repaired in here"][0]["subject"] == "moved"
    assert not path.exists() and "1.6" in next((path.parent / "damaged").iterdir()).read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--seconds", "-1"], "--seconds -1: give 0 to 600"),
        (["--seconds", "nan"], "--seconds nan: give 0 to 600"),
        (["--machine", "there"], "no records of machine 'there'"),
        (["--machine", "../x"], "machine name '../x'"),
        (["--results", "/nowhere"], "--results /nowhere: no such folder"),
    ],
)
def test_bad_input_is_2(recorded: Store, more: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(recorded, *more)) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


HIDING = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
from reidbench.cli import main
from reidbench.doctor import installation
known = installation.installed
installation.installed = lambda name: "" if name in {hidden!r} else known(name)
sys.exit(main(sys.argv[1:]))
"""


def doctor_without(*hidden: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = HIDING.format(hidden=hidden)
    command = [sys.executable, "-c", code, "doctor", "--seconds", "0.1", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REIDBENCH_CACHE": str(folder / "cache")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_starts_without_torch_and_says_so(tmp_path: Path) -> None:
    answer = doctor_without("torch", folder=tmp_path)
    assert answer.returncode == 1, answer.stderr
    found = json.loads(answer.stdout)["sections"]
    wrong = [one for section in ("installation", "records") for one in found[section] if one["mark"] == "wrong"]
    assert {one["subject"] for one in wrong} == {"torch"}
    assert any(one["text"].startswith("not installed: pip install 'torch>=") for one in wrong)
    assert found["noise"][0]["subject"] == "matrix product"


def test_it_starts_with_nothing_installed_at_all(tmp_path: Path) -> None:
    hidden = ("torch", "numpy", "scipy", "pandas", "rich", "psutil", "filelock", "packaging", "PIL", "matplotlib")
    answer = doctor_without(*hidden, folder=tmp_path)
    assert answer.returncode == 1, answer.stderr
    found = json.loads(answer.stdout)["sections"]
    assert {"numpy", "rich", "psutil"} <= {one["subject"] for one in found["installation"] if one["mark"] == "wrong"}
    for section in ("machine", "noise"):
        assert [one["subject"] for one in found[section]] == ["not examined"]
    assert [one["subject"] for one in found["records"]] == ["records"], "reading them needs Python alone"


def test_a_terminal_gets_a_table(recorded: Store) -> None:
    controller, terminal = pty.openpty()
    code = "import sys; from reidbench.cli import main; from reidbench.doctor import installation as i; "
    code += "from reidbench.doctor.findings import Finding; i.torch_itself = lambda: Finding('torch', 'imports'); "
    code += "from reidbench import resources; resources.cpu_quota = lambda: None; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1", "TERM": "xterm"}
    command = [sys.executable, "-c", code, *options(recorded)]
    with subprocess.Popen(command, stdout=terminal, env=environment) as process:
        os.close(terminal)
        said = b""
        while True:
            try:
                piece = os.read(controller, 4096)
            except OSError:  # how Linux tells that the other side is closed
                break
            if not piece:
                break
            said += piece
    os.close(controller)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).splitlines()
    assert process.returncode == 0 and any("records of here ---" in line for line in lines)
    assert any(line.startswith("ok    cores  ") for line in lines) and lines[-1].startswith("sound: ")
