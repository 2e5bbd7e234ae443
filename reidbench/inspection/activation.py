"""Which positions carry the similarity of a query and its match: class-activation maps of identities that are no class.

A class-activation map (Zhou et al., CVPR 2016) weighs the last feature map's channels by what each contributes to a
class. A test identity is no class of the training, so that the partner's feature stands for it here: with n the
feature after the neck, the cosine similarity of a pair is the sum over channels of n_c u_c / |n|, where u is the
partner's unit vector. The weight of a channel in a frame is the gradient of that sum, |n| held fixed, summed over the
frame's positions; the map is the weighted sum of the channels, negative values set to 0. A position is so weighed as
if the pooling had taken it; a map says where in its frame the similarity lies, not how much the frame counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reidbench import registry
from reidbench.data.clips import evaluation_clips, normalise
from reidbench.data.frames import Frames, open_frames
from reidbench.data.lookalikes import whose
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Tracklet
from reidbench.data.truth import Truth, truth_of
from reidbench.experiments.accuracy import prepare_device, recipe_of
from reidbench.inspection.passes import frames_of_passes
from reidbench.inspection.pictures import evenly_spaced, rounded, strip
from reidbench.spec import Advance, Cell, Outcome, UserError

PAIRS_AT_ONCE = 8
SHOWN = 4
"""Pairs whose frames and maps the record keeps."""
SHOWN_FRAMES = 4
"""Frames of each of their two clips."""
COARSE = 32
"""Pixels a side of the cells in which maps of any stride are compared: those of a half-size frame at stride 16."""
LIT = 0.5
"""A frame lights up a position from this share of its highest activation on."""


@dataclass(frozen=True)
class Pair:
    """A query and a tracklet of its identity from another camera: positions in the list of tracklets."""

    query: int
    match: int


def check_activation(cell: Cell) -> None:
    """Raises UserError for a model whose last stage cannot be listened to."""
    recipe = recipe_of(cell.settings)
    model = registry.build(cell.model, **cell.options).eval()
    _activation(model, torch.randn(2, recipe.frames, 3, *recipe.size))


def look_at_activation(model: nn.Module, dataset: Dataset, cell: Cell, progress: Advance) -> Outcome:
    """Of every query with a match in another camera, over the frames of its first clip: `overlap` of the maps of
    consecutive frames, and where the dataset knows its pixels `person`, `area`, `emblem` and `coverage`.

    Looked at are the first clips of both tracklets.
    """
    recipe, device = recipe_of(cell.settings), prepare_device(cell.settings)
    tracklets = (*dataset.query, *dataset.gallery)
    pairs = find_pairs(dataset.query, tracklets)
    if not pairs:
        raise UserError(f"dataset {dataset.name}: no query has a match in another camera; use another dataset")
    frames = open_frames(dataset, tracklets, recipe.size)
    truth = truth_of(dataset)
    shown = [pairs[i] for i in evenly_spaced(len(pairs), SHOWN)]
    samples = whose([tracklets[pair.query] for pair in pairs])
    pictures: list[dict[str, Any]] = []
    for first in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[first : first + PAIRS_AT_ONCE]
        numbers = np.stack([_first_clip(frames, place, recipe.frames) for p in some for place in (p.query, p.match)])
        pixels = frames.gather(numbers).to(device)
        maps, similarities = _activation(model, normalise(pixels))
        for i, pair in enumerate(some):
            seen = _seen(truth, tracklets[pair.query], numbers[2 * i] - frames.starts[pair.query])
            for name, value in measures(maps[2 * i], recipe.size, seen).items():
                samples.setdefault(name, []).append(value)
            if pair in shown:
                two = slice(2 * i, 2 * i + 2)
                pictures.append(_picture(pair, tracklets, pixels[two], maps[two], similarities[i]))
        progress(min(first + PAIRS_AT_ONCE, len(pairs)), len(pairs), "pairs looked at")
    context = {"queries": len(pairs), "grids": sorted({m.shape for m in maps[0]}), "pairs": pictures}
    return Outcome(samples=samples, context=context)


def find_pairs(query: Sequence[Tracklet], tracklets: Sequence[Tracklet]) -> list[Pair]:
    """Each query with its match: the next tracklet of its identity around the list that another camera took.

    Queries come first among the tracklets; one without such a match is left out.
    """
    places: dict[int, list[int]] = {}
    for place, tracklet in enumerate(tracklets):
        if tracklet.identity not in (JUNK, DISTRACTOR):
            places.setdefault(tracklet.identity, []).append(place)
    found = []
    for row, tracklet in enumerate(query):
        others = [p for p in places[tracklet.identity] if tracklets[p].camera != tracklet.camera]
        match = next((p for p in others if p > row), others[0] if others else None)
        if match is not None:
            found.append(Pair(row, match))
    return found


def measures(maps: Sequence[np.ndarray], size: tuple[int, int], seen: Sequence[np.ndarray]) -> dict[str, float]:
    """What the activation maps of one clip say: a list of T maps `[h, w]` of a frame of `size` pixels.

    `seen`, empty where it is not known, holds which pixels show the walker and which the emblem, bool `[T, H, W]`.
    A map that is nowhere positive counts as even, but lights up nothing; `empty` is their share.
    """
    active = np.array([each.any() for each in maps])
    maps = [each if each.any() else np.ones_like(each) for each in maps]
    rows, columns = max(1, size[0] // COARSE), max(1, size[1] // COARSE)
    coarse = [_to_grid(each, rows, columns) for each in maps]
    shares = np.stack([each / each.sum() for each in coarse]).reshape(len(maps), -1)
    overlap = (np.sqrt(shares[1:]) * np.sqrt(shares[:-1])).sum(1).mean() if len(maps) > 1 else 1.0
    found = {"overlap": float(overlap), "empty": float(1 - active.mean())}
    if not len(seen):
        return found
    walker, emblem = seen
    fine = np.stack([_to_grid(each, *size) for each in maps])
    fine /= fine.sum((1, 2), keepdims=True)
    found["person"], found["area"] = float((fine * walker).sum((1, 2)).mean()), float(walker.mean())
    with_emblem = emblem.any((1, 2))
    density = (fine * emblem).sum((1, 2))[with_emblem] / emblem.mean((1, 2))[with_emblem]
    found["emblem"], found["has_emblem"] = float(density.mean()) if len(density) else 0.0, float(len(density) > 0)
    lit = np.stack([_to_grid(each >= LIT * each.max(), *size) > 0 for each in coarse])[active].any(0)
    anywhere = walker.any(0)
    found["coverage"] = float((lit & anywhere).sum() / max(1, anywhere.sum()))
    return found


def _activation(model: nn.Module, clips: Tensor) -> tuple[list[list[np.ndarray]], list[float]]:
    """Of clips `[2 * pairs, T, 3, H, W]`, partners side by side: for each clip its T maps `[h, w]`, and the cosines."""
    heard: list[Tensor] = []
    last = getattr(getattr(model, "trunk", None), "layer4", None)
    if last is None:
        raise UserError(f"{type(model).__name__}: has no trunk.layer4, whose output class-activation maps are of")
    handle = last.register_forward_hook(lambda _module, _given, output: heard.append(output))
    try:
        with torch.enable_grad():
            vectors = model.neck(model(clips.requires_grad_()).feature)  # type: ignore[operator]
            units = functional.normalize(vectors.detach(), dim=1)
            partners = units.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
            carried = (vectors * partners).sum(1) / vectors.detach().norm(dim=1)
            gradients = torch.autograd.grad(carried.sum(), heard)
    finally:
        handle.remove()
    frames = frames_of_passes(model, clips.shape[1], len(heard))
    maps: list[list[np.ndarray]] = [[np.empty(0)] * clips.shape[1] for _ in range(len(clips))]
    for output, gradient, order in zip(heard, gradients, frames, strict=True):
        weighed = (gradient.sum((2, 3), keepdim=True) * output.detach()).sum(1).clamp_min(0)
        by_clip = weighed.unflatten(0, (len(clips), -1)).float().cpu().numpy().astype(np.float64)
        for clip, of_clip in enumerate(by_clip):
            for frame, each in zip(order, of_clip, strict=True):
                maps[clip][frame] = each
    cosines = (units * partners).sum(1)[::2]
    return maps, cosines.tolist()


def _first_clip(frames: Frames, place: int, length: int) -> np.ndarray:
    """The numbers of the frames of a tracklet's first test clip."""
    start, end = frames.starts[place], frames.starts[place + 1]
    clip: np.ndarray = start + evaluation_clips(int(end - start), length, "first")[0]
    return clip


