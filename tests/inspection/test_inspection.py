"""Maps, gaps and rankings by hand: small arrays whose answers are known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from torch import Tensor, nn

from reidbench.data.mars import read_layout
from reidbench.data.tracklets import JUNK, Dataset, Tracklet
from reidbench.inspection.activation import Pair, _activation, find_pairs, look_at_activation, measures
from reidbench.inspection.attention import constancy, evenness, pair_overlap
from reidbench.inspection.passes import clip_maps, frames_of_passes
from reidbench.inspection.pictures import evenly_spaced, strip
from reidbench.inspection.ranking import kinds_of, ranking
from reidbench.inspection.selection import Differing, Gaps, differing, occlusion_gaps, tempo_gaps
from reidbench.reporting.figures.images import frames_of
from reidbench.retrieval.features import Features
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Cell, Output, Protocol, UserError


def person(identity: int, camera: int, **traits: Any) -> Tracklet:
    return Tracklet(("f",), identity, camera, traits)


@given(st.integers(0, 400), st.integers(1, 9))
def test_the_choice_is_even_and_knows_no_result(count: int, wanted: int) -> None:
    chosen = evenly_spaced(count, wanted)
    assert len(chosen) == min(count, wanted) == len(set(chosen))
    assert chosen == sorted(chosen) and all(0 <= place < count for place in chosen)
    steps = np.diff(chosen)
    assert not len(steps) or steps.max() - steps.min() <= 1


@pytest.mark.parametrize(("size", "kept"), [((64, 32), (64, 32)), ((256, 128), (128, 64)), ((200, 90), (128, 58))])
def test_a_strip_keeps_its_frames_in_order(size: tuple[int, int], kept: tuple[int, int]) -> None:
    frames = np.stack([np.full((*size, 3), value, np.uint8) for value in (10, 120, 240)])
    shown = frames_of(strip(frames), 3)
    assert shown.shape == (3, *kept, 3)
    assert np.allclose(shown[:, 8:-8, 8:-8].mean((1, 2, 3)) * 255, [10, 120, 240], atol=2)


def test_frames_of_passes_are_those_the_branches_see() -> None:
    def lists(passes: list[np.ndarray]) -> list[list[int]]:
        return [found.tolist() for found in passes]

    model: Any = SimpleNamespace
    assert lists(frames_of_passes(model(), 4, 1)) == [[0, 1, 2, 3]]
    assert lists(frames_of_passes(model(shrink=(1, 2)), 5, 2)) == [[0, 2, 4], [1, 3]]
    assert lists(frames_of_passes(model(alpha=3, paper=False), 8, 2)) == [[0, 4], [1, 2, 3, 5, 6, 7]]
    assert lists(frames_of_passes(model(alpha=3, paper=True), 8, 2)) == [[0, 1], [2, 3, 4, 5, 6, 7]]
    with pytest.raises(UserError, match="does not say which frames its 3 passes"):
        frames_of_passes(model(alpha=3), 8, 3)


class Brightness(nn.Module):
    """One map: a positive sum over the colours of each position, which autocast computes in its own precision."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weigh = nn.Linear(3, 1, bias=False)
        nn.init.uniform_(self.weigh.weight, 0.5, 1)

    def forward(self, clips: Tensor) -> Output:
        return Output(clips, maps={"bright": self.weigh(clips.abs().movedim(2, -1)).squeeze(-1)})


def test_maps_are_made_in_the_precision_of_the_recipe(own_cache: None, mars_tree: Path) -> None:
    """A colour, a weight, their product and up to three sums are each rounded by up to 2^-9 in bf16 (the partial sums
    where the processor has no bf16), by 2^-24 in float32."""
    dataset, model = read_layout(mars_tree, name="tiny"), Brightness()

    def maps(precision: str) -> np.ndarray:
        recipe = {"size": [16, 8], "frames": 4, "precision": precision}
        cell = Cell("row", "attention", "baseline", {}, {"recipe": recipe, "device": "cpu", "threads": 1}, "source")
        return clip_maps(model, dataset, dataset.train, cell, ["bright"], lambda *_: None).maps["bright"]

    full, half = maps("fp32"), maps("bf16")
    assert full.shape[1:] == (4, 16, 8) and full.dtype == half.dtype == np.float32
    assert 2**-14 < np.abs(half / full - 1).max() < 2**-6


def test_the_overlap_is_that_of_frames_of_one_group() -> None:
    left, right, even = np.eye(2)[0], np.eye(2)[1], np.full(2, 0.5)
    assert pair_overlap(np.array([[left, right, left, right]]), 2).tolist() == [0]
    assert pair_overlap(np.array([[left, left, right, right]]), 2).tolist() == [1]
    assert pair_overlap(np.array([[left, even]]), 2) == pytest.approx([np.sqrt(0.5)])
    assert pair_overlap(np.array([[left, right, even]]), 3) == pytest.approx([2 * np.sqrt(0.5) / 3])


