"""Given weights: an evaluation recorded where no suite takes it for its own, and one embedding for every protocol."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from reidbench import registry
from reidbench.data import synthetic
from reidbench.data.tracklets import Dataset
from reidbench.experiments.accuracy import score
from reidbench.experiments.scoring import (
    embed_weights,
    evaluate_weights,
    evaluation_cell,
    file_hash,
    score_protocols,
)
from reidbench.planning.plan import Request, accuracy_cell, make_plan
from reidbench.reporting.tables.dataframe import frame
from reidbench.reporting.tables.matching import Records
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import EVALUATION, Cell, Places, UserError
from reidbench.store import Store, read_record
from reidbench.training.checkpoint import save_model


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walkers") / "few"
    synthetic.write_synthetic(folder, train_ids=4, test_ids=8, cameras=2, frames=16)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results", "here")


def ignore(*_: object) -> None:
    pass


def cell_of(root: Path, store: Store, model: str = "bicnet_tks", **request: Any) -> Cell:
    return accuracy_cell(model, {}, Request(root=str(root), **request), 0, store)


def weights_of(cell: Cell, path: Path, seed: int = 0) -> tuple[nn.Module, Path]:
    torch.manual_seed(seed)
    model = registry.build(cell.model, classes=3, **cell.options)
    save_model(path, model, name=cell.model, options=cell.identity["options"])
    return model, path


def test_an_evaluation_is_recorded_once_under_all_that_decides_it(root: Path, store: Store, tmp_path: Path) -> None:
    cell = cell_of(root, store)
    _, path = weights_of(cell, tmp_path / "model.pt")
    asked: list[str] = []
    record = evaluate_weights(cell, Places(str(root)), path, store, lambda *_: asked.append("clips"))
    assert asked and read_record(store.path(record)) == record
    assert (record.cell["measurement"], record.cell["model"]) == (EVALUATION, "bicnet")
    settings = record.cell["settings"]
    assert settings["weights"] == file_hash(path) and len(settings["weights"]) == 64
    assert settings["protocol"] == PROTOCOLS["release"].identity
    assert settings["dataset"] == cell.settings["dataset"]
    assert record.cell["options"] == cell.identity["options"] and record.cell["source"] == cell.source
    assert (
        "seed" not in settings
        and "trunk" not in settings
        and set(settings["recipe"]) == {*("size", "frames", "precision")}
    )
    asked.clear()
    assert evaluate_weights(cell, Places(str(root)), path, store, lambda *_: asked.append("clips")) == record
    assert not asked, "it is taken from the store"
    again = evaluate_weights(cell, Places(str(root)), path, store, ignore, fresh=True)
    assert (again.key, again.samples) == (record.key, record.samples)


def test_the_key_follows_weights_protocol_dataset_and_scale(root: Path, store: Store, tmp_path: Path) -> None:
    cell = cell_of(root, store)
    _, path = weights_of(cell, tmp_path / "a.pt")
    _, other = weights_of(cell, tmp_path / "b.pt", seed=1)
    _, same = weights_of(cell, tmp_path / "a copy.pt")
    key = evaluation_cell(cell, path).key
    recipe = cell.settings["recipe"]
    changed = [
        evaluation_cell(cell, other),
        evaluation_cell(cell_of(root, store, protocol="first_clip"), path),
        evaluation_cell(replace(cell, options={**cell.options, "alpha": 1}), path),
        evaluation_cell(replace(cell, source="another"), path),
        *(
            evaluation_cell(replace(cell, settings={**cell.settings, name: value}), path)
            for name, value in (
                ("dataset", {**cell.settings["dataset"], "fingerprint": "another"}),
                ("recipe", {**recipe, "frames": 4}),
                ("recipe", {**recipe, "size": (128, 64)}),
                ("version", 99),
            )
        ),
    ]
    assert len({key, *(one.key for one in changed)}) == 1 + len(changed)
    trained = replace(cell, settings={**cell.settings, "seed": 7, "trunk": "", "recipe": {**recipe, "lr": 1.0}})
    assert evaluation_cell(trained, path).key == key, "how the weights came about does not matter"
    if same.read_bytes() == path.read_bytes():
        assert evaluation_cell(cell, same).key == key


def test_no_suite_takes_an_evaluation_for_a_trained_cell(root: Path, store: Store, tmp_path: Path) -> None:
    assert EVALUATION not in registry.measurements()
    cell = cell_of(root, store)
    _, path = weights_of(cell, tmp_path / "model.pt")
    evaluate_weights(cell, Places(str(root)), path, store, ignore)
    assert len(store.records()) == 1
    records = Records(store)
    plan = make_plan("table2", registry.suite("table2"), Request(root=str(root), only="accuracy"), store)
    for planned in plan.all_cells():
        assert records.fresh(planned) is None and records.stale(planned) is None
    assert frame("table2", str(tmp_path / "results")).empty


def test_a_report_without_the_data_does_not_take_its_dataset_from_an_evaluation(
    mars_tree: Path, store: Store, tmp_path: Path
) -> None:
    request = Request(dataset="mars", root=str(mars_tree), subset=True)
    cell = accuracy_cell("bicnet_tks", {}, request, 0, store)
    _, path = weights_of(cell, tmp_path / "model.pt")
    record = evaluate_weights(cell, Places(str(mars_tree)), path, store, ignore)
    assert record.cell["settings"]["dataset"]["subset"] and record.context["queries"] == 2
    with pytest.raises(UserError, match="dataset mars needs --root"):
        accuracy_cell("bicnet_tks", {}, Request(dataset="mars"), 0, store)


def test_weights_that_do_not_fit_leave_no_record(root: Path, store: Store, tmp_path: Path) -> None:
    cell = cell_of(root, store)
    _, path = weights_of(cell_of(root, store, model="baseline"), tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"model\.pt: another model's checkpoint"):
        evaluate_weights(cell, Places(str(root)), path, store, ignore)
    with pytest.raises(UserError, match=r"none\.pt: cannot be read \(No such file"):
        evaluate_weights(cell, Places(str(root)), tmp_path / "none.pt", store, ignore)
    assert not (tmp_path / "results").exists()


DRESSED = ("clothes_changing", "same_clothes")
"""Protocols that go by clothes, which these data do not name."""


def test_one_embedding_scores_as_each_protocol_by_itself(root: Path, store: Store, tmp_path: Path) -> None:
    cell, places = cell_of(root, store), Places(str(root))
    model, path = weights_of(cell, tmp_path / "model.pt")
    embedded = embed_weights(cell, places, path, list(PROTOCOLS.values()), ignore)
    told: list[tuple[int, int, str]] = []
    scored = score_protocols(embedded, list(PROTOCOLS.values()), lambda *call: told.append(call))
    found = {one.protocol.name: one for one in scored}
    assert list(found) == list(PROTOCOLS)
    count = len(PROTOCOLS)
    assert told == [(0, 1, f"scores under {name}, {n} of {count} protocols") for n, name in enumerate(PROTOCOLS, 1)]
    assert found["release_no_queries"].outcome is None
    assert "no query has a match in another camera" in found["release_no_queries"].reason
    for name in DRESSED:
        assert "do not say what is worn" in found[name].reason
    for name in set(PROTOCOLS) - {"release_no_queries", *DRESSED}:
        alone = score(model, embedded.dataset, cell_of(root, store, protocol=name), ignore)
        outcome = found[name].outcome
        assert outcome is not None and outcome.samples.keys() == alone.samples.keys()
        assert outcome.samples["ap"] == pytest.approx(alone.samples["ap"], abs=2e-2), name
        assert outcome.context.items() <= alone.context.items()
    aps = {name: tuple(one.outcome.samples["ap"]) for name, one in found.items() if one.outcome}
    assert len({aps[name] for name in ("release", "mars_matlab", "first_clip", "four_frames", "reranked")}) == 5


def test_a_clip_length_that_a_model_refuses_is_told_beside_the_others(root: Path, store: Store, tmp_path: Path) -> None:
    cell = accuracy_cell("bicnet", {"alpha": 7}, Request(root=str(root)), 0, store)
    _, path = weights_of(cell, tmp_path / "model.pt")
    embedded = embed_weights(cell, Places(str(root)), path, list(PROTOCOLS.values()), ignore)
    found = {one.protocol.name: one for one in score_protocols(embedded, list(PROTOCOLS.values()))}
    assert found["release"].outcome and not found["four_frames"].outcome
    assert "the model cannot take clips of 4 frames" in found["four_frames"].reason
    with pytest.raises(UserError, match="protocol four_frames: the model cannot take clips of 4 frames"):
        score_protocols(embedded, [PROTOCOLS["four_frames"]])


def test_queries_out_of_the_gallery_on_a_dataset_with_more_than_queries(
    mars_tree: Path, store: Store, tmp_path: Path
) -> None:
    request = Request(dataset="mars", root=str(mars_tree), subset=True)
    cell = accuracy_cell("bicnet_tks", {}, request, 0, store)
    _, path = weights_of(cell, tmp_path / "model.pt")
    embedded = embed_weights(cell, Places(str(mars_tree)), path, list(PROTOCOLS.values()), ignore)
    assert isinstance(embedded.dataset, Dataset) and len(embedded.tracklets) == 6, "junk is not embedded"
    galleries = {
        one.protocol.name: one.outcome.context["gallery"]
        for one in score_protocols(embedded, list(PROTOCOLS.values()))
        if one.outcome
    }
    assert galleries.pop("release_no_queries") == 4 and galleries.pop("no_distractors") == 5
    assert set(galleries.values()) == {6} and len(galleries) == len(PROTOCOLS) - 2 - len(DRESSED)


def test_a_recipe_decides_by_no_more_than_what_is_kept(root: Path, store: Store) -> None:
    """A new field of the recipe that changes how features are made must be kept in an evaluation's identity."""
    names = set(cell_of(root, store).settings["recipe"])
    training = {
        *("stride", "identities", "clips_per_identity", "epochs", "steps", "lr", "weight_decay", "schedule"),
        *("milestones", "gamma", "warmup_steps", "rates", "metric_loss", "metric_weight", "margin", "flip"),
        *("erase", "trunk", "grouped"),
    }
    assert names - training == {"size", "frames", "precision"}
    assert asdict(PROTOCOLS["release"])["frames"] == 0, "the recipe's clip length counts under the release's protocol"