def _seen(truth: Truth | None, tracklet: Tracklet, moments: np.ndarray) -> Sequence[np.ndarray]:
    return [mask[moments] for mask in truth.visible(tracklet)] if truth else ()


def _to_grid(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """An array `[h, w]` on another grid: averaged over what a cell of it covers, repeated where its cells are finer."""
    maps = torch.from_numpy(values.astype(np.float64))[None, None]
    averaged = functional.adaptive_avg_pool2d(maps, (min(rows, maps.shape[2]), min(columns, maps.shape[3])))
    return functional.interpolate(averaged, (rows, columns), mode="nearest")[0, 0].numpy()


def _picture(
    pair: Pair, tracklets: Sequence[Tracklet], pixels: Tensor, maps: Sequence[list[np.ndarray]], similarity: float
) -> dict[str, Any]:
    """Both clips of a pair: frames, and maps at most 1 in each frame."""
    clips = []
    for place, frames, of_clip in zip((pair.query, pair.match), pixels, maps, strict=True):
        clips.append(
            {
                "number": place,
                "identity": tracklets[place].identity,
                "camera": tracklets[place].camera,
                "frames": strip(frames[:SHOWN_FRAMES].cpu().numpy()),
                "maps": [rounded(each / (each.max() or 1)) for each in of_clip[:SHOWN_FRAMES]],
            }
        )
    return {"similarity": round(similarity, 4), "clips": clips}
