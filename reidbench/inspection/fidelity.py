"""What a backend's arithmetic costs in accuracy: a trained model embedded by it and by eager torch in float32."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from reidbench.data.clips import evaluation_clips, normalise
from reidbench.data.frames import open_frames
from reidbench.data.tracklets import Dataset
from reidbench.deployment import files, runtimes
from reidbench.deployment.backends import check_backend
from reidbench.deployment.network import Deployed, Infer, Network
from reidbench.experiments.accuracy import recipe_of
from reidbench.precision import without_tf32
from reidbench.recipes import Recipe
from reidbench.retrieval.features import embed_dataset
from reidbench.retrieval.metrics import evaluate, score_samples
from reidbench.spec import Advance, Cell, Outcome, Protocol, UserError

CALIBRATION_CLIPS = 128
"""Training clips, one a tracklet, that int8 is calibrated with."""


def check_fidelity(cell: Cell) -> None:
    """Raises UserError for a column without backend or precision, and for a backend that does not run on the cell's
    device in it."""
    if lacking := [name for name in ("backend", "precision") if name not in cell.settings]:
        raise UserError(f"fidelity is that of a backend in a precision: the column's settings lack {lacking[0]}")
    check_backend(cell.settings["backend"], cell.settings["device"], cell.settings["precision"])


def look_at_fidelity(model: nn.Module, dataset: Dataset, cell: Cell, progress: Advance) -> Outcome:
    """Scores the queries with both embeddings: `ap` by the backend's, `lost` what it is below eager's in float32.

    `cosine_error` is one minus the cosine of a query's two vectors. Clips go through the backend one at a time, as in a
    deployment.
    """
    recipe, protocol = replace(recipe_of(cell.settings), precision="fp32"), Protocol(**cell.settings["protocol"])
    device = torch.device(cell.settings["device"])
    without_tf32(cell.settings["precision"])  # or eager torch, which comes first, would be the less exact
    query, gallery = embed_dataset(model, dataset, recipe, protocol, device=device, progress=progress)
    eager = evaluate(query, gallery, protocol)
    with tempfile.TemporaryDirectory() as folder:
        deployed = Deployed(_started(model, dataset, recipe, cell, Path(folder)), model.neck)  # type: ignore[arg-type]
        found, others = embed_dataset(deployed, dataset, recipe, protocol, device=device, progress=progress)
    scores = evaluate(found, others, protocol)
    samples = score_samples(scores, dataset.query)
    errors = cosine_errors(np.asarray(query.vectors), np.asarray(found.vectors))
    samples |= {
        "lost": (eager.ap - scores.ap)[scores.valid].tolist(),
        "cosine_error": errors[scores.valid].tolist(),
    }
    return Outcome({"worst": float(errors.max())}, samples, {"queries": int(scores.valid.sum())})


def cosine_errors(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One minus the cosine between the rows of two arrays [N, D], in float64."""
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first.astype(float), second.astype(float)))
    # Half the squared distance: the product itself would lose small angles to rounding.
    errors: np.ndarray = ((a - b) ** 2).sum(axis=1) / 2
    return errors


def _started(model: nn.Module, dataset: Dataset, recipe: Recipe, cell: Cell, folder: Path) -> Infer:
    settings = cell.settings
    precision = settings["precision"]
    backend = check_backend(settings["backend"], settings["device"], precision)
    clips = training_clips(dataset, recipe, CALIBRATION_CLIPS if precision == "int8" else 1)
    network = Network(copy.deepcopy(model)).eval()
    if not backend.format:
        return runtimes.in_torch(
            network, clips[:1], device=settings["device"], precision=precision, backend=backend.name
        )
    file = folder / f"network{files.FORMATS[backend.format].suffix}"
    calibration = clips.split(1) if precision == "int8" else None
    files.write(network.cpu(), clips[:1].contiguous(), file, backend.format, calibration=calibration)
    return runtimes.load(file, backend.format, precision=precision)


def training_clips(dataset: Dataset, recipe: Recipe, count: int) -> Tensor:
    """The first clips of evenly spaced training tracklets, float32 [count, T, 3, H, W], normalised, contiguous."""
    count = min(count, len(dataset.train))
    chosen = [dataset.train[i * len(dataset.train) // count] for i in range(count)]
    frames = open_frames(dataset, chosen, recipe.size)
    starts = frames.starts.tolist()
    firsts = [start + evaluation_clips(end - start, recipe.frames, "first") for start, end in pairwise(starts)]
    return normalise(frames.gather(np.concatenate(firsts))).contiguous()
