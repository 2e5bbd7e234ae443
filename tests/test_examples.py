"""The examples of the documentation: a page shows each file as it is, and each does what the page says."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from reidbench import registry
from reidbench.cli import main
from reidbench.commands.reports import check_figures
from reidbench.machine import physical_cores
from reidbench.planning.plan import Request, choose_preset, make_plan, model_cell
from reidbench.reporting.tables.layout import block_title
from reidbench.reporting.tables.table import assemble
from reidbench.spec import Cell, Suite, UserError
from reidbench.store import Store
from reidbench.training.checkpoint import save_model

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
SCRIPT = DOCS / "examples" / "match.py"
PLUGINS = [path for path in EXAMPLES if path != SCRIPT]
SLIM = {"width": 8, "blocks": (1, 1, 1, 1)}


def add(*names: str) -> None:
    for name in names:
        registry.add_plugin(DOCS / "examples" / f"{name}.py")


def test_a_page_shows_every_example_as_it_is() -> None:
    pages = "".join((DOCS / f"{name}.md").read_text() for name in ("extending", "deployment"))
    shown = re.findall(r"<!-- examples/(\w+\.py) -->\n\n```python\n(.*?)```", pages, re.S)
    assert [name for name, _ in sorted(shown)] == [path.name for path in EXAMPLES]
    assert dict(shown) == {path.name: path.read_text() for path in EXAMPLES}


def test_all_are_listed_together(capsys) -> None:
    assert main(["list", *(f"--plugin={path}" for path in PLUGINS)]) == 0
    listed = capsys.readouterr().out
    for name in ("mynet", "mydata", "mymars", "mysuite", "mydeployment", "mymeasurement", "activations"):
        assert re.search(rf"^  {name} +[A-Z]", listed, flags=re.MULTILINE), name


def test_the_model_keeps_the_contract() -> None:
    add("mynet")
    torch.manual_seed(0)
    clips = torch.randn(2, 4, 3, 64, 32)
    model = registry.build("mynet", classes=5, **SLIM).train()
    out = model(clips)
    assert out.logits[0].shape == (2, 5) and out.embeddings[0].shape == out.feature.shape
    (out.logits[0].square().sum() + out.embeddings[0][0].sum()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    bare = registry.build("mynet", **SLIM).eval()
    bare.load_trunk(model.trunk.state_dict())
    assert bare.classifier is None
    with torch.inference_mode():
        found = bare(clips)
        assert found.logits == () and bare.neck(found.feature).shape == out.feature.shape


def test_the_suite_is_planned(tmp_path: Path) -> None:
    add("mynet", "mysuite")
    suite = registry.suite("mysuite")
    check_figures({"mysuite": suite})
    assert suite.figures != Suite.figures, "so that each it names is checked to be one that it can draw"
    store = Store(tmp_path, "here")
    cost = make_plan("mysuite", suite, Request(only="cost"), store).all_cells()
    assert {cell.row for cell in cost} == {row.name for row in suite.rows}
    assert {cell.measurement for cell in cost} == {"complexity", "latency"}
    trained = make_plan("mysuite", suite, Request(only="accuracy"), store).all_cells()
    assert len(trained) == len(suite.rows)
    assert trained[-1].options["width"] == 16, "the preset makes its trunk slim"


def write_persons(root: Path, part: str, persons: range) -> None:
    for person in persons:
        for camera in (1, 2, 3):
            folder = root / part / str(person) / str(camera)
            folder.mkdir(parents=True)
            for frame in range(3):
                Image.new("RGB", (8, 16), (person, camera, frame)).save(folder / f"{frame}.jpg")


def test_the_dataset_is_read_and_described(tmp_path: Path, capsys) -> None:
    write_persons(tmp_path, "train", range(1, 4))
    write_persons(tmp_path, "test", range(9, 12))
    add("mydata")
    found = registry.datasets()["mydata"].load()(str(tmp_path))
    assert [(t.identity, t.camera) for t in found.query] == [(9, 1), (10, 1), (11, 1)]
    assert [t.camera for t in found.gallery] == [2, 3] * 3 and len(found.train) == 9
    plugin = f"--plugin={DOCS / 'examples' / 'mydata.py'}"
    assert main(["data", "describe", "mydata", f"--root={tmp_path}", plugin]) == 0
    assert "3 queries among 9 test tracklets" in capsys.readouterr().out

    Image.new("RGB", (8, 16), "white").save(tmp_path / "train/1/1/0.jpg")
    assert registry.datasets()["mydata"].load()(str(tmp_path)).fingerprint != found.fingerprint
    (tmp_path / "test/12/1").mkdir(parents=True)
    with pytest.raises(UserError, match="test/12/1: must be PERSON/CAMERA"):
        registry.datasets()["mydata"].load()(str(tmp_path))


def test_a_dataset_in_the_layout_of_mars_has_its_own_name_and_no_published_counts(mars_tree: Path, capsys) -> None:
    plugin = f"--plugin={DOCS / 'examples' / 'mymars.py'}"
    assert main(["data", "check", "mymars", f"--root={mars_tree}", plugin]) == 0
    assert "there are no published counts to compare with" in capsys.readouterr().out
    found = registry.datasets()["mymars"].load()(str(mars_tree))
    assert (found.name, found.subset) == ("mymars", False)


def test_the_measurement_counts_what_convolutions_put_out(tmp_path: Path) -> None:
    add("mymeasurement")
    suite = registry.suite("mymeasurement")
    planned = make_plan("mymeasurement", suite, Request(), Store(tmp_path, "here")).all_cells()
    cells = [cell for cell in planned if cell.measurement == "activations"]
    assert len(cells) == len(suite.rows) == 2
    tiny: Cell = replace(
        cells[0],
        options={**cells[0].options, "depth": 18, **SLIM},
        settings={**cells[0].settings, "shape": [1, 2, 3, 64, 32]},
    )
    notes: list[str] = []
    measure = registry.measurements()["activations"].function
    ((cell, outcome),) = measure([tiny], lambda *report: notes.append(report[-1]))
    # Stem 8x32x16; stage 1 two of 8x16x8; stages 2 to 4 two convolutions and a shortcut each.
    stages = 2 * 8 * 16 * 8 + 3 * 16 * 8 * 4 + 3 * 32 * 4 * 2 + 3 * 64 * 4 * 2
    assert cell is tiny and notes
    assert outcome.values == {"per_frame": 8 * 32 * 16 + stages}


def test_the_suite_of_backends_is_planned_on_all_cores_and_on_one(tmp_path: Path) -> None:
    add("mynet", "mydeployment")
    suite = registry.suite("mydeployment")
    plan = make_plan("mydeployment", suite, Request(), Store(tmp_path, "here"))
    assert not plan.absent
    times = [cell for cell in plan.all_cells() if cell.measurement == "latency" and cell.row == "mynet"]
    ran = {(cell.settings["backend"], cell.settings["precision"], cell.settings["threads"]) for cell in times}
    everywhere = {(backend, precision) for backend, precision, _ in ran}
    assert len(everywhere) == 5 and ("openvino", "int8") in everywhere
    assert ran == {(*each, threads) for each in everywhere for threads in (1, physical_cores())}
    table = assemble(plan, Store(tmp_path, "here"))
    titles = {block_title(heading, table) for heading in table.headings}
    assert "Cost: cpu, fp32, openvino, 1 thread, the paper's scale" in titles
    assert "Cost: cpu, fp32, openvino, the paper's scale" in titles


@pytest.fixture
def embedded(tmp_path: Path, write_mars: Callable[..., Path], own_cache: None, monkeypatch, capsys) -> dict[str, Any]:
    """Untrained weights of a small network, `model.pt`, and the features `eager.npz` of the tracklets below `ROOT`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SCRIPT.parent)
    write_mars("ROOT", size=(90, 50))
    cell = model_cell("baseline", {}, choose_preset(Request(preset="tiny")))
    torch.manual_seed(3)
    model = registry.build(cell.model, **cell.options)
    save_model(Path("model.pt"), model, name=cell.model, options=cell.identity["options"], about={"preset": "tiny"})
    assert main(["embed", *MODEL, "--out", "eager.npz"]) == 0
    with np.load("eager.npz") as file:
        return {name: file[name] for name in ("name", "vector")}


