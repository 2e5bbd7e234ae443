"""What the commands on given weights and features do: evaluate, protocols, embed, score, convert. Imports no torch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import presets, registry
from reidbench.commands.asked import accuracy_cell_of, given_options, store_of
from reidbench.commands.output import print_json, print_result, telling_progress
from reidbench.launch import launched
from reidbench.planning.dataset_identity import dataset_text
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Cell, Places, Protocol, Row, UserError, canonical_json

if TYPE_CHECKING:
    from torch import Tensor, nn

    from reidbench.retrieval.features import Embedded
    from reidbench.training.checkpoint import Checkpoint


def evaluate(arguments: Namespace) -> int:
    """Scores one model with given weights on the queries of a dataset, and records it."""
    from reidbench.experiments.scoring import evaluate_weights
    from reidbench.reporting.answers.scores import printed_scores, score_values

    cell, places, weights = _given_weights(arguments)
    store = store_of(arguments)
    with telling_progress() as progress:
        record = evaluate_weights(cell, places, weights, store, progress, fresh=arguments.fresh)
    settings = record.cell["settings"]
    about = {
        "protocol": settings["protocol"]["name"],
        "dataset": dataset_text(**settings["dataset"]),
        "clips": _clips_text(**settings["recipe"]),
    }
    counted = {name: record.context[name] for name in ("queries", "queries_without_match", "gallery")}
    written = {"weights": settings["weights"], "record": str(store.path(record)), "measured": record.started}
    scores = score_values(record)
    shown = scores if arguments.json else printed_scores(scores)
    return print_result({**about, **counted, **shown, **written}, arguments)


def protocols(arguments: Namespace) -> int:
    """Embeds the test tracklets once and scores them under every protocol, by clothes where some are named."""
    from reidbench.experiments.scoring import embed_weights
    from reidbench.retrieval.features import lack_clothes

    cell, places, weights = _given_weights(arguments)
    with telling_progress() as progress:
        embedded = embed_weights(cell, places, weights, list(PROTOCOLS.values()), progress)
    about = {
        "model": cell.row,
        "weights": str(weights),
        "dataset": dataset_text(**cell.settings["dataset"]),
        "clips": _clips_text(**cell.settings["recipe"]),
    }
    chosen = [protocol for protocol in PROTOCOLS.values() if not lack_clothes(embedded.tracklets, protocol)]
    return _print_scored(embedded, chosen, about, arguments)


def embed(arguments: Namespace) -> int:
    """Writes the features of a dataset's test tracklets to a file."""
    from reidbench.experiments.scoring import embed_weights, file_hash
    from reidbench.retrieval.features_file import check_name, write_features

    out = Path(arguments.out)
    check_name(out)
    cell, places, weights = _given_weights(arguments)
    protocol = Protocol(**cell.settings["protocol"])
    # Who scores the file decides on distractors; of the protocol it follows only how clips become a vector.
    with telling_progress() as progress:
        embedded = embed_weights(cell, places, weights, [replace(protocol, distractors=True)], progress)
    about = {"row": cell.row, **{name: cell.identity[name] for name in ("model", "options", "source")}}
    dataset = cell.settings["dataset"]
    about |= {"weights": file_hash(weights), "dataset_options": dataset["options"]}
    about |= {"dataset_splits": dataset["splits"]} if "splits" in dataset else {}
    if launched().leads:
        write_features(out, embedded, about)
    written = {"features": str(out), "tracklets": len(embedded.tracklets), "queries": len(embedded.dataset.query)}
    return print_result({**written, "dataset": dataset_text(**dataset), "protocol": protocol.name}, arguments)


def score(arguments: Namespace) -> int:
    """Scores the features of a file under one protocol or more; of several files each against the first."""
    from reidbench.retrieval.features_file import read_features

    named = [registry.lookup("protocol", name, PROTOCOLS) for name in arguments.protocol]
    first, *others = arguments.features
    embedded, about = read_features(Path(first))
    for protocol in named:
        embedded.under(protocol)
    chosen = named or [protocol for protocol in PROTOCOLS.values() if embedded.fits(protocol)]
    if not chosen:
        raise UserError(f"{first}: pooled as no protocol does; write them again with embed")
    told = _features_told(first, embedded, about)
    if not others:
        return _print_scored(embedded, chosen, told, arguments)
    return _print_compared(embedded, chosen, told, others, arguments)


def _features_told(file: str, embedded: Embedded, about: Mapping[str, Any]) -> dict[str, str]:
    """What is said of a file of features."""
    name, subset = embedded.dataset.name, embedded.dataset.subset
    dataset = dataset_text(name, subset, about.get("dataset_options", {}), about.get("dataset_splits", 0))
    model = {"model": str(about["row"])} if "row" in about else {}
    return {**model, "features": file, "dataset": dataset}


