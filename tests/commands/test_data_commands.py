"""`data check` and `data describe` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from trees import write_prid

from reidbench.cli import main

FEW = [part for option in ("train_ids=4", "test_ids=4", "cameras=2", "frames=4") for part in ("--data", option)]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))


def test_what_is_as_expected_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "synthetic", *FEW, "--decode"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[-1] == "everything is as expected"
    assert any(line.split() == ["training", "tracklets", "8", "8"] for line in lines)
    assert "frames decoded: 64" in lines and "64/64 frames decoded, 0 damaged" in said.err


def test_what_differs_is_named_with_its_file_and_exit_code_2(mars_tree: Path, capsys) -> None:
    (mars_tree / "bbox_train/0003/0003C1T0001F002.jpg").unlink()
    assert main(["data", "check", "mars", "--root", str(mars_tree)]) == 2
    out = capsys.readouterr().out
    assert "training tracklets        6      8298   differs: see info/tracks_train_info.mat" in out
    assert "queries without a match in another camera: 0 with queries in the gallery, 0 with queries left out" in out
    assert "1 problem:\n" in out and "0003: 1 of 24 frames missing, first 0003C1T0001F002.jpg" in out
    assert out.endswith("not usable: mend what is named above\n")
    (mars_tree / "info/query_IDX.mat").unlink()
    assert main(["data", "check", "mars", "--root", str(mars_tree)]) == 2
    assert "query_IDX.mat: no such file" in capsys.readouterr().out


def test_json_holds_all_of_it(mars_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "mars", "--root", str(mars_tree), "--json"]) == 1, "only counts differ"
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False and found["problems"] == []
    assert {"name": "queries", "found": 2, "expected": 1980, "file": "info/query_IDX.mat"} in found["counts"]
    assert found["unmatched"] == {"queries in the gallery": 0, "queries left out": 0}


def test_a_script_can_tell_counts_that_differ_from_what_is_not_usable(mars_tree: Path, capsys) -> None:
    command = ["data", "check", "mars", "--root", str(mars_tree)]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert main([*command, "--subset"]) == 0
    assert capsys.readouterr().out == said, "what differs is shown all the same"
    assert main(["data", "describe", *command[2:], "--subset"]) == 0
    (mars_tree / "bbox_train/0003/0003C1T0001F002.jpg").unlink()
    assert main([*command, "--subset"]) == 2


def test_a_description_is_text_json_and_a_picture(mars_tree: Path, tmp_path: Path, capsys) -> None:
    file = tmp_path / "out" / "mars.png"
    assert main(["data", "describe", "mars", "--root", str(mars_tree), "--out", str(file)]) == 0
    out = capsys.readouterr().out
    assert ["training", "3", "6", "81", "3", "8.5", "40"] in [line.split() for line in out.splitlines()]
    assert f"written: {file}" in out and "16x8" in out
    with Image.open(file) as picture:
        assert picture.width > 1000
    assert main(["data", "describe", "mars", "--root", str(mars_tree), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parts"]["training"]["lengths"] == [5, 9, 16, 8, 3, 40]
    assert found["sizes"] == [{"height": 16, "width": 8, "frames": 13}]


def test_a_default_that_kept_data_were_not_made_with_is_refused(tmp_path: Path, capsys) -> None:
    root = str(tmp_path / "few")
    assert (
        main(["data", "synthetic", root, "--train-ids", "4", "--test-ids", "4", "--cameras", "2", "--frames", "1"]) == 0
    )
    for action in ("check", "describe"):
        assert main(["data", action, "synthetic", "--root", root, *FEW[:2]]) == 0
        assert main(["data", action, "synthetic", "--root", root, "--data", "frames=16"]) == 2
        assert f"{root}: was written with frames=1, not 16: leave frames out" in capsys.readouterr().err


def test_synthetic_needs_no_root(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "describe", "synthetic", *FEW]) == 0
    assert "queries left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "marz"], "no dataset is named 'marz'; did you mean 'mars'?"),
        (["check", "mars"], "dataset mars needs --root"),
        (["check", "duke", "--root", "x", "--data", "dens=3"], "no option 'dens'; did you mean 'dense'?"),
        (["describe", "mars", "--root", "nowhere"], "nowhere/info: no such folder"),
        (["describe", "synthetic", "--out", "a.jpg"], "--out a.jpg: give a name that ends with .png"),
        (["synthetic", "made", "--sheet", "a.svg"], "--sheet a.svg: give a name that ends with .png"),
        (["check", "ilids", "--root", "x", "--data", "split"], "--data split: write it as OPTION=VALUE"),
        (["check", "mars", "--root", "x", "--data", "root=y"], "--data root: give --root"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}, "and nothing is written"


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["data", "describe", "synthetic", *FEW, "--out", str(tmp_path / "file" / "x.png")]) == 2
    assert "x.png: cannot be written" in capsys.readouterr().err


WRONG = """from pathlib import Path
from reidbench.data.tracklets import Dataset
from reidbench.registry import dataset

@dataset
def mine():
    \"\"\"One's own.\"\"\"
    return {made}
"""


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ('Dataset("mine", Path(), (), (), ())', "dataset mine: TypeError: Dataset.__init__() missing 2 required"),
        ("((), (), ())", "mine must return a reidbench.data.tracklets.Dataset"),
        ('Dataset("mine", Path(), [], (), (), "", True)', "mine: its train is no tuple"),
        ('Dataset("mine", ".", (), (), (), "", True)', "mine: its root is no Path"),
        ('Dataset("mine", Path(), (), (1,), (), "", True)', "mine: its query holds what is no Tracklet"),
    ],
)
def test_a_wrong_dataset_of_ones_own_is_the_same_line_wherever_it_is_used(
    made: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(WRONG.format(made=made))
    said = set()
    train = ["train", "baseline", "--dataset", "mine", "--out", str(tmp_path / "out")]
    for command in (["data", "check", "mine"], ["data", "describe", "mine"], train):
        assert main([*command, "--plugin", str(path)]) == 2
        said.add(capsys.readouterr().err)
    (line,) = said
    assert f"mine.py: {message}" in line and line.count("\n") == 1


def test_every_split_is_checked_unless_one_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(write_prid(tmp_path / "prid"))
    assert main(["data", "check", "prid", "--root", root]) == 1, "six persons are not the 178 that were published"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"PRID-2011, split 1 of 10 in {root}" and lines[-1] == "splits 2-10: the same"
    file = tmp_path / "prid" / "splits_prid2011.json"
    splits = json.loads(file.read_text())
    splits[6]["test"][0] = "person_0555"
    file.write_text(json.dumps(splits))
    assert main(["data", "check", "prid", "--root", root]) == 2
    said = capsys.readouterr().out
    assert "splits 2-6,8-10: the same\nsplit 7 is otherwise:\n" in said
    assert f"  {root}/prid_2011/multi_shot/cam_a/person_0555: missing, or holds no frame\n" in said
    assert main(["data", "check", "prid", "--root", root, "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [len(other["problems"]) for other in found["other_splits"].values()] == [0, 0, 0, 0, 0, 2, 0, 0, 0]
    assert main(["data", "check", "prid", "--root", root, "--data", "split=7"]) == 2
    said = capsys.readouterr().out
    assert said.startswith("PRID-2011, split 7 of 10 in ") and "splits" not in said.rpartition("problem")[2]


def test_a_description_names_its_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(write_prid(tmp_path / "prid"))
    assert main(["data", "describe", "prid", "--root", root, "--data", "split=4"]) == 0
    assert capsys.readouterr().out.startswith("prid, split 4 of 10: 3 training identities")
