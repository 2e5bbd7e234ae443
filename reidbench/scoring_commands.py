"""What the commands on given weights and features do: evaluate, protocols, embed, score, convert. Imports no torch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from reidbench import machine, registry
from reidbench.commands import accuracy_cell_of, print_progress, print_result
from reidbench.reports import print_json
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Cell, Places, Protocol, UserError
from reidbench.store import Store

if TYPE_CHECKING:
    from reidbench.retrieval.features import Embedded


def evaluate(arguments: Namespace) -> int:
    """Scores one model with given weights on the queries of a dataset, and records it."""
    from reidbench.reporting.scores import column_title, score_values
    from reidbench.scoring import evaluate_weights

    cell, places, weights = _given_weights(arguments)
    store = Store(arguments.results, arguments.machine or machine.name())
    record = evaluate_weights(cell, places, weights, store, print_progress, fresh=arguments.fresh)
    settings = record.cell["settings"]
    about = {"protocol": settings["protocol"]["name"], "dataset": _dataset_text(**settings["dataset"])}
    counted = {name: record.context[name] for name in ("queries", "queries_without_match", "gallery")}
    written = {"weights": settings["weights"], "record": str(store.path(record)), "measured": record.started}
    scores = score_values(record)
    shown = scores if arguments.json else {column_title(name): bounds for name, bounds in scores.items()}
    return print_result({**about, **counted, **shown, **written}, arguments)


def protocols(arguments: Namespace) -> int:
    """Embeds the test tracklets once and scores them under every protocol."""
    from reidbench.scoring import embed_weights

    cell, places, weights = _given_weights(arguments)
    embedded = embed_weights(cell, places, weights, list(PROTOCOLS.values()), print_progress)
    about = {"model": cell.row, "weights": str(weights), "dataset": _dataset_text(**cell.settings["dataset"])}
    return _print_scored(embedded, PROTOCOLS.values(), about, arguments)


def embed(arguments: Namespace) -> int:
    """Writes the features of a dataset's test tracklets to a file."""
    from reidbench.retrieval.features_file import check_name, write_features
    from reidbench.scoring import embed_weights, file_hash

    out = Path(arguments.out)
    check_name(out)
    cell, places, weights = _given_weights(arguments)
    protocol = Protocol(**cell.settings["protocol"])
    embedded = embed_weights(cell, places, weights, [protocol], print_progress)
    about = {"row": cell.row, **{name: cell.identity[name] for name in ("model", "options", "source")}}
    write_features(out, embedded, {**about, "weights": file_hash(weights), "protocol": protocol.name})
    written = {"features": str(out), "tracklets": len(embedded.tracklets), "queries": len(embedded.dataset.query)}
    return print_result({**written, "dataset": embedded.dataset.name, "protocol": protocol.name}, arguments)


def score(arguments: Namespace) -> int:
    """Scores the features of a file under one protocol or more."""
    from reidbench.retrieval.features_file import read_features

    chosen = [registry.lookup("protocol", name, PROTOCOLS) for name in arguments.protocol]
    embedded, about = read_features(Path(arguments.features))
    for protocol in chosen:
        embedded.under(protocol)
    chosen = chosen or [protocol for protocol in PROTOCOLS.values() if embedded.holds(protocol)]
    dataset = _dataset_text(embedded.dataset.name, embedded.dataset.subset)
    told = {"model": str(about.get("row", "")), "features": arguments.features, "dataset": dataset}
    return _print_scored(embedded, chosen, told, arguments)


def convert(arguments: Namespace) -> int:
    """Writes weights of any known kind as one of this project's own files."""
    from reidbench.training import checkpoint

    found = checkpoint.convert(Path(arguments.source), Path(arguments.target))
    about = {"kind": found.kind, "model": found.model, "tensors": len(found.state)}
    return print_result({"written": arguments.target, **about}, arguments)


def _given_weights(arguments: Namespace) -> tuple[Cell, Places, Path]:
    """The accuracy cell, the places and the weights of a command; the authors' checkpoints are at the paper's scale."""
    if not arguments.checkpoint:
        raise UserError("--weights FILE: give a checkpoint of this model; bench.py train MODEL --out DIR makes one")
    path = Path(arguments.checkpoint)
    if not arguments.preset:
        from reidbench.training.checkpoint import read_checkpoint

        arguments.preset = "paper" if read_checkpoint(path).kind == "release" else "quick"
    return *accuracy_cell_of(arguments, 0), path


def _print_scored(embedded: Embedded, chosen: Iterable[Protocol], about: dict[str, str], arguments: Namespace) -> int:
    from reidbench.reporting.scores import scored_text, scored_values
    from reidbench.scoring import score_protocols

    scored = score_protocols(embedded, chosen)
    if arguments.json:
        print_json({**about, "protocols": scored_values(scored)})
    else:
        print(scored_text(scored, ", ".join(f"{name} {value}" for name, value in about.items())))
    return 0


def _dataset_text(name: str, subset: bool, **_: object) -> str:
    return f"{name} (a subset)" if subset else name
