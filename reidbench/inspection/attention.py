"""DAO's attention frame by frame: how far the maps of neighbouring frames overlap, and how they look."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from reidbench.data.lookalikes import whose
from reidbench.data.tracklets import Dataset
from reidbench.inspection.passes import ClipMaps, blank_output, clip_maps, frames_of_passes
from reidbench.inspection.pictures import evenly_spaced, rounded, strip
from reidbench.spec import Advance, Cell, Outcome, UserError

BIG, SMALL = "dao_big", "dao_small"
SHOWN = 4
"""Queries whose frames and maps the record keeps."""


def check_attention(cell: Cell) -> None:
    """Raises UserError for a model without attention maps, or with one small frame a group, which has no pair."""
    maps = blank_output(cell).maps
    if BIG not in maps or SMALL not in maps:
        raise UserError(f"model {cell.model}: has no attention maps ({BIG}, {SMALL}) here; choose a row with DAO or AO")
    if maps[SMALL].shape[1] // maps[BIG].shape[1] < 2:
        raise UserError(f"model {cell.model}: one small frame for each big one makes no pair; give alpha of 2 or more")


def look_at_attention(model: nn.Module, dataset: Dataset, cell: Cell, progress: Advance) -> Outcome:
    """The samples `overlap`, `evenness` and `constancy`, one a query, with maps and frames of some of them.

    Compared are the small frames that go with one big frame, those between which the divergence loss acts. The overlap
    of two maps p and q is the sum of sqrt(p q), their Hellinger affinity: 1 where they are alike, 0 where disjoint.
    """
    found = clip_maps(model, dataset, dataset.query, cell, (BIG, SMALL), progress)
    small = found.maps[SMALL].astype(np.float64)
    flat = small.reshape(*small.shape[:2], -1)
    group = flat.shape[1] // found.maps[BIG].shape[1]
    per_clip = {"overlap": pair_overlap(flat, group), "evenness": evenness(flat), "constancy": constancy(flat)}
    samples = {name: found.by_tracklet(values).tolist() for name, values in per_clip.items()}
    samples |= whose(dataset.query)
    context: dict[str, Any] = {
        "positions": list(small.shape[2:]),
        "group": group,
        "queries": len(dataset.query),
        "mean_maps": rounded(_in_order(found, model).mean(0)),
        "small_frames": frames_of_passes(model, found.numbers.shape[1], 2)[1].tolist(),
        "tracklets": _pictures(found, model, dataset),
    }
    return Outcome(samples=samples, context=context)


def pair_overlap(maps: np.ndarray, group: int) -> np.ndarray:
    """Maps `[clips, frames, P]` that sum to one to their mean overlap `[clips]` over the pairs of each `group` frames.

    The frames of a group are consecutive.
    """
    roots = np.sqrt(maps).reshape(len(maps), -1, group, maps.shape[2])
    overlaps = roots @ roots.swapaxes(2, 3)
    first, second = np.triu_indices(group, k=1)
    mean: np.ndarray = overlaps[:, :, first, second].mean((1, 2))
    return mean


def evenness(maps: np.ndarray) -> np.ndarray:
    """Maps `[clips, frames, P]` to the share of the positions that a map spreads over, exp(entropy) / P, `[clips]`."""
    logs = np.log(np.where(maps > 0, maps, 1))
    spread: np.ndarray = np.exp(-(maps * logs).sum(2)).mean(1) / maps.shape[2]
    return spread


def constancy(maps: np.ndarray) -> np.ndarray:
    """Maps `[clips, frames, P]` to their overlap `[clips]` with the mean map of their place in the clip."""
    likeness: np.ndarray = (np.sqrt(maps) * np.sqrt(maps.mean(0))).sum(2).mean(1)
    return likeness


def _in_order(found: ClipMaps, model: nn.Module) -> np.ndarray:
    """The maps of both branches in the order of the frames, at the finer of the two grids, `[clips, T, h, w]`."""
    big, small = found.maps[BIG], found.maps[SMALL]
    rows, columns = (max(big.shape[axis], small.shape[axis]) for axis in (2, 3))
    maps = np.empty((len(big), found.numbers.shape[1], rows, columns))
    for part, frames in zip((big, small), frames_of_passes(model, maps.shape[1], 2), strict=True):
        fold = (rows // part.shape[2], columns // part.shape[3])
        maps[:, frames] = np.kron(part, np.ones(fold)) / (fold[0] * fold[1])
    return maps


def _pictures(found: ClipMaps, model: nn.Module, dataset: Dataset) -> list[dict[str, Any]]:
    """The first clips of a few queries, evenly spaced in the list."""
    ordered = _in_order(found, model)
    pictures = []
    for query in evenly_spaced(len(dataset.query), SHOWN):
        clip, tracklet = found.first_clip(query), dataset.query[query]
        frames = found.frames.gather(found.numbers[clip]).cpu().numpy()
        pictures.append(
            {
                "query": query,
                "identity": tracklet.identity,
                "camera": tracklet.camera,
                "frames": strip(frames),
                "maps": rounded(ordered[clip]),
            }
        )
    return pictures
