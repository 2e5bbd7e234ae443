"""From a cell to an accuracy, on a few rendered walkers and a trunk of four narrow blocks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from few_walkers import FEW
from trees import write_listed

from reidbench import registry
from reidbench.cli import main
from reidbench.data import synthetic
from reidbench.data.splits import trained_on
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.estimates import estimate
from reidbench.experiments.accuracy import (
    check_scorable,
    dataset_of,
    load_trained,
    recipe_of,
    score,
    score_features,
    train_cell,
)
from reidbench.experiments.dry_run import dry_run
from reidbench.planning.plan import Request, accuracy_cell
from reidbench.presets import PRESETS
from reidbench.retrieval.features import Features, gallery_of
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Cell, Places, UserError
from reidbench.store import Store
from reidbench.training.checkpoint import save_model

STEPS = 3


def quick_cell(root: Path, model: str = "two_branch", **settings: Any) -> Cell:
    cell = accuracy_cell(model, {}, Request(root=str(root)), 0, Store(root.parent / "results", "here"))
    recipe = {**cell.settings["recipe"], "steps": STEPS}
    return replace(cell, settings={**cell.settings, "recipe": recipe, **settings})


def ignore(*_: object) -> None:
    pass


def test_a_folder_of_another_training_says_what_differs(root: Path, tmp_path: Path) -> None:
    train_cell(quick_cell(root), Places(str(root)), tmp_path / "run", ignore, preset="quick")
    other = quick_cell(root, seed=1)
    told = r"training\.pt: belongs to another training \(preset quick, now tiny; seed 0, now 1\); give what it was"
    with pytest.raises(UserError, match=told):
        train_cell(other, Places(str(root)), tmp_path / "run", ignore, preset="tiny")
    with pytest.raises(UserError, match=told):
        dry_run(other, Places(str(root)), tmp_path / "run", preset="tiny")


def test_a_cell_becomes_samples_that_every_quantity_reads(root: Path, tmp_path: Path) -> None:
    cell, places = quick_cell(root), Places(str(root))
    model, dataset, trained = train_cell(cell, places, tmp_path / "run", ignore)
    outcome = score(model, dataset, cell, ignore)
    assert trained.steps == STEPS
    for name, quantity in registry.measurements()["accuracy"].quantities.items():
        found = estimate(quantity, name, [outcome])
        assert found is not None, name
        assert 0 <= found.value <= 1, name
    assert len(outcome.samples["ap"]) == outcome.context["queries"] == 16
    assert "look-alikes" not in outcome.context["dataset_about"] and "emblem" in outcome.context["dataset_about"]
    assert "coat flap" in outcome.context["trunk_about"]
    assert outcome.context["dataset_content"] == synthetic.content_hash(root)


@pytest.mark.parametrize(
    ("options", "absent"),
    [
        ({"detail": 1.0, "gait": 0.0}, {"mAP_tempo", "auc_tempo"}),
        ({"detail": 0.0, "gait": 1.0}, {"mAP_emblem", "auc_emblem"}),
        ({"detail": 0.0, "gait": 0.0}, {"mAP_emblem", "auc_emblem", "mAP_tempo", "auc_tempo", "floor"}),
        ({"occlusion": 0.0}, {"mAP_occluded"}),
        ({"occlusion": 1.0, "rate": 0.25, "misalignment": 6.0}, set()),
        ({"rate": 4.0, "misalignment": 0.0}, set()),
    ],
)
def test_what_a_dataset_has_nobody_for_is_absent(tmp_path: Path, options: dict[str, float], absent: set[str]) -> None:
    synthetic.write_synthetic(tmp_path / "data", **FEW, **options)
    cell, places = quick_cell(tmp_path / "data"), Places(str(tmp_path / "data"))
    model, dataset, _ = train_cell(cell, places, tmp_path / "run", ignore)
    outcome = score(model, dataset, cell, ignore)
    assert np.isfinite([value for values in outcome.samples.values() for value in values]).all()
    quantities = registry.measurements()["accuracy"].quantities.items()
    assert {name for name, quantity in quantities if estimate(quantity, name, [outcome]) is None} == absent


def test_the_same_cell_gives_the_same_accuracy(root: Path, tmp_path: Path) -> None:
    cell, places = quick_cell(root), Places(str(root))
    twice = []
    for folder in ("a", "b"):
        model, dataset, _ = train_cell(cell, places, tmp_path / folder, ignore)
        twice.append(score(model, dataset, cell, ignore).samples)
    assert twice[0] == twice[1]
    other = replace(cell, settings={**cell.settings, "seed": 1})
    model, dataset, _ = train_cell(other, places, tmp_path / "c", ignore)
    assert score(model, dataset, other, ignore).samples["ap"] != twice[0]["ap"]


def test_the_protocol_of_the_cell_is_the_one_that_is_scored(root: Path, tmp_path: Path) -> None:
    cell = quick_cell(root)
    model, dataset, _ = train_cell(cell, Places(str(root)), tmp_path / "run", ignore)
    samples = {}
    for name in ("release", "mars_matlab"):
        scored = replace(cell, settings={**cell.settings, "protocol": PROTOCOLS[name].identity})
        samples[name] = score(model, dataset, scored, ignore).samples["ap"]
    assert samples["release"] != samples["mars_matlab"]


def test_what_look_alikes_alone_give_is_of_the_gallery_that_is_scored() -> None:
    """Each query has a match before another camera, and its twin's frames are among the queries alone."""
    own, match, twin = (
        Tracklet((f"{identity}-{camera}.jpg",), identity, camera, {"group": "g"})
        for identity, camera in ((1, 1), (1, 2), (2, 1))
    )
    other = replace(match, identity=2, traits={"group": "other"})
    dataset = Dataset("made up", Path(), (), (own, twin), (match, other), "f00d", queries_in_gallery=True)
    floors = {}
    for name in ("release", "release_no_queries", "mars_matlab"):
        gallery = gallery_of(dataset, PROTOCOLS[name])
        query, entries = (_alike(tracklets) for tracklets in (dataset.query, gallery))
        floors[name] = score_features(query, entries, PROTOCOLS[name], dataset).samples["floor"][0]
    assert floors == {"release": pytest.approx(0.75), "release_no_queries": 1.0, "mars_matlab": pytest.approx(0.625)}


