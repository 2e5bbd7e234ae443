"""`export` from the shell to the files it leaves."""

from __future__ import annotations

import json
import math
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from in_process import bench
from torch import Tensor

from reidbench import registry
from reidbench.cli import main
from reidbench.commands import export as export_commands
from reidbench.deployment import files, runtimes
from reidbench.deployment.agreement import Agreement
from reidbench.planning.plan import Request, choose_preset, model_cell
from reidbench.spec import UserError
from reidbench.training.checkpoint import save_model


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model.pt`, untrained weights of baseline under the preset quick."""
    cell = model_cell("baseline", {}, choose_preset(Request()))
    torch.manual_seed(3)
    model = registry.build(cell.model, **cell.options)
    about = {"preset": "quick", "dataset": "synthetic", "seed": 3, "losses": [[1, 2.0]]}
    file = tmp_path_factory.mktemp("given") / "model.pt"
    save_model(file, model, name=cell.model, options=cell.identity["options"], about=about)
    return file


@pytest.fixture(autouse=True)
def place(given: Path, own_cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a copy of what is `given`."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(given, "model.pt")


@pytest.fixture(scope="module")
def onnx(given: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """`model.pt` as ONNX for any number of clips, the note beside it, and what was printed."""
    file = tmp_path_factory.mktemp("onnx") / "b.onnx"
    arguments = ("baseline", "--weights", str(given), "--batch", "any", "--out", str(file))
    code, said, _ = bench("export", *arguments, environment={"REIDBENCH_CACHE": str(file.parent / "cache")})
    assert code == 0
    return file, json.loads(file.with_name("b.onnx.json").read_text()), said


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["export", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_the_file_gives_the_vector_of_the_weights(onnx: tuple[Path, dict[str, Any], str]) -> None:
    """As the note beside it says how: what a reader without this project does."""
    file, note, said = onnx
    assert "1 - cosine at most" in said
    pixels = np.random.default_rng(0).integers(0, 256, (2, *note["clips"]["shape"][1:])).astype(np.float32)
    mean, deviation = (np.array(note["clips"][name], np.float32)[:, None, None] for name in ("mean", "deviation"))
    clips = torch.from_numpy((pixels / 255 - mean) / deviation)
    cell = model_cell("baseline", {}, choose_preset(Request()))
    model = registry.build(cell.model, **cell.options).eval()
    model.load_state_dict(torch.load("model.pt", weights_only=True)["state"], strict=False)
    with torch.no_grad():
        wanted = model.neck(model(clips).feature)
    torch.testing.assert_close(runtimes.load(file, "onnx")(clips), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "b.foo"), "give --format, or --out with a name that ends with one of .onnx"),
        (("--out", "b.ts", "--format", "onnx"), "of format onnx ends with .onnx"),
        (("--format", "onxn"), "did you mean 'onnx'"),
        (("--out", "no/b.onnx"), "there is no folder no"),
        (("--out", "b.onnx", "--precision", "int8"), "onnx is written in fp32"),
        (("--out", "b.pt2", "--batch", "0"), "--batch 0: give 1 or more, or any"),
        (("--out", "b.pt2", "--batch", "few"), "--batch few: give 1 or more, or any"),
        (("--out", "b.ts", "--device", "cuda"), "export: unknown argument '--device'"),
        (("--out", "b.ts", "--batch", "any"), "--batch any: torchscript is written for one number of clips"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refused("baseline", "--weights", "model.pt", *arguments, capsys=capsys)


def test_a_file_for_any_number_of_clips_is_checked_with_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "baseline", "--weights", "model.pt", "--out", "b.pt2", "--batch", "any"]) == 0
    said = capsys.readouterr().out
    assert "float32 [any, 8, 3, 64, 32]" in said and "over 9 batches of random clips\n" in said
    assert json.loads(Path("b.pt2.json").read_text())["clips"]["shape"] == ["any", 8, 3, 64, 32]


@pytest.mark.parametrize(("model", "frames"), [("stmn", 6), ("ap3d", 4)])
def test_clips_are_as_long_as_the_recipe_of_the_model_has_them(model: str, frames: int) -> None:
    slim = ("--set", "width=8", "--set", "blocks=(1, 1, 1, 1)")
    given = ("--weights", "random", "--preset", "authors", *slim, "--out", "m.ts")
    assert main(["export", model, *given]) == 0
    assert json.loads(Path("m.ts.json").read_text())["clips"]["shape"] == [1, frames, 3, 256, 128]


def test_the_note_says_what_the_file_is_and_the_file_holds_it_too(onnx: tuple[Path, dict[str, Any], str]) -> None:
    file, note, _ = onnx
    assert note["training"] == {"preset": "quick", "dataset": "synthetic", "seed": 3}
    for package in ("torch", "onnx", "onnxscript"):
        assert note["versions"][package] == version(package)
    session = onnxruntime.InferenceSession(file)
    (given,), (found,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type) == (note["clips"]["input"], "tensor(float)")
    assert given.shape == ["batch", *note["clips"]["shape"][1:]]
    assert (found.name, found.shape) == (note["vector"]["output"], ["batch", note["vector"]["length"]])
    held = json.loads(session.get_modelmeta().custom_metadata_map["reidbench"])
    checked = note["checked_against_float64"]
    assert checked["clips"] == "random" and checked["cosine_error"] < 1e-6
    assert {**held, "checked_against_float64": checked} == note and "checked_against_float64" not in held


def test_weights_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--weights FILE" in refused("baseline", "--out", "b.onnx", capsys=capsys)
    assert main(["export", "baseline", "--weights", "random", "--preset", "quick", "--out", "b.ts", "--json"]) == 0
    note = json.loads(capsys.readouterr().out)
    assert (note["weights"], note["training"]) == ("random", {})


def test_what_is_wrong_with_the_model_is_told_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("bicnet_tks", "--preset", "quick", "--weights", "random", "--set", "alpha=2", "--out", "a.onnx")
    said = refused(*arguments, capsys=capsys)
    assert said == "bench.py: model bicnet_tks: a clip of 8 frames: with alpha=2 it must be a multiple of 3\n"


@pytest.mark.parametrize(
    ("found", "why"),
    [(1e-3, "would compute other vectors than the model"), (math.nan, "would compute vectors that are not finite")],
)
def test_a_file_that_computes_something_else_is_not_written(
    found: float, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("b.ts").write_text("older")
    monkeypatch.setattr("reidbench.deployment.agreement.compare", lambda *_: Agreement(found, 0.1))
    said = refused("baseline", "--weights", "model.pt", "--out", "b.ts", capsys=capsys)
    assert why in said
    assert Path("b.ts").read_text() == "older" and sorted(p.name for p in Path().glob("*b.ts*")) == ["b.ts"]


def test_int8_is_quantised_where_a_batch_takes_more_clips_than_there_are_to_calibrate_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two persons before two cameras are four tracklets."""
    write, given = files.write, list[Tensor]()

    def spy(*arguments: Any, calibration: Any, **named: Any) -> list[Path]:
        given[:] = calibration
        if len(given[0]) < 4:
            raise UserError("not written, for that takes long")
        return write(*arguments, calibration=calibration, **named)

    monkeypatch.setattr(files, "write", spy)
    few = [part for name in ("train_ids=2", "test_ids=2", "cameras=2", "frames=8") for part in ("--data", name)]
    arguments = ("--weights", "model.pt", "--preset", "quick", *few, "--precision", "int8", "--out", "b.xml")
    for batch, batches in ((2, 2), (3, 2), (5, 1)):
        assert main(["export", "baseline", *arguments, "--batch", str(batch)]) == (0 if batch == 5 else 2)
        assert [len(clips) for clips in given] == [batch] * batches
        clips = torch.cat(given)
        assert len(clips[:4].unique(dim=0)) == 4 and clips[4:].equal(clips[: len(clips) - 4])
    assert Path("b.bin").stat().st_size < Path("model.pt").stat().st_size / 2


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(export_commands, "missing", lambda *_: "onnx not installed: pip install x")
    assert "--format onnx: onnx not installed" in refused(
        "baseline", "--weights", "model.pt", "--out", "b.onnx", capsys=capsys
    )