def test_evenness_and_constancy() -> None:
    sure, even = np.array([1.0, 0, 0, 0]), np.full(4, 0.25)
    assert evenness(np.array([[sure, sure], [even, even]])) == pytest.approx([0.25, 1])
    assert constancy(np.array([[sure], [sure]])) == pytest.approx([1, 1])
    assert max(constancy(np.array([[sure], [even]]))) < 1


class Pooled(nn.Module):
    """Two channels: brightness of the left and of the right half, each position for itself, and a mean over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Module()
        self.trunk.layer4 = nn.Identity()
        self.neck = nn.Identity()

    def forward(self, clips: Tensor) -> Output:
        maps = self.trunk.layer4(clips.flatten(0, 1)[:, :2])  # type: ignore[operator]
        return Output(maps.amax((2, 3)).unflatten(0, clips.shape[:2]).mean(1))


def test_activation_is_where_what_both_have_is() -> None:
    clips = torch.zeros(2, 1, 3, 2, 2)
    clips[0, 0, 0, 0, 0] = 3.0  # the query: channel 0 at the upper left,
    clips[0, 0, 1, 1, 1] = 4.0  # channel 1 at the lower right
    clips[1, 0, 0, 1, 0] = 1.0  # its partner: channel 0 alone, at the lower left
    maps, cosines = _activation(Pooled(), clips)
    assert cosines == pytest.approx([0.6])
    assert maps[0][0] == pytest.approx(np.array([[3 / 5, 0], [0, 0]])), "what the partner lacks counts for nothing"
    assert maps[1][0] == pytest.approx(np.array([[0, 0], [3 / 5, 0]]))
    assert maps[0][0].sum() == pytest.approx(cosines[0]), "where nothing is left out the map adds up to the cosine"


def test_activation_of_a_dataset_without_a_match_is_refused(tmp_path: Path) -> None:
    query, gallery = (person(1, 1),), (person(1, 1), person(2, 2))
    dataset = Dataset("lonely", tmp_path, (), query, gallery, "now", queries_in_gallery=True)
    settings = {"recipe": {"size": [4, 4], "frames": 1}, "device": "cpu", "threads": 0}
    cell = Cell("row", "activation", "baseline", {}, settings, "source")
    with pytest.raises(UserError, match="dataset lonely: no query has a match in another camera"):
        look_at_activation(Pooled(), dataset, cell, lambda *_: None)


def test_a_model_without_the_last_stage_is_refused() -> None:
    with pytest.raises(UserError, match=r"Linear: has no trunk\.layer4"):
        _activation(nn.Linear(2, 2), torch.zeros(2, 1, 3, 2, 2))


def test_measures_of_maps() -> None:
    upper, lower = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
    assert measures([upper, upper], (64, 32), ())["overlap"] == 1
    assert measures([upper, lower], (64, 32), ())["overlap"] == 0
    walker, emblem = np.zeros((2, 64, 32), bool), np.zeros((2, 64, 32), bool)
    walker[:, 16:48] = True
    emblem[0, 16:32] = True
    found = measures([upper, upper], (64, 32), (walker, emblem))
    assert found == pytest.approx(
        {"overlap": 1, "empty": 0, "person": 0.5, "area": 0.5, "emblem": 2, "has_emblem": 1, "coverage": 0.5}
    )
    assert measures([upper, lower], (64, 32), (walker, emblem))["coverage"] == 1
    assert measures([upper, lower], (64, 32), (walker, emblem & False))["has_emblem"] == 0
    none = measures([upper, upper * 0], (64, 32), (walker, emblem))
    assert none["empty"] == 0.5 and none["overlap"] == pytest.approx(np.sqrt(0.5))
    assert none["coverage"] == 0.5
    nowhere = measures([upper * 0, upper * 0], (64, 32), (walker, emblem))
    assert nowhere["empty"] == 1 and nowhere["coverage"] == 0


def test_maps_of_another_stride_are_compared_in_the_same_cells() -> None:
    fine = np.zeros((4, 2))
    fine[0, 0] = 1
    assert measures([fine, np.array([[1.0], [0.0]])], (64, 32), ())["overlap"] == 1


def test_a_pair_is_a_query_and_the_next_match_of_another_camera() -> None:
    query = [person(1, 1), person(1, 2), person(2, 1), person(3, 1)]
    tracklets = [*query, person(1, 1), person(2, 2), person(JUNK, 1), person(3, 1)]
    assert find_pairs(query, tracklets) == [Pair(0, 1), Pair(1, 4), Pair(2, 5)]


def test_tempo_gaps_compare_twins_before_one_camera() -> None:
    twins = {"group": "g1", "factor": "tempo"}
    query = [person(1, 1, **twins), person(2, 1, **twins), person(1, 2, **twins), person(3, 1, factor="emblem")]
    weights, masks = np.array([0.5, 0.7, 0.9, 0.1]), {"slow": [0.0, 1, 0, 1]}
    found = tempo_gaps(query, weights, masks)
    assert found.values == pytest.approx([0.2]) and found.groups == [0]
    by_channel = tempo_gaps(query, np.stack([weights, -weights], 1), masks)
    assert by_channel.values == pytest.approx(np.array([[0.2, -0.2]]))
    assert tempo_gaps(query, weights, {}).groups == []


def test_occlusion_gaps_compare_tracklets_of_one_person() -> None:
    query = [person(1, 1, occluded=1), person(1, 2, occluded=0), person(1, 3, occluded=0), person(2, 1, occluded=1)]
    found = occlusion_gaps(query, np.array([0.6, 0.1, 0.3, 0.9]))
    assert found.values == pytest.approx([0.4]) and found.groups == [0]
    assert occlusion_gaps([person(1, 1)], np.array([0.5])).groups == []


def test_channels_that_differ_are_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 2000))
    groups = [float(i // 3) for i in range(60)]
    assert differing(Gaps(noise, groups)).share == pytest.approx(0.05, abs=0.02)
    noise[:, :1000] += 3
    found = differing(Gaps(noise, groups))
    assert found.share == pytest.approx(0.525, abs=0.02) and found.share > found.bound and found.p < 0.01
    assert differing(Gaps(np.zeros((6, 3)), [0.0, 1, 2, 3, 4, 5])) == Differing(0, 0, 1)


def test_the_share_is_that_of_t_tests() -> None:
    gaps = np.random.default_rng(1).normal(0.4, size=(12, 300))
    expected = (ttest_1samp(gaps, 0).pvalue < 0.05).mean()
    assert 0.1 < expected < 0.9 and differing(Gaps(gaps, [float(i) for i in range(12)])).share == expected


def test_channels_that_move_together_raise_no_false_alarm() -> None:
    """Of 20 pairs and 64 channels of correlation 0.7 many differ at 5 % by chance, and the bound knows it."""
    rng = np.random.default_rng(0)
    groups = [float(i) for i in range(20)]
    found = []
    for _ in range(200):
        gaps = np.sqrt(0.7) * rng.normal(size=(20, 1)) + np.sqrt(0.3) * rng.normal(size=(20, 64))
        found.append(differing(Gaps(gaps, groups)))
    shares = np.array([each.share for each in found])
    assert np.quantile(shares, 0.95) > 3 * 0.05, "so that even 15 % of the channels would say nothing"
    beyond = np.array([each.share > each.bound for each in found])
    assert 0.02 <= beyond.mean() <= 0.08
    assert all(each.p < 0.05 for each, told in zip(found, beyond, strict=True) if told)


def test_a_ranking_holds_matches_lookalikes_and_others_in_order() -> None:
    angles = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    gallery = Features(
        np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32),
        np.array([1, 1, 2, 3, 1, 2]),
        np.array([1, 2, 1, 1, 3, 2]),
        np.array(["a", "a", "a", "", "a", "a"]),
        np.array(["red", "red", "red", "red", "blue", "blue"]),
        np.array(list("tuvwxy")),
    )
    query = gallery.take(slice(1))
    places, matches = ranking(query, gallery, 0, np.cos(angles), Protocol())
    assert places.tolist() == [1, 2, 3, 4, 5] and matches == 2
    assert kinds_of(query, gallery, 0, places) == ["match", "look-alike", "other", "match", "look-alike"]
    for name, wanted in (("clothes_changing", [2, 3, 4, 5]), ("same_clothes", [1, 2, 3, 5])):
        places, matches = ranking(query, gallery, 0, np.cos(angles), PROTOCOLS[name])
        assert places.tolist() == wanted and matches == 1


def test_a_match_comes_after_what_is_exactly_as_similar() -> None:
    vectors = np.tile(np.array([[1.0, 0]], np.float32), (3, 1))
    columns = (np.array([1, 1, 2]), np.array([1, 2, 1]), *np.full((2, 3), ""), np.array(list("abc")))
    gallery = Features(vectors, *columns)
    places, _ = ranking(gallery, gallery, 0, np.ones(3), Protocol())
    assert places.tolist() == [2, 1]
    assert kinds_of(gallery, gallery, 0, places) == ["other", "match"], "nobody in no group is nobody's look-alike"