def _alike(tracklets: Sequence[Tracklet]) -> Features:
    """Features that tell nobody apart."""
    columns = zip(*((t.identity, t.camera, t.traits["group"], "", t.frames[0]) for t in tracklets), strict=True)
    return Features(np.ones((len(tracklets), 2), np.float32), *map(np.array, columns))


def test_what_no_protocol_can_score_is_refused_before_it_is_trained_for(tmp_path: Path) -> None:
    lines = ["train,1,1,people/anna/north", "query,3,1,people/carl/n", "gallery,3,1,people/carl/s"]
    text = "\n".join(["part,person,camera,frames", *lines])
    root = write_listed(tmp_path / "listed", text)
    request = Request(dataset="listed", root=str(root), protocol="release")
    cell = accuracy_cell("baseline", {}, request, 0, Store(tmp_path / "results", "here"))
    with pytest.raises(
        UserError, match="protocol release: no query has a match in another camera; use another protocol"
    ):
        check_scorable(cell, Places(str(root)))
    dressed = replace(cell, settings={**cell.settings, "protocol": PROTOCOLS["clothes_changing"].identity})
    with pytest.raises(
        UserError, match="2 of 2 tracklets of persons do not say what is worn, the first people/carl/n/1"
    ):
        check_scorable(dressed, Places(str(root)))


