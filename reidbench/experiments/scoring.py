"""What given weights score: an evaluation that is recorded, and one embedding put to many protocols."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reidbench import distributed, machine
from reidbench.environment import told
from reidbench.experiments.accuracy import dataset_of, load_trained, prepare_device, recipe_of, score, score_features
from reidbench.files import sha256_of
from reidbench.retrieval.features import Embedded, embed_test
from reidbench.retrieval.pairs import unlike, unlike_under
from reidbench.spec import EVALUATION, Advance, Cell, Outcome, Places, Protocol, Record, UserError
from reidbench.store import Store

DECIDING = ("size", "frames", "precision")
"""What of a recipe decides the score of given weights."""


@dataclass(frozen=True)
class Scored:
    """What features score under a protocol; `reason` says why where there is no `outcome`."""

    protocol: Protocol
    outcome: Outcome | None = None
    reason: str = ""


def file_hash(path: Path) -> str:
    """The SHA-256 of a file. Raises UserError if it cannot be read."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give another file") from error


def evaluation_cell(cell: Cell, weights: Path) -> Cell:
    """An accuracy cell's evaluation with the weights of a file: what their training was does not matter."""
    kept = ("version", "dataset", "protocol", "device", "threads")
    settings = {name: cell.settings[name] for name in kept}
    recipe = {name: cell.settings["recipe"][name] for name in DECIDING}
    return replace(cell, measurement=EVALUATION, settings={**settings, "recipe": recipe, "weights": file_hash(weights)})


def evaluate_weights(
    cell: Cell, places: Places, weights: Path, store: Store, progress: Advance, *, fresh: bool = False
) -> Record:
    """The record of an accuracy cell's model with the weights of a file: the stored one, or where `fresh` a new one.

    Of joined processes the first reads and writes it. Raises UserError for weights that do not fit, and where the
    record could not be written.
    """
    wanted = evaluation_cell(cell, weights)
    leads = distributed.current().leads
    distributed.wait_for_all()
    distributed.check_alike(wanted.key, "are about to evaluate different models, or on other data")
    found = distributed.from_first(None if fresh or not leads else store.load(wanted))
    if found is not None:
        return found
    if leads:
        store.check_is_here()
    model = load_trained(cell, weights)
    if leads:
        store.check_writable()
    started, clock = machine.now(), time.monotonic()
    dataset = dataset_of(cell.settings["dataset"], places)
    outcome = score(model.to(prepare_device(cell.settings)), dataset, wanted, progress)
    record = Record(
        cell=wanted.identity,
        key=wanted.key,
        row=wanted.row,
        status="ok",
        values=outcome.values,
        samples=outcome.samples,
        context={**outcome.context, "weights": weights.name},
        machine=store.name,
        versions={**machine.versions(), **told()},
        started=started,
        seconds=round(time.monotonic() - clock, 3),
    )
    if leads:
        store.save(record)
    return record


def embed_weights(
    cell: Cell, places: Places, weights: Path, protocols: Sequence[Protocol], progress: Advance
) -> Embedded:
    """The test tracklets of an accuracy cell's dataset, embedded for some protocols with the weights of a file."""
    model = load_trained(cell, weights)
    dataset = dataset_of(cell.settings["dataset"], places)
    device = prepare_device(cell.settings)
    return embed_test(model.to(device), dataset, recipe_of(cell.settings), protocols, device=device, progress=progress)


def score_protocols(embedded: Embedded, protocols: Sequence[Protocol], progress: Advance | None = None) -> list[Scored]:
    """What one embedding scores under each protocol. One that cannot be has its reason instead.

    `progress` is told before each of them. Raises UserError if none of them can be.
    """
    scored = [_score(embedded, protocol) for protocol in _told(protocols, progress)]
    if not any(one.outcome for one in scored):
        raise UserError(scored[0].reason)
    return scored


def score_paired(
    first: Embedded,
    other: Embedded,
    protocols: Sequence[Protocol],
    progress: Advance | None = None,
    *,
    all_of_them: bool = False,
) -> list[Scored]:
    """What features score under each protocol that can be paired with those of `first`, a reason for each other one.

    `progress` is told before each. Raises UserError where they are of other queries or another gallery, where no
    protocol can be paired, and with `all_of_them` where one cannot.
    """
    if reason := unlike(first, other):
        raise UserError(f"{reason}; give features of the same queries and gallery, in the same order")
    scored = []
    for protocol in _told(protocols, progress):
        reason = unlike_under(protocol, first, other)
        one = Scored(protocol, reason=f"protocol {protocol.name}: {reason}") if reason else _score(other, protocol)
        scored.append(one)
    refused = [one.reason for one in scored if one.reason]
    if refused and (all_of_them or len(refused) == len(scored)):
        raise UserError(refused[0])
    return scored


def _told(protocols: Sequence[Protocol], progress: Advance | None) -> Iterator[Protocol]:
    """Each protocol, after `progress` was told of it, without a time left: re-ranking takes ten times as long."""
    for number, protocol in enumerate(protocols, start=1):
        if progress:
            progress(0, 1, f"scores under {protocol.name}, {number} of {len(protocols)} protocols")
        yield protocol


def _score(embedded: Embedded, protocol: Protocol) -> Scored:
    try:
        query, gallery = embedded.under(protocol)
        return Scored(protocol, score_features(query, gallery, protocol, embedded.dataset))
    except UserError as error:
        return Scored(protocol, reason=str(error))
