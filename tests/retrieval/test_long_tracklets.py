"""A tracklet may have any length: DukeMTMC-VideoReID's longest has 9,324 frames."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reidbench.data import frames as module
from reidbench.data.frames import Frames, open_frames
from reidbench.data.mars import read_layout
from reidbench.data.tracklets import Dataset
from reidbench.recipes import Recipe
from reidbench.retrieval.features import CLIPS_AT_ONCE, Pooling, embed
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Output
from reidbench.training.trainer import train

LONGEST = 9324
RECIPE = Recipe(size=(16, 8), frames=8, identities=2, clips_per_identity=2, steps=3, epochs=1, trunk="")


class Colours(nn.Module):
    """The mean colour of a clip, and a classifier of it."""

    def __init__(self) -> None:
        super().__init__()
        self.neck = nn.Identity()
        self.classifier = nn.Linear(3, 3)

    def forward(self, clips: Tensor) -> Output:
        feature = clips.mean((1, 3, 4))
        return Output(feature, (self.classifier(feature),), (feature,)) if self.training else Output(feature)


@pytest.fixture
def dataset(mars_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A dataset whose first query and first training tracklet are as long as can be; few files, each many times."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    found = read_layout(mars_tree, name="tiny")

    def lengthen(tracklets):
        first = replace(tracklets[0], frames=tuple(np.resize(tracklets[0].frames, LONGEST).tolist()))
        return (first, *tracklets[1:])

    return replace(found, train=lengthen(found.train), query=lengthen(found.query))


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames were in memory at a time."""
    counts: list[int] = []
    gather = Frames.gather

    def counted(self: Frames, numbers: np.ndarray) -> Tensor:
        counts.append(numbers.size)
        return gather(self, numbers)

    monkeypatch.setattr(Frames, "gather", counted)
    return counts


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_embedding_holds_the_frames_of_a_few_clips_at_a_time(dataset: Dataset, gathered: list[int], limit: int) -> None:
    pooling = Pooling.of(PROTOCOLS["release"], RECIPE.frames)
    cpu = torch.device("cpu")
    (vectors,) = embed(Colours(), dataset, dataset.query, RECIPE, [pooling], device=cpu, cache_limit=limit).values()
    assert sum(gathered) >= LONGEST and max(gathered) == CLIPS_AT_ONCE * RECIPE.frames
    frames = open_frames(dataset, dataset.query[:1], RECIPE.size, limit=0)
    mean = torch.stack([frames.gather(np.arange(n, n + 6)).double().mean((0, 1, 2)) for n in range(0, 24, 6)]).mean(0)
    expected = (mean / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    np.testing.assert_allclose(vectors[0] / np.linalg.norm(vectors[0]), expected / expected.norm(), atol=2e-3)


def test_the_cache_is_written_piece_by_piece(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """In smaller pieces here, for to trace memory takes its time."""
    monkeypatch.setattr(module, "CHUNK", 256)
    query = [replace(dataset.query[0], frames=dataset.query[0].frames[:2000])]
    asked: list[int] = []
    decode_frames = module.decode_frames

    def counted(root, paths, size, *, threads):
        asked.append(len(paths))
        return decode_frames(root, paths, size, threads=threads)

    monkeypatch.setattr(module, "decode_frames", counted)
    tracemalloc.start()
    try:
        frames = open_frames(dataset, query, (64, 32), threads=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert frames.pixels is not None and sum(asked) == 2000 and max(asked) == 256
    assert peak < frames.pixels.nbytes / 2


def test_training_takes_a_clip_of_it(dataset: Dataset, gathered: list[int]) -> None:
    result = train(Colours(), dataset, RECIPE, seed=0, device=torch.device("cpu"), cache_limit=0)
    assert result.steps == 3
    assert max(gathered) == RECIPE.identities * RECIPE.clips_per_identity * RECIPE.frames
