"""What a deployment pays for a whole tracklet: from its JPEGs to the nearest entries of a gallery, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reidbench.data.clips import evaluation_clips, normalise
from reidbench.data.frames import Frames, decode_frames, name_frames
from reidbench.data.synthetic import synthetic
from reidbench.deployment.backends import EAGER
from reidbench.profiling.latency import random_clips
from reidbench.profiling.session import Subject
from reidbench.retrieval.features import CLIPS_AT_ONCE

STAGES = ("decode", "clips", "network", "pooling", "search")
"""Reading and decoding the JPEGs; all clips of them, normalised, on the device; their features; their mean through the
neck at unit length; its similarity to every entry of the gallery, and the nearest."""

NEAREST = 20
"""Entries that a search returns: as many as the longest rank of the CMC."""


@dataclass(frozen=True)
class Deployment:
    """A model in use, which takes `at_once` clips at a time.

    `frames` are a tracklet's on disk, `length` those of a clip, `gallery` [G, D] at unit length.
    """

    model: nn.Module
    frames: Frames
    length: int
    at_once: int
    gallery: Tensor
    device: torch.device
    dtype: torch.dtype


def tracklet_on_disk(count: int, size: tuple[int, int], threads: int) -> Frames:
    """A tracklet of `count` frames, rendered by the synthetic dataset at `size` (height, width), as JPEGs."""
    height, width = size
    dataset = synthetic(train_ids=2, test_ids=2, cameras=2, frames=count, height=height, width=width)
    return name_frames(dataset, dataset.query[:1], size, threads=threads)


def deploy(subject: Subject, frames: Frames, shape: tuple[int, ...], *, gallery: int) -> Deployment:
    """Starts a model on its backend, and draws a gallery of so many vectors as long as its feature.

    `shape` is that of a clip, [1, T, 3, H, W]; a backend is started for all clips of the tracklet at once, or for as
    many of them as divide into it. Raises UserError for a device that is not there, and where the model cannot be
    exported.
    """
    count = len(evaluation_clips(len(frames.paths), shape[1]))
    fitting = max(number for number in range(1, CLIPS_AT_ONCE + 1) if count % number == 0)
    several = (fitting, *shape[1:])
    model = subject.deploy(several)
    with torch.inference_mode():
        dimension = model(random_clips(several, 0, device=subject.device, dtype=subject.dtype)).feature.shape[1]
    drawn = torch.randn(gallery, dimension, generator=torch.Generator().manual_seed(0))
    entries = functional.normalize(drawn, dim=1).to(subject.device)
    at_once = CLIPS_AT_ONCE if subject.backend == EAGER else fitting
    return Deployment(model, frames, shape[1], at_once, entries, torch.device(subject.device), subject.dtype)


def timed_stages(deployment: Deployment) -> dict[str, float]:
    """Puts the tracklet through every stage once: the seconds of each."""
    marks = [_now(deployment.device)]
    for _ in _stages(deployment):
        marks.append(_now(deployment.device))
    return dict(zip(STAGES, np.diff(marks).tolist(), strict=True))


def _stages(deployment: Deployment) -> Iterator[str]:
    """Does the work, and says what was done after each stage of it."""
    frames, device = deployment.frames, deployment.device
    pixels = torch.from_numpy(decode_frames(frames.root, frames.paths, frames.size, threads=frames.threads))
    yield "decode"
    numbers = torch.from_numpy(evaluation_clips(len(frames.paths), deployment.length))
    clips = normalise(pixels.to(device)[numbers.to(device)]).to(deployment.dtype)
    yield "clips"
    with torch.inference_mode():
        features = torch.cat([deployment.model(some).feature for some in clips.split(deployment.at_once)])
        yield "network"
        vector = deployment.model.neck(features.mean(0, keepdim=True))  # type: ignore[operator]
        vector = functional.normalize(vector.float(), dim=1)
        yield "pooling"
        (vector @ deployment.gallery.T).topk(min(NEAREST, len(deployment.gallery))).indices.cpu()
        yield "search"


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
