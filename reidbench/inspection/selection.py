"""Which temporal kernels TKS gives weight to, for slow and fast walkers and for those that an occluder hides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student
from torch import nn

from reidbench.data.lookalikes import TEMPO, whose
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.data.truth import truth_of
from reidbench.inspection.passes import blank_output, clip_maps
from reidbench.spec import Advance, Cell, Outcome, UserError

PREFIX = "tks_"
LEVEL = 0.05
"""Of the test whether a channel's weight differs between two groups, and of that whether many channels do."""
FEWEST_GROUPS = 6
"""Pairs or persons below which no such test is made: the signs of 5 have 16 outcomes, of which none is rare enough."""
FLIPS = 1999


@dataclass(frozen=True)
class Gaps:
    """Differences `values` `[gaps, ...]` between two kinds of tracklets, and for each the number of its group."""

    values: np.ndarray
    groups: list[float]


@dataclass(frozen=True)
class Differing:
    """The share of channels that differ between two kinds of tracklets, held against chance.

    `bound` is the share that chance alone exceeds in at most `LEVEL` of cases, `p` how often it gives as much.
    """

    share: float
    bound: float
    p: float


def check_selection(cell: Cell) -> None:
    """Raises UserError for a model without selection weights or with a single kernel."""
    maps = blank_output(cell).maps
    blocks = _blocks(maps)
    if not blocks:
        raise UserError(f"model {cell.model}: has no selection weights ({PREFIX}...) here; choose a row with TKS")
    if min(maps[name].shape[1] for name in blocks) < 2:
        raise UserError(f"model {cell.model}: one kernel leaves nothing to select; give two or more kernels")


def look_at_selection(model: nn.Module, dataset: Dataset, cell: Cell, progress: Advance) -> Outcome:
    """The weight of each kernel for every query, with the groups that the paper's Fig. 2 speaks of.

    Samples, one entry a query: `weight_<i>` of the i-th kernel, `long` of the longest, averaged over the channels, the
    TKS blocks and the clips of a tracklet, and the masks of the groups. `tempo_gap` holds for each tempo pair and
    camera the weight of the longest kernel for the slow twin minus that for the quick one; `occlusion_gap` for each
    identity that is filmed both ways the mean of the occluded tracklets minus that of the others. Values: how far that
    weight varies over the queries, and the same channel by channel where the model's blocks can be listened to, for
    a mean over channels hides those that move in contrary directions; the share of channels that differ between the
    two kinds, the share that chance would give (`..._bound`) and the p of the one against the other (`..._p`).
    """
    names = _blocks(blank_output(cell).maps)
    with _channels_heard(model) as heard:
        found = clip_maps(model, dataset, dataset.query, cell, names, progress)
    stacked = np.stack([found.maps[name][:, :, 0, 0] for name in names])
    weights = found.by_tracklet(stacked.astype(np.float64).mean(0))
    kernels = [int(kernel) for kernel in cell.options.get("kernels", range(1, weights.shape[1] + 1))]
    long = weights[:, int(np.argmax(kernels))]
    samples: dict[str, list[float]] = {f"weight_{i}": weights[:, i].tolist() for i in range(len(kernels))}
    samples |= {"long": long.tolist(), **whose(dataset.query)}
    samples |= _masks(dataset)
    tempo, occlusion = tempo_gaps(dataset.query, long, samples), occlusion_gaps(dataset.query, long)
    samples |= {"tempo_gap": tempo.values.tolist(), "tempo_pair": tempo.groups}
    samples |= {"occlusion_gap": occlusion.values.tolist(), "occlusion_identity": occlusion.groups}
    values = {"spread": float(long.std())}
    if heard:
        channels = found.by_tracklet(_longest(heard, int(np.argmax(kernels))))
        values["channel_spread"] = float(channels.std(0).mean())
        for name, gaps in (
            ("tempo_channels", tempo_gaps(dataset.query, channels, samples)),
            ("occlusion_channels", occlusion_gaps(dataset.query, channels)),
        ):
            if len(set(gaps.groups)) >= FEWEST_GROUPS:
                found_differing = differing(gaps)
                values[name] = found_differing.share
                values |= {f"{name}_bound": found_differing.bound, f"{name}_p": found_differing.p}
    context: dict[str, Any] = {"kernels": kernels, "blocks": names, "queries": len(dataset.query)}
    return Outcome(values, samples, context)


def _blocks(maps: Mapping[str, object]) -> list[str]:
    return sorted(name for name in maps if name.startswith(PREFIX))


