"""The command line: quick to start, one line for every mistake, exit code 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reidbench.cli import main

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tabel2"], "no command or suite is named 'tabel2'; did you mean 'table2'?"),
        (["table2", "--preset", "quik"], "no preset is named 'quik'; did you mean 'quick'?"),
        (["table2", "--pre", "quick"], "unknown argument '--pre'; did you mean '--preset'?"),
        (["table2", "--only", "costs"], "did you mean 'cost'?"),
        (["table2", "--rows", "Base-X"], "did you mean 'Base-S (128x64)'?"),
        (["table2", "--dataset", "marz"], "no dataset is named 'marz'; did you mean 'mars'?"),
        (["table2", "--dataset", "mars"], "dataset mars needs --root"),
        (["table2", "--preset", "paper", "--root", "/nowhere"], "/nowhere"),
        (["table2", "--protocol", "relaese"], "did you mean 'release'?"),
        (["table2", "--device", "tpu"], "--device tpu"),
        (["table2", "--seeds", "many"], "--seeds"),
        (["table2", "--machine", "../x"], "machine name"),
        (["table2", "--plugin", "/nowhere.py"], "--plugin /nowhere.py: no such file"),
        (["profile", "bicnet_tkss"], "did you mean 'bicnet_tks'?"),
        (["profile", "bicnet", "--set", "alhpa=3"], "did you mean 'alpha'?"),
        (["profile", "bicnet", "--set", "alpha"], "OPTION=VALUE"),
        (["report", "table2", "--results", "/nowhere"], "no records under /nowhere"),
        (["report", "tabel2"], "no records|did you mean"),
        (["evaluate", "bicnet"], "--weights"),
        (["data"], "ACTION"),
        (["--nonsense"], "COMMAND"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("bench.py: ")
    assert any(part in said for part in message.split("|")), said
    assert not list(tmp_path.rglob("*.json")), "a refused command must leave nothing behind"


def test_list_names_everything_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "bicnet_tks" in found["models"] and {"mars", "synthetic"} <= set(found["datasets"])
    assert "table2" in found["suites"] and "complexity" in found["measurements"]
    for entries in found.values():
        for name, about in entries.items():
            assert about, f"{name} has no line about it"


def test_help_shows_the_commands_without_torch() -> None:
    code = (
        "import sys; sys.argv = ['bench.py', '--help']; import runpy; runpy.run_path('bench.py', run_name='__main__')"
    )
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "table2" in answer.stdout and "profile" in answer.stdout
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert not imported & {"torch", "pandas", "matplotlib", "scipy"}


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "COMMAND" in capsys.readouterr().out
