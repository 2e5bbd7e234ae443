"""From a cell to an accuracy: train a model by its recipe, embed a dataset with it, score its queries."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from reidbench import distributed, machine, registry
from reidbench.data import opening
from reidbench.data.cache import scratch_folder
from reidbench.data.census import matches_of
from reidbench.data.splits import split_of, trained_on
from reidbench.data.synthetic import content_hash
from reidbench.data.tracklets import Dataset
from reidbench.discovery.source import REQUIRED
from reidbench.experiments.weights import drop_scratch, training_key, weights_file
from reidbench.files import alone
from reidbench.profiling.latency import check_device
from reidbench.profiling.trial import try_model
from reidbench.recipes import Recipe
from reidbench.retrieval.features import Features, check_dressed, embed_dataset, gallery_of
from reidbench.retrieval.metrics import evaluate, lookalike_floor, no_match, score_samples
from reidbench.spec import Advance, Cell, Outcome, Places, Protocol, UserError
from reidbench.training.checkpoint import load_weights, save_model
from reidbench.training.pretrain import taught
from reidbench.training.trainer import TrainingResult, train
from reidbench.training.trunk_weights import start_trunk


@dataclass(frozen=True)
class Trained:
    """A cell's trained model on its device, the dataset of the cell, and how the training went.

    `about` is for the record: the training's key, when it ended, whether the steps of its last session were `captured`
    as a CUDA graph, whether it was done for this record or `kept`. `row` is the name that it was done under.
    """

    model: nn.Module
    dataset: Dataset
    seconds: float
    losses: list[list[float]]
    about: Mapping[str, Any]
    row: str


def trained_model(cell: Cell, places: Places, progress: Advance) -> Trained:
    """The trained model of a cell: the kept weights of its training where it has been done, else it is done and kept.

    Of several processes that want one training, one does it and the others wait. Kept weights that cannot be read are
    said to be so on stderr, and trained again.
    """
    file = weights_file(cell)
    progress(0, 1, "waits for the weights")
    with alone(file):
        progress(0, 1, "opens the data")
        if kept := kept_model(cell, places):
            # Its training may have been killed after the weights were kept and before the checkpoint went.
            drop_scratch(cell)
            return kept
        key = training_key(cell)
        model, dataset, result = train_cell(cell, places, scratch_folder(key), progress, run=key)
        losses = [list(point) for point in result.losses]
        about = {"key": key, "ended": machine.now(), "captured": result.captured}
        saved = {**about, **trained_on(cell.settings), "seconds": result.seconds, "losses": losses, "row": cell.row}
        save_model(
            file,
            model,
            name=cell.model,
            options=cell.identity["options"],
            about=saved,
        )
        drop_scratch(cell)
    return Trained(model, dataset, result.seconds, losses, {**about, "kept": False}, cell.row)


def kept_model(cell: Cell, places: Places) -> Trained | None:
    """The trained model of a cell where the weights of its training are kept, with the classifier; None where not.

    Those that cannot be read are said to be so on stderr.
    """
    file = weights_file(cell)
    if not file.exists():
        return None
    dataset = dataset_of(cell.settings["dataset"], places)
    model = registry.build(cell.model, classes=len(dataset.train_identities), **cell.options)
    try:
        found = load_weights(model, file).about
        told = {"key": found["key"], "ended": found["ended"], "captured": found.get("captured")}
        seconds, losses = float(found["seconds"]), [list(point) for point in found["losses"]]
        row = str(found.get("row", cell.row))
    except (UserError, KeyError, TypeError, ValueError) as error:
        print(f"{file}: kept weights cannot be used ({error}); the model is trained again", file=sys.stderr)
        return None
    model.to(prepare_device(cell.settings), memory_format=torch.channels_last)
    return Trained(model.eval(), dataset, seconds, losses, {**told, "kept": True}, row)


def train_cell(
    cell: Cell,
    places: Places,
    workdir: Path,
    progress: Advance,
    *,
    run: str = "",
    preset: str = "",
    sync_bn: bool = False,
) -> tuple[nn.Module, Dataset, TrainingResult]:
    """Trains the model of a cell, going on from the checkpoint in `workdir` if there is one of this `run`.

    Without a `run` it must be of this very cell. The checkpoint says which `preset` the cell was planned under, if
    any. With `sync_bn`, joined processes share batch norm's statistics.
    """
    model, dataset = untrained(cell, places)
    result = train(
        model,
        dataset,
        recipe_of(cell.settings),
        seed=cell.settings["seed"],
        device=prepare_device(cell.settings),
        workdir=workdir,
        run=run or cell.key,
        settings=told_settings(cell, preset),
        progress=progress,
        sync_bn=sync_bn,
    )
    return model, dataset, result


def told_settings(cell: Cell, preset: str = "") -> dict[str, Any]:
    """What a checkpoint of a cell's training says of it."""
    identity = cell.identity
    model = {name: identity[name] for name in ("model", "options", "source")}
    return {"preset": preset, **model, **identity["settings"]}


def untrained(cell: Cell, places: Places) -> tuple[nn.Module, Dataset]:
    """The model of a cell with the weights that its training starts from, and the dataset.

    Raises UserError for a model that fails, or breaks the contract of models, and for data that do not say what the
    protocol goes by: not after hours of training.
    """
    settings = cell.settings
    dataset = dataset_of(settings["dataset"], places)
    check_dressed((*dataset.query, *dataset.gallery), Protocol(**settings["protocol"]))
    torch.manual_seed(settings["seed"])
    classes = len(dataset.train_identities)
    model = registry.build(cell.model, classes=classes, **cell.options)
    recipe = recipe_of(settings)
    try_model(cell.model, model, (2, recipe.frames, 3, *recipe.size), classes=classes)
    _check_heads(cell, model)
    trunk = settings["recipe"]["trunk"]
    start_trunk(model, places.trunk if trunk == "file" else trunk, registry.trunk_of(cell.model))
    return model, dataset


