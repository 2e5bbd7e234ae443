"""The commands that measure suites: when a model is tried before it is measured."""

import errno
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from reidbench import machine, registry, store
from reidbench.cli import main
from reidbench.commands import suites
from reidbench.planning.plan import Request, all_cells, make_plan
from reidbench.reporting import figures
from reidbench.spec import Record
from reidbench.store import Store


@pytest.mark.parametrize(("status", "tries"), [("ok", 1), ("failed", 2)])
def test_a_model_is_tried_until_it_is_measured(
    status: str, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def record(runner: suites.Runner, plans: list[suites.Plan], **_: object) -> None:
        for cell in all_cells(plans):
            known = (runner.store.name, {"python": "3.11"}, "2026-01-01T00:00:00+00:00", 1.0)
            runner.store.save(Record(cell.identity, cell.key, cell.row, status, {}, {}, {}, *known))

    monkeypatch.setattr(suites, "tried", lambda name, *_: tried.append(name))
    monkeypatch.setattr(suites.Runner, "run", record)
    for _ in range(2):
        assert main(["profile", "bicnet", "--results", str(tmp_path), "--machine", "here"]) == 0
    assert tried == ["bicnet"] * tries


def test_a_report_reads_each_record_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which seeds are recorded and what the table shows is taken from one reading."""
    place, home = Store(tmp_path, "here"), ["--results", str(tmp_path), "--machine", "here"]
    place.introduce_machine()
    cells = make_plan("table3", registry.suite("table3"), Request(only="accuracy", seeds=2), place).all_cells()
    for cell in cells:
        found = ({}, {"ap": [1.0], "top1": [1.0], "identity": [1.0]}, {}, "here", {}, "2026", 1.0)
        place.save(Record(cell.identity, cell.key, cell.row, "ok", *found))
    read: Counter[str] = Counter()
    whole = store.read_record

    def counted(path: Path) -> Record:
        read[path.name] += 1
        return whole(path)

    monkeypatch.setattr(store, "read_record", counted)
    monkeypatch.setattr(figures, "draw_figures", lambda *_, **__: [])
    assert main(["report", "table3", "--only", "accuracy", *home]) == 0
    assert len(read) == len(cells) and set(read.values()) == {1}
    assert "2 seeds" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["table2 --only cost", "calibrate --only cost", "check table2 --against"])
def test_a_machines_folder_is_no_results_folder_to_measure_into(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`report` takes it for that machine's; here all would be measured anew into a folder within it."""
    home = Store(tmp_path, machine.name())
    home.introduce_machine()
    monkeypatch.setattr(suites.Runner, "run", None)
    words = command.replace("--against", f"--against {tmp_path}").split()
    assert main([*words, "--results", str(home.folder)]) == 2
    said = capsys.readouterr().err
    assert f"is the folder of machine {home.name}; give its parent, {tmp_path}\n" in said and said.count("\n") == 1
    assert [path.name for path in home.folder.iterdir()] == ["machine.json"]


@pytest.mark.parametrize("command", ["report table2", "machines table2"])
def test_a_folder_that_cannot_be_written_names_the_option_for_another(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    Store(tmp_path, machine.name()).introduce_machine()
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    assert main([*command.split(), "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.endswith("(Read-only file system); choose another folder with --out DIR\n") and said.count("\n") == 1