def test_a_dataset_that_changed_since_the_plan_is_refused(root: Path) -> None:
    identity = {**quick_cell(root).settings["dataset"], "fingerprint": "0000"}
    with pytest.raises(UserError, match="has changed"):
        dataset_of(identity, Places(str(root)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_one_line(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no CUDA GPU"):
        train_cell(quick_cell(root, device="cuda"), Places(str(root)), tmp_path, ignore)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_recipes_survive_json(preset: str, root: Path) -> None:
    recipe = PRESETS[preset].recipe
    cell = Cell("", "accuracy", "", {}, {"recipe": asdict(recipe)}, "")
    assert recipe_of(cell.identity["settings"]) == recipe


def test_evaluate_reads_what_train_wrote(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = replace(PRESETS["quick"], recipe=replace(PRESETS["quick"].recipe, steps=STEPS))
    monkeypatch.setitem(PRESETS, "quick", few)
    monkeypatch.chdir(tmp_path)
    at = ["--dataset", "synthetic", "--root", str(root)]
    assert main(["train", "two_branch", *at, "--out", "run"]) == 0
    assert main(["evaluate", "two_branch", *at, "--weights", "run/model.pt"]) == 0
    said = capsys.readouterr().out
    assert "mAP" in said and "release" in said
    assert main(["evaluate", "baseline", *at, "--weights", "run/model.pt"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "run/model.pt: was saved from another model (model 'bicnet', not 'baseline'" in error


def test_a_damaged_frame_is_named_and_nothing_is_trained(root: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    synthetic.write_synthetic(broken, **FEW)
    frame = sorted(broken.glob("bbox_train/*/*.jpg"))[5]
    frame.write_bytes(frame.read_bytes()[:100].ljust(frame.stat().st_size, b"\0"))
    with pytest.raises(UserError, match=frame.name):
        train_cell(quick_cell(broken), Places(str(broken)), tmp_path / "run", ignore)
    assert not (tmp_path / "run").exists()


def test_weights_of_another_trunk_are_refused(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "wide.pt"
    save_model(path, registry.build("baseline", depth=18, width=8), name="baseline", options={})
    cell = accuracy_cell("baseline", {}, Request(root=str(root), weights=str(path)), 0, Store(tmp_path, "here"))
    assert cell.settings["recipe"]["trunk"] == "file" and cell.settings["trunk"].startswith("file ")
    with pytest.raises(UserError, match=r"wide\.pt"):
        train_cell(cell, Places(str(root), str(path)), tmp_path / "run", ignore)


def test_the_authors_checkpoint_is_a_model_under_its_own_name(tmp_path: Path) -> None:
    with (Path(__file__).parents[1] / "training" / "release_bicnet_tks_keys.csv").open() as file:
        shapes = {row["key"]: row["shape"] for row in csv.DictReader(file)}
    state = {
        key: torch.ones(() if shape == "scalar" else tuple(map(int, shape.split("x")))) for key, shape in shapes.items()
    }
    path = tmp_path / "checkpoint_ep150.pth.tar"
    torch.save({"state_dict": state, "mAP": np.float64(0.86), "epoch": 149}, path)
    options = {**registry.resolve_options("bicnet_tks", {})}
    options.pop("classes")
    model = load_trained(Cell("", "accuracy", "bicnet", options, {}, ""), path)
    assert model.get_parameter("trunk.conv1.weight").sum().item() == 64 * 3 * 7 * 7
    with pytest.raises(UserError, match="checkpoint_ep150"):
        load_trained(Cell("", "accuracy", "bicnet", {**options, "temporal": "none"}, {}, ""), path)


def test_weights_of_one_split_are_not_taken_for_another(tmp_path: Path) -> None:
    options = {"depth": 18, "width": 8}
    path = tmp_path / "model.pt"

    def cell(split: int, name: str = "ilids") -> Cell:
        dataset = {"name": name, "fingerprint": f"f{split}", "options": {"split": split}, "splits": 10}
        return Cell("", "accuracy", "baseline", options, {"dataset": dataset}, "")

    about = trained_on(cell(2).settings)
    save_model(path, registry.build("baseline", **options), name="baseline", options=options, about=about)
    load_trained(cell(2), path)
    load_trained(cell(1, "prid"), path)
    with pytest.raises(UserError, match=r"model\.pt: was trained on split 2 of ilids, .* give --data split=2"):
        load_trained(cell(1), path)