def _masks(dataset: Dataset) -> dict[str, list[float]]:
    """The groups that the dataset can tell, as masks of 0 and 1 over the queries."""
    masks: dict[str, list[float]] = {}
    truth = truth_of(dataset)
    if truth:
        masks["slow"] = [float(truth.is_slow(tracklet)) for tracklet in dataset.query]
        masks["fast"] = [1 - slow for slow in masks["slow"]]
    if any("occluded" in tracklet.traits for tracklet in dataset.query):
        masks["occluded"] = [float(tracklet.traits.get("occluded", 0)) for tracklet in dataset.query]
        masks["clear"] = [1 - hidden for hidden in masks["occluded"]]
    return masks


def tempo_gaps(query: Sequence[Tracklet], weights: np.ndarray, masks: Mapping[str, Sequence[float]]) -> Gaps:
    """Slow minus quick in every tempo pair before one camera: nothing but the tempo and the take differs.

    `weights` are `[queries, ...]`, `masks["slow"]` says who is slow; the group of a gap is its pair.
    """
    pairs: dict[tuple[str, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for row, (tracklet, slow) in enumerate(zip(query, masks.get("slow", ()), strict=False)):
        if tracklet.traits.get("factor") == TEMPO:
            pairs[str(tracklet.traits["group"]), tracklet.camera][int(slow)].append(row)
    return _gaps({key: rows for key, rows in pairs.items() if all(rows)}, weights, lambda key: key[0])


def occlusion_gaps(query: Sequence[Tracklet], weights: np.ndarray) -> Gaps:
    """Occluded minus clear for every identity that is filmed both ways; the group of a gap is the identity."""
    people: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for row, tracklet in enumerate(query):
        if "occluded" in tracklet.traits:
            people[tracklet.identity][int(tracklet.traits["occluded"])].append(row)
    return _gaps({key: rows for key, rows in people.items() if all(rows)}, weights, lambda key: key)


def differing(gaps: Gaps) -> Differing:
    """How many of the channels, the last axis of the gaps, have a mean that differs from 0: t test of each at 5 %.

    The gaps of a group are averaged first. Channels move together, so that by chance the share is far from 5 % as often
    as not: it is held against what it is when the groups' signs are drawn anew, `FLIPS` times, each for all channels of
    a group at once. That is as likely an outcome where it makes no difference which of the two kinds a tracklet is of.
    """
    groups = np.array(gaps.groups)
    means = np.stack([gaps.values[groups == group].mean(0) for group in np.unique(groups)])
    count = len(means)
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (FLIPS + 1, count))
    signs[0] = 1  # as observed, which is one of the outcomes
    squared = (signs @ means / count) ** 2
    # t exceeds its quantile; where all gaps of a channel are 0 neither side is above the other.
    deviations = (means**2).sum(0) - count * squared
    limit = student.ppf(1 - LEVEL / 2, count - 1) ** 2
    shares = (squared * count * (count - 1) > limit * deviations).mean(1)
    bound = np.quantile(shares, 1 - LEVEL, method="higher")
    return Differing(float(shares[0]), float(bound), float((shares >= shares[0]).mean()))


def _gaps(
    contrasts: Mapping[Any, tuple[list[int], list[int]]], weights: np.ndarray, group_of: Callable[[Any], Any]
) -> Gaps:
    """Of each contrast of rows the mean of the second minus that of the first."""
    numbers = {group: float(number) for number, group in enumerate(dict.fromkeys(map(group_of, contrasts)))}
    values = [weights[after].mean(0) - weights[before].mean(0) for before, after in contrasts.values()]
    groups = [numbers[group_of(key)] for key in contrasts]
    return Gaps(np.array(values) if values else np.empty((0, *weights.shape[1:])), groups)


@contextmanager
def _channels_heard(model: nn.Module) -> Iterator[list[list[np.ndarray]]]:
    """For each module that selects among temporal paths the weights `[B, K, C]` of every pass meanwhile."""
    heard: list[list[np.ndarray]] = []
    handles = []
    for module in model.modules():
        if getattr(module, "select", None) is not None and hasattr(module, "paths"):
            mine: list[np.ndarray] = []
            heard.append(mine)
            handles.append(
                module.register_forward_hook(
                    lambda _module, _given, output, mine=mine: mine.append(output[1].float().cpu().numpy())
                )
            )
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _longest(heard: Sequence[Sequence[np.ndarray]], kernel: int) -> np.ndarray:
    """The weights of one kernel by clip and channel, the blocks side by side, `[clips, channels]`."""
    blocks = [np.concatenate(passes)[:, kernel] for passes in heard]
    return np.concatenate(blocks, axis=1).astype(np.float64)
