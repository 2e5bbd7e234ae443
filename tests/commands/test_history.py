"""A cell over commits: read from git alone, printed and drawn."""

import json
import os
import subprocess
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reidbench import registry
from reidbench.cli import main
from reidbench.commands import history as history_command
from reidbench.regression.series import Point, Series
from reidbench.spec import Cell, Record
from reidbench.statistics import Estimate
from reidbench.store import Store, read_record

IDENTITY = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")

SOME = {"name": "some", "fingerprint": "f00d", "subset": False}


def save(root: Path, value: float, source: str, row: str = "My row", **settings: Any) -> None:
    cell = Cell(row, "complexity", "toy", {"name": row}, {"version": 1, **settings}, source)
    known = ("here", {"python": "3.11"}, f"2026-01-0{value:.0f}T00:00:00+00:00", 1.0)
    Store(root / "results", "here").save(
        Record(cell.identity, cell.key, row, "ok", {"params": value * 1e6}, {}, {}, *known)
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three commits: one with 1 M parameters, one that touches no record, one with 2 M of another code."""

    def git(*arguments: str) -> None:
        subprocess.run(["git", *IDENTITY, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    save(tmp_path, 1, "old")
    save(tmp_path, 5, "old", row="My row 2")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    (tmp_path / "notes").write_text("x")
    git("add", ".")
    git("commit", "--quiet", "-m", "two")
    save(tmp_path, 2, "new")
    git("add", ".")
    git("commit", "--quiet", "-m", "three")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_commit_that_recorded_a_cell_is_a_point(repository: Path, capsys) -> None:
    assert main(["history", "My row", "complexity.params", "--json"]) == 0
    (series,) = json.loads(capsys.readouterr().out)
    assert [point["known"]["value"] for point in series["points"]] == [1e6, 2e6]
    assert len({point["commit"] for point in series["points"]}) == 2


def test_it_is_printed_and_drawn(repository: Path, capsys) -> None:
    assert main(["history", "My row", "complexity.params", "--out", "drawn"]) == 0
    said = capsys.readouterr().out
    assert "here, version 1 (M)" in said and "  1.00" in said and "  2.00" in said
    with Image.open(repository / "drawn" / "history-my-row-complexity.params.png") as image:
        assert image.width > 900
    svg = (repository / "drawn" / "history-my-row-complexity.params.svg").read_text()
    assert svg.count("<svg") == 1


def test_a_record_is_read_once_whatever_its_folder_is_called(
    repository: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(history_command, "read_record", lambda path: read.append(path.name) or read_record(path))
    for arguments in (["mv", "results", "r\u00e9sultats"], ["commit", "--quiet", "-m", "four"]):
        subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True)
    assert main(["history", "My row", "complexity.params", "--json", "--results", "r\u00e9sultats"]) == 0
    (series,) = json.loads(capsys.readouterr().out)
    assert [point["known"]["value"] for point in series["points"]] == [2e6]
    read.clear()
    assert main(["history", "My row", "complexity.params", "--json", "--results", "results"]) == 0
    assert len(read) == len(set(read)) == 3, "two records of the row, and one of another that begins alike"


def test_a_folder_whose_name_is_no_text_has_its_history(repository: Path, capsys) -> None:
    folder = os.fsdecode(b"r\xe9sultats")
    for arguments in (["mv", "results", folder], ["commit", "--quiet", "-m", "four"]):
        subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True)
    assert main(["history", "My row", "complexity.params", "--json", "--results", folder]) == 0
    (series,) = json.loads(capsys.readouterr().out)
    assert [point["known"]["value"] for point in series["points"]] == [2e6]


def test_in_a_hook_of_gits_the_results_own_repository_is_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_WORK_TREE", "/")
    assert main(["history", "My row", "complexity.params", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)[0]["points"]) == 2


def test_a_shallow_clone_says_that_it_lacks_commits(repository: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    subprocess.run(["git", "clone", "--quiet", "--depth=1", repository.as_uri(), "shallow"], check=True)
    monkeypatch.chdir(repository / "shallow")
    assert main(["history", "My row", "complexity.params", "--json"]) == 0
    out, said = capsys.readouterr()
    assert len(json.loads(out)[0]["points"]) == 1
    assert "the clone is shallow: git fetch --unshallow" in said and said.count("\n") == 1
    assert main(["history", "My roe", "complexity.params"]) == 2
    said = capsys.readouterr().err
    assert "no record of complexity.params" in said and "git fetch --unshallow" in said and said.count("\n") == 1


def test_what_lies_uncommitted_is_not_history(repository: Path, capsys) -> None:
    save(repository, 3, "newest")
    assert main(["history", "My row", "complexity.params", "--json"]) == 0
    assert [p["known"]["value"] for p in json.loads(capsys.readouterr().out)[0]["points"]] == [1e6, 2e6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["My roe", "complexity.params"], "in the commits of results; did you mean 'My row'?"),
        (
            ["8", "complexity.params"],
            "8: no record of complexity.params in the commits of results; bench.py list SUITE",
        ),
        (["My row", "complexity.parms"], "did you mean 'params'?"),
        (["My row", "complxity.params"], "did you mean 'complexity'?"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, repository: Path, capsys) -> None:
    assert main(["history", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_a_machine_is_its_folder_whatever_name_its_records_have(repository: Path, capsys) -> None:
    for arguments in (["add", "."], ["mv", "results/here", "results/box"], ["commit", "--quiet", "-m", "four"]):
        subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True)
    for name, values in (("here", [1e6, 2e6]), ("box", [2e6])):
        assert main(["history", "My row", "complexity.params", "--json", "--machine", name]) == 0
        (series,) = json.loads(capsys.readouterr().out)
        assert series["label"].startswith(name) and [p["known"]["value"] for p in series["points"]] == values
    save(repository, 3, "new", row="My row 3")
    Store("results", "third").introduce_machine()
    for row, name, hint in (
        ("My row", "bxo", "'bxo' in the commits of results; did you mean 'box'?"),
        ("My row", "elsewhere", "'elsewhere' in the commits of results; there are box, here, third"),
        ("My row 3", "box", "'box' in the commits of results; did you mean 'My row 2'?"),
        ("My row", "third", "'third' in the commits of results; there is one of box, here"),
        ("My row 3", "here", "'here' in the commits of results; commit it first, or"),
    ):
        assert main(["history", row, "complexity.params", "--machine", name]) == 2
        said = capsys.readouterr().err
        assert hint in said and said.count("\n") == 1


def test_ratios_of_a_folder_that_is_gone_are_said_to_lack_its_calibration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    cell = Cell("My row", "latency", "toy", {}, {"version": 1, "device": "cpu"}, "now")
    samples = {"per_frame": [1.0, 1.1, 1.05, 1.02] * 5, "reference": [1.0, 1.0, 1.01, 1.02] * 5}
    known = ("here", {"python": "3.11"}, "2026-01-01T00:00:00+00:00", 1.0)
    Store(tmp_path / "results", "here").save(Record(cell.identity, cell.key, "My row", "ok", {}, samples, {}, *known))
    sessions = {row: [[-0.1], [0.0], [0.1]] for row in ("one", "other")}
    calibration = json.dumps({"about": {"device": "cpu"}, "log_ratios": sessions})
    (tmp_path / "results" / "here" / "calibration.json").write_text(calibration)
    monkeypatch.chdir(tmp_path)
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True)

    def width(results: str, name: str) -> float:
        assert main(["history", "My row", "latency.ratio", "--json", "--machine", name, "--results", results]) == 0
        (series,) = json.loads(capsys.readouterr().out)
        return series["points"][0]["known"]["high"] - series["points"][0]["known"]["low"]

    calibrated = width("results", "here")
    assert calibrated > 0.1
    assert width("results/here", "here") == calibrated
    for arguments in (["mv", "results/here", "results/box"], ["commit", "--quiet", "-m", "two"]):
        subprocess.run(["git", *IDENTITY, *arguments], check=True, capture_output=True)
    assert width("results", "box") == calibrated
    assert main(["history", "My row", "latency.ratio", "--machine", "here"]) == 0
    said = capsys.readouterr().err
    assert "here: no longer the folder of a machine in results, so no calibration: the intervals" in said


def test_outside_a_repository_there_is_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert main(["history", "My row", "complexity.params"]) == 2
    said = capsys.readouterr().err
    assert "lies in no git repository, whose commits would hold the history" in said and "fatal" not in said


def test_a_repository_that_git_takes_for_another_users_is_told_with_the_remedy(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert main(["history", "My row", "complexity.params"]) == 2
    said = capsys.readouterr().err
    assert f"; if you trust it: git config --global --add safe.directory {repository}" in said
    assert said.count("\n") == 1


def test_a_record_that_is_not_committed_is_told_from_none(repository: Path, capsys) -> None:
    save(repository, 3, "newest", row="My row 3")
    assert main(["history", "My row 3", "complexity.params", "--all"]) == 2
    assert "in the commits of results; commit it first\n" in capsys.readouterr().err


def test_a_split_is_no_option_that_its_records_are_hidden_for(repository: Path, capsys) -> None:
    for options, splits in (({"split": 2}, {"splits": 10}), ({"rate": 2}, {})):
        save(repository, 3, "new", row="Data", dataset={**SOME, "options": options, **splits})
    for command in (["add", "."], [*IDENTITY, "commit", "--quiet", "-m", "four"]):
        subprocess.run(["git", *command], cwd=repository, check=True, capture_output=True)
    for more, splits in (([], [True]), (["--all"], [True, False])):
        assert main(["history", "Data", "complexity.params", "--json", *more]) == 0
        found = json.loads(capsys.readouterr().out)
        assert sorted('"split":2' in series["points"][0]["what"] for series in found) == sorted(splits)


def test_of_more_series_than_can_be_told_apart_the_newest_are_drawn(repository: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(history_command, "MOST_SERIES", 1)
    drawn = []
    monkeypatch.setattr(history_command, "_draw", lambda found, *_: drawn.extend(found) or [])
    point = Point("abc", "2026-01-01", "x", "old", Estimate(1.0))
    series = [Series("old", (point,)), Series("new", (replace(point, date="2026-01-02"),))]
    monkeypatch.setattr(history_command, "series_of", lambda points: series)
    assert main(["history", "My row", "complexity.params"]) == 0
    assert [each.label for each in drawn] == ["new"]
    assert "drawn without 1 of 2 series, the oldest: at most 1 can be told apart" in capsys.readouterr().out


def test_commits_are_drawn_in_their_order_whichever_series_has_them(tmp_path: Path, monkeypatch) -> None:
    def draw(row: str, quantity: object, series: object, commits: list[str]) -> None:
        drawn.extend(commits)

    drawn: list[str] = []
    monkeypatch.setattr("reidbench.reporting.figures.history.history_figure", draw)
    first, second, third = (
        Point(commit, f"2026-01-0{day}", "x", "mine", Estimate(1.0)) for day, commit in ((3, "f"), (2, "b"), (1, "a"))
    )
    found = [Series("often", (first, third)), Series("between", (second,))]
    asked = Namespace(out=str(tmp_path), results="results", row="My row", quantity="complexity.params")
    quantity = registry.measurements()["complexity"].quantities["params"]
    history_command._draw(found, ["f", "b", "a"], quantity, asked)
    assert [text.partition("\n")[0] for text in drawn] == ["f", "b", "a"]