MODEL = ("baseline", "--weights=model.pt", "--dataset=mars", "--subset", "--root=ROOT")


def frames_of(name: str) -> list[Path]:
    first = Path("ROOT") / name
    return sorted(first.parent.glob(f"{first.name[:11]}*.jpg"))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_script_needs_nothing_of_this_project() -> None:
    tree = ast.parse(SCRIPT.read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"json", "sys", "pathlib", "numpy", "PIL", "onnxruntime", "openvino"}


def test_the_script_embeds_as_the_project_does_by_what_the_note_says(embedded: dict[str, Any], capsys) -> None:
    """And so what the note says is true: frames to fill the last clip, filter, scale, mean, deviation, names."""
    import match

    assert main(["export", *MODEL[:2], "--out", "b.onnx"]) == 0
    network, clips = match.load("b.onnx")
    lengths = {len(frames_of(name)) for name in embedded["name"]}
    assert min(lengths) < 4 and max(lengths) == 17, "one shorter than a clip, and one that does not fill its last"

    def differs(clips: dict[str, Any]) -> float:
        own = np.stack([match.embed(network, clips, frames_of(name)) for name in embedded["name"]])
        return float(1 - (own * unit(embedded["vector"])).sum(1).min())

    right = differs(clips)
    assert right < 1e-5
    others = {"resize": {"filter": "bilinear"}, "scale": 128, "mean": [0.5] * 3, "deviation": [0.2] * 3}
    for name, wrong in others.items():
        assert differs({**clips, name: wrong}) > 10 * max(right, 1e-6), name

    for number, name in enumerate(embedded["name"]):
        Path(f"all/{number}").mkdir(parents=True)
        for path in frames_of(name):
            shutil.copy(path, f"all/{number}")
    command = [sys.executable, "-I", str(SCRIPT), "b.onnx", "all", "all"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(told) == len(embedded["name"])
    for line in told:
        query, best = line.split("  ")[:2]
        assert best == f"{query} 1.000"


def test_the_script_takes_every_jpeg_and_tells_where_there_is_none(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import match

    names = ("a/1.JPG", "a/2.jpg", "b/c/1.jpeg", "b/c/2.Jpeg", "b/notes.txt", "none/1.png")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    a, c = tmp_path / "a", tmp_path / "b" / "c"
    assert match.tracklets(tmp_path) == {a: [a / "1.JPG", a / "2.jpg"], c: [c / "1.jpeg", c / "2.Jpeg"]}

    monkeypatch.setattr(match, "load", lambda file: (None, {}))
    for folders in ((a, tmp_path / "none"), (tmp_path / "none", a), (a, tmp_path / "mistyped")):
        with pytest.raises(SystemExit) as ended:
            match.main("b.onnx", *folders)
        (wrong,) = set(folders) - {a}
        assert ended.value.code == f"{wrong}: no folder in it holds a JPEG (.jpg or .jpeg)"


def test_the_page_tells_what_int8_loses(embedded: dict[str, Any], capsys) -> None:
    assert main(["export", *MODEL, "--out", "tks.xml", "--precision", "int8"]) == 0
    assert "of random clips, which tell nothing of accuracy" in " ".join(capsys.readouterr().out.split())
    exec((DOCS / "deployment.md").read_text().partition("<!-- tested -->\n\n```python\n")[2].partition("```")[0], {})
    with np.load("int8.npz") as file:
        assert 0 < 1 - (unit(file["vector"]) * unit(embedded["vector"])).sum(1).max() < 0.5
    assert main(["score", "eager.npz", "int8.npz", "--protocol", "release"]) == 0
    assert "features int8.npz, dataset mars (a subset), less eager.npz" in capsys.readouterr().out
