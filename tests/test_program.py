"""What the command is called: in a checkout and where the package is installed, in its help, errors and reports."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import reidbench
from reidbench import program
from reidbench.planning.plan import Request, make_plan
from reidbench.registry import suite
from reidbench.reporting.reproduce import command
from reidbench.store import Store

ROOT = Path(__file__).resolve().parent.parent


def called(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    words = [sys.executable, "-P", "-m", "reidbench", *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, cwd=folder)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installed package: `models` and `suites` inside it, no `bench.py` beside it."""
    place = tmp_path_factory.mktemp("site-packages")
    leave = shutil.ignore_patterns("*.pt", "__pycache__")
    shutil.copytree(ROOT / "reidbench", place / "reidbench", ignore=leave)
    for name in ("models", "suites"):
        shutil.copytree(ROOT / name, place / "reidbench" / name, ignore=leave)
    return place


def test_an_installed_package_names_the_command_that_is_installed(installed: Path) -> None:
    helped = called(installed, "--help")
    assert helped.returncode == 0 and "bench.py" not in helped.stdout
    assert helped.stdout.startswith("usage: reidbench COMMAND [options]\n       reidbench COMMAND --help\n")
    assert helped.stdout.rstrip().endswith("reidbench profile bicnet_tks")
    refused = called(installed, "nosuch")
    assert refused.returncode == 2 and refused.stderr.startswith("reidbench: no command or suite is named 'nosuch'")
    assert "usage: reidbench report " in called(installed, "report", "--help").stdout


def test_the_version_is_told_with_the_folder_that_it_lies_in(installed: Path) -> None:
    for place in (ROOT, installed):
        told = called(place, "--version")
        assert told.returncode == 0 and told.stdout == f"reidbench {reidbench.__version__} in {place / 'reidbench'}\n"


def test_a_report_names_the_command_that_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan("table2", suite("table2"), Request(only="cost"), Store(tmp_path, "here"))
    assert command(plan) == "python bench.py table2 --only cost"
    monkeypatch.setattr(program, "HERE", tmp_path / "reidbench")
    assert command(plan) == "reidbench table2 --only cost"


def test_an_extra_is_installed_from_the_checkout_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is none, the package was installed from somewhere that has it by name."""
    assert program.install_command("pdf") == "pip install -e '.[pdf]'"
    monkeypatch.setattr(program, "HERE", tmp_path / "reidbench")
    assert program.install_command("pdf") == "pip install 'reidbench[pdf]'"
