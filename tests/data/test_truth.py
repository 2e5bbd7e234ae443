"""What is said to be seen of a walker agrees with the frames that were rendered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reidbench.data.mars import read_layout
from reidbench.data.synthetic import synthetic, write_synthetic
from reidbench.data.tracklets import Dataset
from reidbench.data.truth import Truth, truth_of


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("walkers") / "few"
    write_synthetic(folder, train_ids=4, test_ids=8, cameras=2, frames=6, occlusion=0.5, misalignment=0)
    return synthetic(str(folder))


@pytest.fixture
def truth(walkers: Dataset) -> Truth:
    found = truth_of(walkers)
    assert found
    return found


def test_of_two_tempo_twins_one_is_slow(walkers: Dataset, truth: Truth) -> None:
    groups: dict[object, set[bool]] = {}
    for tracklet in walkers.query:
        if tracklet.traits.get("factor") == "tempo":
            groups.setdefault(tracklet.traits["group"], set()).add(truth.is_slow(tracklet))
    assert groups and all(found == {True, False} for found in groups.values())


def test_persons_are_those_of_the_traits(walkers: Dataset, truth: Truth) -> None:
    for tracklet in (*walkers.train, *walkers.query):
        person = truth.person(tracklet)
        assert (f"g{person.group}", person.factor) == (
            tracklet.traits.get("group", f"g{person.group}"),
            tracklet.traits.get("factor", ""),
        )


def test_walker_and_emblem_are_where_the_frames_show_them(walkers: Dataset, truth: Truth) -> None:
    hidden = clear = 0.0
    for tracklet in walkers.query:
        walker, emblem = truth.visible(tracklet)
        assert walker.shape == emblem.shape == (6, 64, 32) and walker.dtype == bool
        if tracklet.traits["occluded"]:
            hidden = max(hidden, float(1 - walker.mean((1, 2)).min() / walker.mean((1, 2)).max()))
            continue
        clear = max(clear, float(1 - walker.mean((1, 2)).min() / walker.mean((1, 2)).max()))
        assert 0.15 < walker.mean() < 0.4 and 0.005 < emblem.mean() < 0.03
        rows = np.nonzero(emblem.any((0, 2)))[0]
        assert rows.min() > 15 and rows.max() < 40, "the chest"
        assert not walker[:, 0].any() and walker[:, 20:40].any((1, 2)).all()
    assert hidden > 0.3 > clear, "an occluder hides part of the walker for a while"


def test_other_data_has_no_truth(mars_tree: Path, write_mars: Callable[..., Path]) -> None:
    assert truth_of(read_layout(mars_tree, name="mars")) is None