def _print_compared(
    embedded: Embedded, chosen: Sequence[Protocol], told: dict[str, str], others: Iterable[str], arguments: Namespace
) -> int:
    """What the features of a file score, and what those of others of the same queries do less that."""
    from reidbench.experiments.scoring import score_paired, score_protocols
    from reidbench.reporting.answers.paired_scores import paired_json, paired_text
    from reidbench.reporting.answers.scores import scored_text, scored_values
    from reidbench.retrieval.features_file import read_features

    with telling_progress() as progress:
        first, compared = score_protocols(embedded, chosen, progress), []
        for file in others:
            other, about = read_features(Path(file))
            try:
                scored = score_paired(embedded, other, chosen, progress, all_of_them=bool(arguments.protocol))
            except UserError as error:
                raise UserError(f"{file}: {error}") from error
            compared.append((_features_told(file, other, about), scored))
    if arguments.json:
        lines = [{**about, "protocols": paired_json(first, scored)} for about, scored in compared]
        print_json({**told, "protocols": scored_values(first), "compared": lines})
    else:
        parts = [scored_text(first, _title(told))]
        parts += [paired_text(first, scored, f"{_title(about)}, less {told['features']}") for about, scored in compared]
        print("\n\n".join(parts))
    return 0


def _title(about: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in about.items())


def convert(arguments: Namespace) -> int:
    """Writes weights of any known kind as one of this project's own files."""
    from reidbench.training import checkpoint

    found = checkpoint.convert(Path(arguments.source), Path(arguments.target))
    about = {"kind": found.kind, "model": found.model, "tensors": len(found.state)}
    return print_result({"written": arguments.target, **about}, arguments)


def _given_weights(arguments: Namespace) -> tuple[Cell, Places, Path]:
    """The accuracy cell, the places and the weights of a command; without a preset that which the weights fit."""
    path = weights_of(arguments)
    return *accuracy_cell_of(arguments, 0), path


def weights_of(arguments: Namespace) -> Path:
    """The file of a command's weights, which also choose the preset where none is given. Raises UserError for none."""
    if not arguments.checkpoint:
        raise UserError(f"--weights FILE: {arguments.asks_for_weights}")
    path = Path(arguments.checkpoint)
    arguments.preset = arguments.preset or fitting_preset(path, arguments.model, given_options(arguments))
    return path


def fitting_preset(weights: Path, model: str, options: Mapping[str, Any]) -> str:
    """The preset that the weights were trained with, if they say so and it fits, else the first that fits.

    It fits where a model has the options under it that the weights were saved with; an authors' release has its model's
    own. Where none does, a likely one: what differs is told when the weights are loaded. A plain state dict names no
    options, and must fit by names and shapes: raises UserError where it does under no preset."""
    from reidbench.planning.plan import model_options
    from reidbench.training.checkpoint import read_checkpoint

    found = read_checkpoint(weights)
    likely = "quick" if found.kind in ("model", "trunk") else "paper"
    said = found.about.get("preset", "") if found.kind == "model" else ""
    first = said if said in tuple(presets.PRESETS) else likely
    # Models mostly have the same options under "paper" and "full", which computes in bf16.
    names = sorted(presets.PRESETS, key=lambda name: (name != first, name == "full"))
    row = Row(model, model, options)
    known = {name: registry.resolve_options(model, model_options(row, presets.PRESETS[name])) for name in names}
    if found.kind == "plain":
        return _fitting_by_shapes(weights, found, model, known)
    saved = registry.resolve_options(found.model, {}) if found.kind == "release" else found.options
    wanted = canonical_json({**saved, "classes": 0})
    return next((name for name in names if canonical_json({**known[name], "classes": 0}) == wanted), first)


def _fitting_by_shapes(weights: Path, found: Checkpoint, model: str, known: Mapping[str, Mapping[str, Any]]) -> str:
    """The first of some presets, each with the model's options, that a plain state dict fits under. Raises UserError
    saying what does not fit under the preset that it fits best where none does."""
    from reidbench.training.checkpoint import fitted, misfits

    shapes = {name: _shapes(model, options) for name, options in known.items()}
    best = min(known, key=lambda name: misfits(found, shapes[name]))
    try:
        fitted(weights, found, shapes[best])
    except UserError as error:
        raise UserError(f"{error} (compared with preset {best}, which it fits best)") from error
    return best


def _shapes(model: str, options: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state of a model without classes, of shapes alone."""
    import torch

    with torch.device("meta"):
        built: nn.Module = registry.build(model, **{**options, "classes": 0})
    return built.state_dict()


def _print_scored(embedded: Embedded, chosen: Sequence[Protocol], about: dict[str, str], arguments: Namespace) -> int:
    from reidbench.experiments.scoring import score_protocols
    from reidbench.reporting.answers.scores import scored_text, scored_values

    with telling_progress() as progress:
        scored = score_protocols(embedded, chosen, progress)
    if arguments.json:
        print_json({**about, "protocols": scored_values(scored)})
    else:
        print(scored_text(scored, _title(about)))
    return 0


def _clips_text(frames: int, size: Sequence[int], precision: str, **_: object) -> str:
    return f"{frames} frames of {size[0]}x{size[1]} in {precision}"
