"""The examples of docs/extending.md: the page shows the files as they are, and each does what the page says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from reidbench import registry
from reidbench.cli import main
from reidbench.commands.reports import check_figures
from reidbench.planning.plan import Request, make_plan
from reidbench.spec import Cell, Suite, UserError
from reidbench.store import Store

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
SLIM = {"width": 8, "blocks": (1, 1, 1, 1)}


def add(*names: str) -> None:
    for name in names:
        registry.add_plugin(DOCS / "examples" / f"{name}.py")


def test_the_page_shows_every_example_as_it_is() -> None:
    shown = re.findall(r"<!-- examples/(\w+\.py) -->\n\n```python\n(.*?)```", (DOCS / "extending.md").read_text(), re.S)
    assert [name for name, _ in sorted(shown)] == [path.name for path in EXAMPLES]
    assert dict(shown) == {path.name: path.read_text() for path in EXAMPLES}


def test_all_are_listed_together(capsys) -> None:
    assert main(["list", *(f"--plugin={path}" for path in EXAMPLES)]) == 0
    listed = capsys.readouterr().out
    for name in ("mynet", "mydata", "mymars", "mysuite", "mymeasurement", "activations"):
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
