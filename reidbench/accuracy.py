"""From a cell to an accuracy: train a model by its recipe, embed a dataset with it, score its queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reidbench import registry
from reidbench.data.synthetic import content_hash
from reidbench.data.tracklets import Dataset
from reidbench.retrieval.features import embed_dataset
from reidbench.retrieval.metrics import evaluate, lookalike_floor, score_samples
from reidbench.spec import Cell, Outcome, Places, Protocol, Recipe, UserError
from reidbench.training.checkpoint import load_weights, start_trunk
from reidbench.training.pretrain import TAUGHT
from reidbench.training.trainer import TrainingResult, train

Progress = Callable[[int, int, str], None]


def train_cell(
    cell: Cell, places: Places, workdir: Path, progress: Progress
) -> tuple[nn.Module, Dataset, TrainingResult]:
    """Trains the model of an accuracy cell, going on from the checkpoint in `workdir` if there is one of this cell."""
    settings = cell.settings
    dataset = open_dataset(settings["dataset"], places)
    torch.manual_seed(settings["seed"])
    model = registry.build(cell.model, classes=len(dataset.train_identities), **cell.options)
    recipe = recipe_of(settings)
    start_trunk(model, places.trunk if recipe.trunk == "file" else recipe.trunk)
    device = prepare_device(settings)
    result = train(
        model,
        dataset,
        recipe,
        seed=settings["seed"],
        device=device,
        workdir=workdir,
        run=cell.key,
        progress=progress,
    )
    return model, dataset, result


def load_trained(cell: Cell, path: Path) -> nn.Module:
    """The model of a cell with the weights of a file, without its classifier.

    Raises UserError for weights that do not fit, and for a file that was saved as another model or with other options:
    two networks can have the same parameters and yet compute different things.
    """
    model: nn.Module = registry.build(cell.model, **cell.options)
    checkpoint = load_weights(model, path)
    if checkpoint.kind == "model":
        wanted = {"model": cell.model, **cell.identity["options"]}
        saved = {"model": checkpoint.model, **checkpoint.options}
        differing = [
            f"{name} {saved.get(name)!r}, not {value!r}" for name, value in wanted.items() if saved.get(name) != value
        ]
        if differing:
            raise UserError(
                f"{path}: was saved from another model ({'; '.join(differing[:3])}); give that model and --set"
            )
    return model


def score(model: nn.Module, dataset: Dataset, settings: Mapping[str, Any], progress: Progress) -> Outcome:
    """Embeds the dataset's queries and gallery and scores every query under the protocol of the settings.

    The samples are those of `score_samples`, and where the dataset has look-alikes each query's `floor`.
    """
    protocol = Protocol(**settings["protocol"])
    device = prepare_device(settings)
    query, gallery = embed_dataset(model, dataset, recipe_of(settings), protocol, device=device, progress=progress)
    scores = evaluate(query, gallery, protocol)
    samples = score_samples(scores, dataset.query)
    if any(query.groups):
        counted = [tracklet for tracklet, valid in zip(dataset.query, scores.valid, strict=True) if valid]
        in_gallery = (*dataset.query, *dataset.gallery)
        samples["floor"] = [lookalike_floor(tracklet, in_gallery) for tracklet in counted]
    context: dict[str, Any] = {
        "dataset_about": dataset.about,
        "queries": int(scores.valid.sum()),
        "queries_without_match": int((~scores.valid).sum()),
        "gallery": len(gallery),
    }
    if dataset.name == "synthetic":
        context["dataset_content"] = content_hash(dataset.root)
    if settings["recipe"]["trunk"] == "synthetic":
        context["trunk_about"] = TAUGHT
    return Outcome(samples=samples, context=context)


def open_dataset(identity: Mapping[str, Any], places: Places) -> Dataset:
    """The dataset of a cell. Raises UserError if what lies at its root is not what the cell was planned for."""
    entry = registry.lookup("dataset", identity["name"], registry.datasets())
    options = dict(identity["options"])
    if places.root:
        options["root"] = places.root
    if identity["subset"]:
        options["subset"] = True
    dataset: Dataset = entry.load()(**options)
    if dataset.fingerprint != identity["fingerprint"]:
        raise UserError(f"{dataset.root}: is not the dataset that was planned for; it has changed: start again")
    return dataset


def recipe_of(settings: Mapping[str, Any]) -> Recipe:
    """The recipe of a cell, whose tuples were lists in JSON."""
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings["recipe"].items()
    }
    return Recipe(**plain)


def prepare_device(settings: Mapping[str, Any]) -> torch.device:
    """The device of the settings, with the number of threads they ask for. Raises UserError if it is not there."""
    if settings["device"] == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no CUDA GPU here; use --device cpu")
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    return torch.device(settings["device"])
