"""What a model answers: the first ten of a query's ranking, told apart into matches, look-alikes and others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from reidbench.data.frames import open_frames
from reidbench.data.lookalikes import whose
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.experiments.accuracy import prepare_device, recipe_of
from reidbench.inspection.pictures import evenly_spaced, strip
from reidbench.retrieval.features import Features, embed_dataset, gallery_of
from reidbench.retrieval.similarity import similarity_rows
from reidbench.spec import Advance, Cell, Outcome, Protocol

TOP = 10
"""Entries of a ranking that are looked at."""
SHOWN = 4
"""Queries whose ranking is shown."""
MATCH, LOOKALIKE, OTHER = "match", "look-alike", "other"


def look_at_ranking(model: nn.Module, dataset: Dataset, cell: Cell, progress: Advance) -> Outcome:
    """Of every query that has a match: `found`, the share of its matches among the first ten, and how many of these
    are `lookalikes` and `others`, with the pictures of some rankings.

    Left out of a ranking is what the protocol leaves out: junk and entries of the query's own identity that are no
    match.
    """
    recipe, protocol = recipe_of(cell.settings), Protocol(**cell.settings["protocol"])
    query, gallery = embed_dataset(
        model, dataset, recipe, protocol, device=prepare_device(cell.settings), progress=progress
    )
    rankings = [
        ranking(query, gallery, row, similarities, protocol)
        for row, similarities in similarity_rows(query, gallery, protocol)
    ]
    valid = [row for row, (order, matches) in enumerate(rankings) if matches]
    kinds = {row: kinds_of(query, gallery, row, rankings[row][0]) for row in valid}
    samples = {
        "found": [kinds[row].count(MATCH) / rankings[row][1] for row in valid],
        "lookalikes": [float(kinds[row].count(LOOKALIKE)) for row in valid],
        "others": [float(kinds[row].count(OTHER)) for row in valid],
        **whose([dataset.query[row] for row in valid]),
    }
    entries = gallery_of(dataset, protocol)
    shown = [valid[i] for i in evenly_spaced(len(valid), SHOWN)]
    pictured = [
        {
            **_about(dataset.query[row], row),
            "picture": _picture(dataset, [dataset.query[row]], recipe.size)[0],
            "matches": rankings[row][1],
            "ranking": [
                {**_about(entries[place], int(place)), "kind": kind, "picture": picture}
                for place, kind, picture in zip(
                    rankings[row][0],
                    kinds[row],
                    _picture(dataset, [entries[place] for place in rankings[row][0]], recipe.size),
                    strict=True,
                )
            ],
        }
        for row in shown
    ]
    return Outcome(samples=samples, context={"queries": len(valid), "gallery": len(gallery), "rankings": pictured})


def ranking(
    query: Features, gallery: Features, row: int, similarities: np.ndarray, protocol: Protocol
) -> tuple[np.ndarray, int]:
    """The gallery positions of a query's first ten, int64 `[10]` or fewer, and the number of its matches.

    `similarities` `[gallery]` are this query's. Of equally similar entries those that are no match come first, as in
    the score.
    """
    own = gallery.identities == query.identities[row]
    left_out = own.copy()
    left_out[own] = ~query.matches(row, gallery, np.flatnonzero(own), protocol)
    places = np.flatnonzero(~left_out)
    order = np.lexsort((own[places], -similarities[places]))
    return places[order[:TOP]], int(own[places].sum())


def kinds_of(query: Features, gallery: Features, row: int, places: np.ndarray) -> list[str]:
    """For each gallery position whether it is a match of the query, a look-alike, or any other."""
    own = gallery.identities[places] == query.identities[row]
    group = query.groups[row]
    alike = (gallery.groups[places] == group) & bool(group)
    return [MATCH if is_own else LOOKALIKE if is_alike else OTHER for is_own, is_alike in zip(own, alike, strict=True)]


def _about(tracklet: Tracklet, number: int) -> dict[str, Any]:
    factor = str(tracklet.traits.get("factor", ""))
    return {"number": number, "identity": tracklet.identity, "camera": tracklet.camera, "factor": factor}


def _picture(dataset: Dataset, tracklets: Sequence[Tracklet], size: tuple[int, int]) -> list[str]:
    """The middle frame of each tracklet."""
    frames = open_frames(dataset, tracklets, size, limit=0)
    middles = (frames.starts[:-1] + frames.starts[1:]) // 2
    return [strip(frames.gather(middles[i : i + 1]).cpu().numpy()) for i in range(len(tracklets))]
