"""Made-up records of what trained models look at: none of these maps and pictures is any model's."""

from __future__ import annotations

from typing import Any

import numpy as np

from reidbench.inspection.pictures import rounded, strip
from reidbench.spec import Cell

PEOPLE = np.repeat(np.arange(20), 4)
SIZE = (64, 32)
SMALL_FRAMES = [1, 2, 3, 5, 6, 7]

Content = tuple[dict[str, float], dict[str, list[float]], dict[str, Any]]


def content(cell: Cell) -> Content | None:
    """The values, samples and context of a cell of an inspection; None of any other."""
    make = {"activation": _activation, "attention": _attention, "selection": _selection, "ranking": _ranking}
    rng = np.random.default_rng([cell.settings.get("seed", 0), len(cell.row)])
    return make[cell.measurement](cell, rng) if cell.measurement in make else None


def frames(rng: np.random.Generator, count: int) -> str:
    return strip(rng.integers(0, 255, (count, *SIZE, 3)).astype(np.uint8))


def _per_query(rng: np.random.Generator, *names: str) -> dict[str, list[float]]:
    found = {name: rng.uniform(0.4, 0.6, len(PEOPLE)).tolist() for name in names}
    return {**found, "identity": PEOPLE.astype(float).tolist()}


def _activation(cell: Cell, rng: np.random.Generator) -> Content:
    grids = [(4, 2)] if cell.model == "baseline" else [(4, 2), (2, 1), (2, 1), (2, 1)]
    pairs = []
    for number in range(4):
        clips = []
        for camera in (1, 2):
            maps = [rounded(rng.random(grids[frame % len(grids)])) for frame in range(4)]
            clip = {"number": 100 * number, "identity": 7, "camera": camera, "frames": frames(rng, 4), "maps": maps}
            clips.append(clip)
        pairs.append({"similarity": 0.5, "clips": clips})
    samples = _per_query(rng, "overlap", "coverage", "person", "area", "emblem", "empty")
    samples["has_emblem"] = [1.0] * len(PEOPLE)
    return {}, samples, {"grids": sorted(set(grids)), "pairs": pairs}


def _attention(cell: Cell, rng: np.random.Generator) -> Content:
    maps = rng.dirichlet(np.ones(4), (5, 8))[..., None]
    tracklets = [
        {"query": 80 * i, "identity": i, "camera": 1, "frames": frames(rng, 8), "maps": rounded(maps[i])}
        for i in range(4)
    ]
    context = {"mean_maps": rounded(maps[4]), "small_frames": SMALL_FRAMES, "group": 3, "tracklets": tracklets}
    return {}, _per_query(rng, "overlap", "evenness", "constancy"), context


def _selection(cell: Cell, rng: np.random.Generator) -> Content:
    kernels = list(cell.options["kernels"])
    weights = rng.dirichlet(np.full(len(kernels), 50.0), len(PEOPLE))
    samples = {f"weight_{i}": weights[:, i].tolist() for i in range(len(kernels))} | _per_query(rng)
    samples |= {"long": weights[:, -1].tolist()}
    for name, mask in (("slow", PEOPLE % 2), ("occluded", np.arange(len(PEOPLE)) % 4 == 0)):
        opposite = {"slow": "fast", "occluded": "clear"}[name]
        samples |= {name: mask.astype(float).tolist(), opposite: (1 - mask.astype(float)).tolist()}
    for gap, by in (("tempo_gap", "tempo_pair"), ("occlusion_gap", "occlusion_identity")):
        samples |= {gap: rng.normal(scale=0.01, size=10).tolist(), by: [float(i) for i in range(10)]}
    channels = [f"{factor}_channels{end}" for factor in ("tempo", "occlusion") for end in ("", "_bound", "_p")]
    names = ("spread", "channel_spread", *channels)
    return dict.fromkeys(names, 0.05), samples, {"kernels": kernels}


def _ranking(cell: Cell, rng: np.random.Generator) -> Content:
    def about(number: int) -> dict[str, Any]:
        return {"number": number, "identity": 7, "camera": 2, "factor": "emblem", "picture": frames(rng, 1)}

    kinds = ("match", "look-alike", "other")
    rankings = [
        {**about(number), "matches": 3, "ranking": [{**about(n), "kind": kinds[n % 3]} for n in range(10)]}
        for number in range(4)
    ]
    return {}, _per_query(rng, "found", "lookalikes", "others"), {"rankings": rankings}