def check_scorable(cell: Cell, places: Places) -> None:
    """Raises UserError where no query of a cell's dataset has a match under its protocol: before it is trained for."""
    dataset, protocol = dataset_of(cell.settings["dataset"], places), Protocol(**cell.settings["protocol"])
    check_dressed((*dataset.query, *dataset.gallery), protocol)
    if not any(matches_of(dataset.query, gallery_of(dataset, protocol), protocol.clothes)):
        raise no_match(protocol, among_queries=any(matches_of(dataset.query, dataset.query)))


def _check_heads(cell: Cell, model: nn.Module) -> None:
    """Raises UserError for a model that has more than its classifier when it has classes: its weights could not be
    read into the one without, which is tested."""
    with torch.random.fork_rng(devices=[]):
        without = registry.build(cell.model, **cell.options).state_dict()
    heads = [name for name in model.state_dict() if name not in without and not name.startswith("classifier")]
    if heads:
        raise UserError(
            f"model {cell.model}: has {', '.join(heads[:3])} only where it has classes; let all its heads hang under "
            "`classifier`, such as an nn.ModuleList"
        )


def load_trained(cell: Cell, path: Path) -> nn.Module:
    """The model of a cell with the weights of a file, without its classifier.

    Raises UserError for weights that do not fit, and for a file that was saved as another model or with other options:
    two networks can have the same parameters and yet compute different things. So for weights of another random split
    of the dataset, whose training persons are among those that are tested.
    """
    model: nn.Module = registry.build(cell.model, **cell.options)
    checkpoint = load_weights(model, path)
    split, there = split_of(cell.settings), checkpoint.about
    if split and there.get("dataset") == cell.settings["dataset"]["name"] and there.get("split") != split:
        raise UserError(
            f"{path}: was trained on split {there.get('split')} of {there['dataset']}, on persons whom split "
            f"{split} tests; give --data split={there.get('split')}"
        )
    if checkpoint.kind == "model":
        wanted = {"model": cell.model, **cell.identity["options"]}
        saved = {"model": checkpoint.model, **checkpoint.options}
        differing = [
            f"{name} {saved.get(name)!r}, not {value!r}" for name, value in wanted.items() if saved.get(name) != value
        ]
        if differing:
            raise UserError(
                f"{path}: was saved from another model ({'; '.join(differing[:3])}); give its model, --set and --preset"
            )
    return model


def score(model: nn.Module, dataset: Dataset, cell: Cell, progress: Advance) -> Outcome:
    """Embeds the dataset's queries and gallery and scores every query under the protocol of the cell.

    The samples are those of `score_samples`, and where the dataset has look-alikes each query's `floor`.
    """
    protocol = Protocol(**cell.settings["protocol"])
    device, recipe = prepare_device(cell.settings), recipe_of(cell.settings)
    query, gallery = embed_dataset(model, dataset, recipe, protocol, device=device, progress=progress)
    outcome = score_features(query, gallery, protocol, dataset)
    outcome.context |= origins(dataset, cell)
    return outcome


def score_features(query: Features, gallery: Features, protocol: Protocol, dataset: Dataset) -> Outcome:
    """Scores the features of a dataset's queries, all of them in order, against those of a gallery."""
    scores = evaluate(query, gallery, protocol)
    samples = score_samples(scores, dataset.query)
    if any(query.groups):
        valid = np.flatnonzero(scores.valid).tolist()
        samples["floor"] = [lookalike_floor(query, row, gallery, protocol) for row in valid]
    context: dict[str, Any] = {
        "queries": int(scores.valid.sum()),
        "queries_without_match": int((~scores.valid).sum()),
        "gallery": len(gallery),
    }
    return Outcome(samples=samples, context=context)


def origins(dataset: Dataset, cell: Cell) -> dict[str, Any]:
    """What a reader of a record must know of the data, the trunk that the training started from, and the GPU."""
    about = {"dataset_about": dataset.about, **machine.gpu_facts(cell.settings["device"])}
    if dataset.name == "synthetic":
        about["dataset_content"] = content_hash(dataset.root)
    if cell.settings["recipe"].get("trunk") == "synthetic":
        about["trunk_about"] = taught(registry.trunk_of(cell.model))
    return about


def dataset_of(identity: Mapping[str, Any], places: Places) -> Dataset:
    """The dataset of a cell. Raises UserError if what lies at its root is not what the cell was planned for."""
    entry = registry.lookup("dataset", identity["name"], registry.datasets())
    options = dict(identity["options"])
    if places.root:
        options["root"] = places.root
    elif entry.options.get("root") is REQUIRED:
        raise UserError(f"dataset {identity['name']} needs --root: the folder that holds it")
    if identity["subset"]:
        options["subset"] = True
    dataset = opening.open_dataset(entry, options)
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
    """The device of the settings, with the number of threads they ask for. Raises UserError if it is not there.

    Joined processes on one machine have a GPU each, and share its cores where the settings ask for no number.
    """
    check_device(settings["device"])
    place = distributed.current()
    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    elif place.world > 1:
        torch.set_num_threads(max(1, machine.physical_cores() // place.local_world))
    if settings["device"] == "cuda" and place.world > 1:
        return torch.device("cuda", place.local_rank)
    return torch.device(settings["device"])
