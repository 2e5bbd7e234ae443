from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reidbench.data.clips import evaluation_clips, normalise
from reidbench.data.frames import decode
from reidbench.data.mars import read_layout
from reidbench.data.tracklets import DISTRACTOR, Dataset
from reidbench.retrieval import features as module
from reidbench.retrieval.features import Features, embed, embed_dataset
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Output, Protocol, Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(size=(16, 8), frames=4)


class Means(nn.Module):
    """The colours of a clip's frames, weighed by their place in the clip, and a neck that is not linear."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def forward(self, clips: Tensor) -> Output:
        assert not self.training and clips.dtype == torch.float32
        self.largest = max(self.largest, len(clips))
        weights = torch.linspace(1, 2, clips.shape[1])[:, None]
        return Output((clips.mean((3, 4)) * weights).mean(1))

    def neck(self, feature: Tensor) -> Tensor:
        return feature.pow(3) + 1


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def dataset(write_mars: Callable[..., Path]) -> Dataset:
    return read_layout(write_mars(traits={"0002C1T0001": {"group": "g"}}), name="tiny")


def naive(dataset: Dataset, model: Means, protocol: Protocol) -> np.ndarray:
    """One tracklet at a time, one clip at a time."""
    rows = []
    for tracklet in dataset.train:
        pixels = np.stack([decode(dataset.root / frame, RECIPE.size) for frame in tracklet.frames])
        clips = [torch.from_numpy(pixels[c])[None] for c in evaluation_clips(len(pixels), 4, protocol.clips)]
        each = torch.cat([model(normalise(clip)).feature for clip in clips])
        vector = model.neck(each).mean(0) if protocol.neck == "before" else model.neck(each.mean(0))
        rows.append((vector / vector.norm()).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("name", ["release", "first_clip", "neck_before"])
@pytest.mark.parametrize("limit", [0, 1 << 30])
@pytest.mark.parametrize("at_once", [1, 3, 32])
def test_against_one_clip_at_a_time(
    dataset: Dataset, name: str, limit: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLIPS_AT_ONCE", at_once)
    model = Means().train()
    found = embed(model, dataset, dataset.train, RECIPE, PROTOCOLS[name], device=CPU, cache_limit=limit)
    assert found.vectors.dtype == np.float32 and model.largest <= at_once
    np.testing.assert_allclose(found.vectors, naive(dataset, model, PROTOCOLS[name]), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert found.identities.tolist() == [1, 1, 3, 3, 5, 5] and found.cameras.tolist() == [1, 2, 1, 2, 1, 3]


@pytest.mark.parametrize(
    ("protocol", "gallery"),
    [
        (PROTOCOLS["release"], [2, 4, 0, 2, 4, 4]),
        (PROTOCOLS["release_no_queries"], [0, 2, 4, 4]),
        (replace(PROTOCOLS["release"], distractors=False), [2, 4, 2, 4, 4]),
    ],
)
def test_the_protocol_makes_up_the_gallery(dataset: Dataset, protocol: Protocol, gallery: list[int]) -> None:
    query, found = embed_dataset(Means(), dataset, RECIPE, protocol, device=CPU)
    assert query.identities.tolist() == [2, 4] and query.groups.tolist() == ["g", ""]
    assert found.identities.tolist() == gallery
    assert len(found.vectors) == len(found) and (DISTRACTOR in gallery) == protocol.distractors
    assert np.array_equal(found.vectors[-1], embed_last(dataset))


def embed_last(dataset: Dataset) -> np.ndarray:
    return embed(Means(), dataset, dataset.gallery[-1:], RECIPE, PROTOCOLS["release"], device=CPU).vectors[0]


def test_a_dataset_that_keeps_queries_out_of_its_gallery(dataset: Dataset) -> None:
    apart = replace(dataset, queries_in_gallery=False)
    _, gallery = embed_dataset(Means(), apart, RECIPE, PROTOCOLS["release"], device=CPU)
    assert gallery.identities.tolist() == [0, 2, 4, 4]
    _, gallery = embed_dataset(Means(), apart, RECIPE, PROTOCOLS["mars_matlab"], device=CPU)
    assert gallery.identities.tolist() == [2, 4, 0, 2, 4, 4]


def test_colours_find_their_identity(dataset: Dataset) -> None:
    query, gallery = embed_dataset(Means(), dataset, RECIPE, PROTOCOLS["release"], device=CPU)
    scores = evaluate(query, gallery, PROTOCOLS["release"])
    assert scores.valid.all() and scores.ap.tolist() == [1, 1]


def test_progress_counts_clips(dataset: Dataset) -> None:
    seen: list[tuple[int, int, str]] = []
    embed(
        Means(),
        dataset,
        dataset.train,
        RECIPE,
        PROTOCOLS["release"],
        device=CPU,
        progress=lambda *call: seen.append(call),
    )
    assert seen[-1] == (22, 22, "clips embedded")


def test_features_know_their_number() -> None:
    assert len(Features(np.zeros((3, 2)), np.zeros(3), np.zeros(3), np.zeros(3))) == 3


def test_protocols_do_not_need_torch() -> None:
    code = "import sys, reidbench.retrieval.protocols; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
