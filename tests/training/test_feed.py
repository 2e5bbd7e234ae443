"""What a step is fed: the clips and labels of the tracklets that are planned for it, and of whose look-alikes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import RECIPE

from reidbench.data.frames import decode_frames
from reidbench.data.mars import read_layout
from reidbench.data.tracklets import Dataset
from reidbench.training.feed import Feed, open_feed

CPU = torch.device("cpu")
PLAIN = replace(RECIPE, identities=4, flip=0.0, erase=0.0, steps=20)


@pytest.fixture
def dataset(write_mars: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Twelve persons, numbered with gaps, of whom two by two look alike; 4 and 7 frames of each."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    rows = [(person, camera, 1, 1 + 3 * camera) for person in range(3, 27, 2) for camera in (1, 2)]
    found = read_layout(write_mars(train=rows), name="tiny")
    train = (replace(t, traits={"group": f"g{(t.identity - 3) // 4}"}) for t in found.train)
    return replace(found, train=tuple(train))


def persons(feed: Feed, dataset: Dataset, step: int) -> Counter[int]:
    return Counter(dataset.train[row].identity for row in feed.plan.tracklets[step])


def test_look_alikes_are_in_one_batch_where_the_recipe_says_so(dataset: Dataset) -> None:
    together = []
    for grouped in (True, False):
        feed = open_feed(dataset, replace(PLAIN, grouped=grouped), 1, CPU)
        batches = [persons(feed, dataset, step) for step in range(20)]
        assert all(sum(batch.values()) == 8 and set(batch.values()) == {2} for batch in batches)
        together.append(all(4 * ((p - 3) // 4) + 3 in b and 4 * ((p - 3) // 4) + 5 in b for b in batches for p in b))
    assert together == [True, False]


def test_clips_are_frames_of_the_planned_tracklets_under_labels_from_0(dataset: Dataset) -> None:
    feed = open_feed(dataset, PLAIN, 1, CPU)
    assert feed.classes == 12 and len(feed.plan) == 20
    pixels = [set(map(bytes, decode_frames(dataset.root, t.frames, PLAIN.size, threads=1))) for t in dataset.train]
    batch = feed.batch(3)
    rows = feed.plan.tracklets[3]
    assert batch.clips.shape == (8, 2, 16, 8, 3) and batch.clips.dtype == torch.uint8
    assert batch.labels.tolist() == [(dataset.train[row].identity - 3) // 2 for row in rows]
    for clip, row in zip(batch.clips.numpy(), rows, strict=True):
        assert {bytes(np.ascontiguousarray(frame)) for frame in clip} <= pixels[row]
    assert not batch.augmentation.flips.any() and not batch.augmentation.boxes[:, 2:].any()


def test_every_choice_follows_from_the_seed_and_the_step(dataset: Dataset) -> None:
    recipe = replace(PLAIN, flip=0.5, erase=0.2)
    feed, again, other = (open_feed(dataset, recipe, seed, CPU) for seed in (1, 1, 2))
    one, same = feed.batch(5), again.batch(5)
    assert torch.equal(one.clips, same.clips) and one.seed == same.seed
    assert np.array_equal(one.augmentation.boxes, same.augmentation.boxes)
    assert len({one.seed, feed.batch(6).seed, other.batch(5).seed}) == 3
    assert np.array_equal(feed.plan.tracklets, again.plan.tracklets)
    assert not np.array_equal(feed.plan.tracklets, other.plan.tracklets)
    drawn = [feed.batch(step).augmentation for step in range(20)]
    assert 55 < sum(each.flips.sum() for each in drawn) < 105, "of 160 clips, each by itself"
    assert 15 < sum((each.boxes[:, 2] > 0).sum() for each in drawn) < 50
