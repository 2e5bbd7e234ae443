"""The command line: quick to start, one line for every mistake, exit code 2."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reidbench import machine, registry
from reidbench.cli import main
from reidbench.store import machines

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
        (["table2", "--data", "occlusion"], "--data occlusion: write it as OPTION=VALUE"),
        (["evaluate", "bicnet", "--weights", "x", "--data", "sed=1"], "no option 'sed'; did you mean 'seed'?"),
        (["table2", "--dataset", "ilids", "--root", "x", "--data", "split=11"], "dataset ilids: split is 11"),
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
        (["report", "tabel2"], "no suite is named 'tabel2'; did you mean 'table2'?"),
        (["report", "table2", "--format", "htlm"], "no format is named 'htlm'; did you mean 'html'?"),
        (["report", "--results", "/nowhere"], "no records under /nowhere"),
        (["evaluate", "bicnet"], "--weights"),
        (["data"], "ACTION"),
        (["list", "--plugin"], "--plugin"),
        (["profile", "bicnet", "--set", "alpha={1,2}"], "--set alpha={1,2}"),
        (["profile", "bicnet", "--set", "alpha=1e999"], "--set alpha=1e999"),
        (["profile", "bicnet", "--device", "foo"], "--device foo"),
        (["train", "bicnet", "--seed", "-1", "--out", "x"], "--seed -1"),
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


@pytest.mark.skipif(bool(machine.describe()["gpu"]), reason="there is a GPU")
@pytest.mark.parametrize("command", [["table2"], ["profile", "bicnet"], ["train", "bicnet", "--out", "x"]])
def test_a_missing_gpu_is_told_before_anything_runs(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--device", "cuda"]) == 2
    assert "no CUDA GPU" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_another_machines_folder_is_not_measured_into(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "other"
    folder.mkdir(parents=True)
    (folder / "machine.json").write_text('{"cpu": "x", "cores": 64, "memory_gib": 4, "gpu": ""}')
    assert main(["table2", "--machine", "other"]) == 2
    assert "another machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list", "SUITE = 1", "cannot be named 'list'"),
        ("table2", "SUITE: int = 1", "suite 'table2' is defined in both"),
        ("mine", "from reidbench.registry import model\nW = 3\n@model()\ndef f(*, width=W): ...", "literal defaults"),
    ],
)
def test_a_plugin_that_cannot_work_is_refused(
    name: str, text: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    try:
        assert main(["list", "--plugin", str(path)]) == 2
    finally:
        registry._plugins.remove(path)
        for find in (registry.models, registry.datasets, registry.suite_paths, registry.model_source):
            find.cache_clear()
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


COPY = '"""Table 2 under another name."""\n\nfrom reidbench.suites import table2\n\nSUITE = table2.SUITE\n'


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[list[str]]:
    """Options for a copy of the committed records, whatever they still answer, and for a second suite."""
    name = machines(ROOT / "results")[0]
    shutil.copytree(ROOT / "results" / name, tmp_path / "results" / name)
    (tmp_path / "copy.py").write_text(COPY)
    yield ["--results", str(tmp_path / "results"), "--machine", name, "--plugin", str(tmp_path / "copy.py")]
    registry._plugins.remove(tmp_path / "copy.py")
    for find in (registry.models, registry.datasets, registry.suite_paths, registry.model_source):
        find.cache_clear()


def test_one_suite_is_reported_in_the_formats_asked_for(recorded: list[str], tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert main(["report", "table2", *recorded, "--only", "cost", "--format", "md", "html", "--out", str(out)]) == 0
    assert {"table2.md", "table2.html"} <= {path.name for path in out.iterdir()}
    said = capsys.readouterr().out
    assert "BiCnet-TKS" in said and f"written: {out / 'table2.html'}" in said


def test_several_suites_make_one_report_in_the_machines_folder(recorded: list[str], tmp_path: Path, capsys) -> None:
    folder = tmp_path / "results" / recorded[3]
    assert main(["report", "table2", "copy", "table2", *recorded, "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {line["suite"] for line in lines} == {"table2", "copy"}
    text = (folder / "report.md").read_text()
    assert "table2" in text.splitlines()[2] and "copy" in text.splitlines()[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "table2", "copy", "--rows", "1"], "--rows: give it with one suite"),
        (
            ["report", "--preset", "full", "--only", "accuracy"],
            "holds less than half of every suite with these options; name the suites",
        ),
    ],
)
def test_a_report_that_cannot_be_made_is_refused(
    arguments: list[str], message: str, recorded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, *recorded]) == 2
    assert message in capsys.readouterr().err
