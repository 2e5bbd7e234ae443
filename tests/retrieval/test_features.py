from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reidbench.data.clips import evaluation_clips, normalise
from reidbench.data.frames import decode_frames
from reidbench.data.mars import read_layout
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Tracklet
from reidbench.recipes import Recipe
from reidbench.retrieval import features as module
from reidbench.retrieval.features import Pooling, UnfitClips, embed, embed_dataset, embed_test, gallery_of, left_out
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Output, Protocol, UserError

CPU = torch.device("cpu")
RECIPE = Recipe(size=(16, 8), frames=4)


class Means(nn.Module):
    """The colours of a clip's frames, weighed by their place in the clip, and a neck that is not linear."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0
        self.clips: dict[int, int] = {}

    def forward(self, clips: Tensor) -> Output:
        assert not self.training and clips.dtype == torch.float32
        if clips.shape[1] == 3:
            raise ValueError("three frames are odd")
        self.largest = max(self.largest, len(clips))
        self.clips[clips.shape[1]] = self.clips.get(clips.shape[1], 0) + len(clips)
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


def naive(dataset: Dataset, model: Means, pooling: Pooling) -> np.ndarray:
    """One tracklet at a time, one clip at a time."""
    rows = []
    for tracklet in dataset.train:
        pixels = decode_frames(dataset.root, tracklet.frames, RECIPE.size, threads=1)
        numbers = evaluation_clips(len(pixels), pooling.frames, pooling.clips)
        clips = [torch.from_numpy(pixels[c])[None] for c in numbers]
        each = torch.cat([model(normalise(clip)).feature for clip in clips])
        vector = model.neck(each).mean(0) if pooling.neck == "before" else model.neck(each.mean(0))
        rows.append(vector.numpy())
    return np.stack(rows)


POOLINGS = {
    "release": Pooling(4, "all", "after"),
    "first_clip": Pooling(4, "first", "after"),
    "neck_before": Pooling(4, "all", "before"),
    "two frames": Pooling(2, "all", "after"),
    "first, before": Pooling(4, "first", "before"),
    "restricted": Pooling(4, "restricted", "after"),
}


TOGETHER = [name for name, pooling in POOLINGS.items() if pooling.frames == 4 and name != "restricted"]


@pytest.mark.parametrize(
    "names", [["release"], ["first_clip"], ["neck_before"], ["two frames"], ["restricted"], TOGETHER]
)
@pytest.mark.parametrize("limit", [0, 1 << 30])
@pytest.mark.parametrize("at_once", [1, 3, 32])
def test_against_one_clip_at_a_time(
    dataset: Dataset, names: list[str], limit: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLIPS_AT_ONCE", at_once)
    model = Means().train()
    poolings = [POOLINGS[name] for name in names]
    found = embed(model, dataset, dataset.train, RECIPE, poolings, device=CPU, cache_limit=limit)
    assert set(found) == set(poolings) and model.largest <= at_once
    model.eval()
    for pooling, vectors in found.items():
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, naive(dataset, model, pooling), rtol=1e-4, atol=1e-5)


def test_poolings_of_one_clip_length_share_a_pass(dataset: Dataset) -> None:
    frames = [len(tracklet.frames) for tracklet in dataset.train]
    for names, clips in ((TOGETHER, sum(-(-n // 4) for n in frames)), (["first_clip", "first, before"], len(frames))):
        model = Means()
        embed(model, dataset, dataset.train, RECIPE, [POOLINGS[name] for name in names], device=CPU)
        assert model.clips == {4: clips}


def test_vectors_that_are_not_finite_are_not_ranked(dataset: Dataset) -> None:
    class Overflows(Means):
        def neck(self, feature: Tensor) -> Tensor:
            return torch.where(torch.arange(len(feature))[:, None] + torch.arange(3) < 2, torch.inf, feature)

    count = len(dataset.query) + sum(t.identity != -1 for t in dataset.gallery)
    with pytest.raises(UserError, match=f"^the vectors of 2 of {count} tracklets are not finite"):
        embed_dataset(Overflows(), dataset, RECIPE, PROTOCOLS["release"], device="cpu")


@pytest.mark.parametrize("fails", [False, True])
def test_each_module_is_left_in_the_mode_that_it_was_in(dataset: Dataset, fails: bool) -> None:
    model = Means()
    model.frozen, model.trained = nn.BatchNorm1d(3).eval(), nn.BatchNorm1d(3)
    with pytest.raises(UnfitClips) if fails else contextlib.nullcontext():
        embed_dataset(model, dataset, RECIPE, Protocol(frames=3 if fails else 0), device=CPU)
    assert [model.training, model.frozen.training, model.trained.training] == [True, False, True]
    embed_dataset(model.eval(), dataset, RECIPE, Protocol(), device=CPU)
    assert not any(module.training for module in model.modules())


def test_a_clip_length_that_the_model_refuses_is_one_line(dataset: Dataset) -> None:
    with pytest.raises(UnfitClips, match="cannot take clips of 3 frames of 16x8: three frames are odd") as error:
        embed_dataset(Means(), dataset, RECIPE, Protocol(frames=3), device=CPU)
    assert "\n" not in str(error.value)
    both = embed_test(Means(), dataset, RECIPE, [Protocol(), Protocol("three", frames=3)], device=CPU)
    assert len(both.under(Protocol())[0]) == len(dataset.query)
    with pytest.raises(UserError, match="protocol three: the model cannot take clips of 3 frames"):
        both.under(Protocol("three", frames=3))


class Weighed(nn.Module):
    """Sums of positive numbers, which autocast computes in its own precision, so that no rounding is made larger."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weigh, self.neck = nn.Linear(3, 16, bias=False), nn.Identity()
        nn.init.uniform_(self.weigh.weight, 0.5, 1)

    def forward(self, clips: Tensor) -> Output:
        return Output(self.weigh(clips.abs().mean((1, 3, 4))))


@pytest.mark.parametrize("pooling", [POOLINGS["release"], POOLINGS["neck_before"]])
def test_vectors_are_made_in_the_precision_of_the_recipe(dataset: Dataset, pooling: Pooling) -> None:
    """An input, a weight, their product and up to three sums are each rounded by up to 2^-9 in bf16 (the partial sums
    where the processor has no bf16), by 2^-24 in float32."""
    model = Weighed()
    recipes = (replace(RECIPE, precision=precision) for precision in ("fp32", "bf16"))
    full, half = (embed(model, dataset, dataset.train, recipe, [pooling], device=CPU)[pooling] for recipe in recipes)
    assert full.dtype == half.dtype == np.float32
    assert 2**-14 < np.abs(half / full - 1).max() < 2**-6


@pytest.mark.parametrize("option", [{"clips": "last"}, {"neck": "without"}])
def test_a_protocol_that_embeds_in_an_unknown_way_is_refused(option: dict[str, str], dataset: Dataset) -> None:
    ((name, value),) = option.items()
    with pytest.raises(UserError, match=f"protocol mine: {name} is '{value}'; choose"):
        embed_dataset(Means(), dataset, RECIPE, Protocol("mine", **option), device=CPU)  # type: ignore[arg-type]


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
    assert found.names.tolist() == [tracklet.frames[0] for tracklet in gallery_of(dataset, protocol)]
    assert len(found.vectors) == len(found) and (DISTRACTOR in gallery) == protocol.distractors
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert query.cameras.tolist() == [1, 1] and query.vectors.dtype == np.float32
    last = embed(Means(), dataset, dataset.gallery[-1:], RECIPE, [Pooling(4, "all", "after")], device=CPU)
    (vector,) = last[Pooling(4, "all", "after")]
    np.testing.assert_allclose(found.vectors[-1], vector / np.linalg.norm(vector), rtol=1e-6)


def test_one_embedding_serves_every_protocol_that_it_was_made_for(dataset: Dataset) -> None:
    dataset = dressed(dataset)
    protocols = [protocol for name, protocol in PROTOCOLS.items() if name != "four_frames"]
    model = Means()
    together = embed_test(model, dataset, RECIPE, protocols, device=CPU)
    kept = [t for t in (*dataset.query, *dataset.gallery) if t.identity >= 0]
    assert model.clips == {4: sum(-(-len(t.frames) // 4) for t in kept) + len(kept)}  # and the restricted ones
    for protocol in protocols:
        alone = embed_dataset(Means(), dataset, RECIPE, protocol, device=CPU)
        for one, other in zip(together.under(protocol), alone, strict=True):
            assert one.names.tolist() == other.names.tolist()
            np.testing.assert_allclose(one.vectors, other.vectors, rtol=1e-5)
    with pytest.raises(
        UserError, match="protocol two: these features are not of all frames in 2-frame clips, the neck"
    ):
        together.under(Protocol("two", frames=2))


def dressed(dataset: Dataset) -> Dataset:
    """Each person in one outfit before its first camera, and in another before others."""

    def worn(tracklets: Sequence[Tracklet]) -> tuple[Tracklet, ...]:
        return tuple(replace(t, traits={**t.traits, "clothes": f"u{int(t.camera > 1)}"}) for t in tracklets)

    return replace(dataset, query=worn(dataset.query), gallery=worn(dataset.gallery))


def test_what_nobody_wears_by_the_data_decides_nothing(dataset: Dataset) -> None:
    """Junk and distractors need wear nothing; persons must, before anything is embedded."""
    asked = PROTOCOLS["clothes_changing"]
    found = embed_test(Means(), dressed(dataset), RECIPE, [asked], device=CPU)
    query, gallery = found.under(asked)
    assert query.clothes.tolist() == ["u0", "u0"] and set(gallery.clothes) == {"u0", "u1"} and found.fits(asked)
    plain = embed_test(Means(), dataset, RECIPE, [asked], device=CPU)
    assert not plain.fits(asked) and plain.fits(PROTOCOLS["release"])
    told = (
        r"protocol clothes_changing: 5 of 5 tracklets of persons do not say what is worn, the first bbox_test/0002/.*; "
        r"name it \(`clothes` of a list, a file or a reader's traits\)"
    )
    with pytest.raises(UserError, match=told):
        plain.under(asked)
    model = Means()
    with pytest.raises(UserError, match="protocol clothes_changing: 5 of 5 tracklets of persons do not"):
        embed_dataset(model, dataset, RECIPE, asked, device=CPU)
    assert not model.clips


def test_euclidean_vectors_keep_their_length(dataset: Dataset) -> None:
    found = embed_test(Means(), dataset, RECIPE, [PROTOCOLS["euclidean"]], device=CPU)
    query, gallery = found.under(PROTOCOLS["euclidean"])
    lengths = np.linalg.norm(gallery.vectors, axis=1)
    assert np.abs(lengths - 1).min() > 0.1
    unit, _ = found.under(PROTOCOLS["release"])
    np.testing.assert_allclose(unit.vectors * np.linalg.norm(query.vectors, axis=1)[:, None], query.vectors, rtol=1e-5)


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
        [Pooling(4, "all", "after")],
        device=CPU,
        progress=lambda *call: seen.append(call),
    )
    assert seen[-1] == (22, 22, "clips embedded")
    assert seen[0][2] == "frames looked at" and any(note == "frames decoded to be kept" for _, _, note in seen)
    seen.clear()
    embed_dataset(Means(), dataset, RECIPE, Protocol(), device=CPU, progress=lambda *call: seen.append(call))
    assert seen[-1][2] == "clips embedded"


def test_processes_of_one_machine_share_the_room_for_frames(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    plain, place = module.open_frames, module.current()

    def noted(*arguments: Any, limit: int, **others: Any) -> Any:
        limits.append(limit)
        return plain(*arguments, limit=limit, **others)

    monkeypatch.setattr(module, "open_frames", noted)
    monkeypatch.setattr(module, "current", lambda: replace(place, local_world=4))
    embed(Means(), dataset, dataset.train, RECIPE, [POOLINGS["release"]], device=CPU, cache_limit=100)
    assert limits == [25]


def test_protocols_do_not_need_torch() -> None:
    code = "import sys, reidbench.retrieval.protocols; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_distractors_are_left_out_where_all_protocols_drop_them() -> None:
    kept, dropped = Protocol(), Protocol("mine", distractors=False)
    assert left_out(kept) == left_out(kept, dropped) == (JUNK,)
    assert left_out(dropped) == left_out(dropped, dropped) == (JUNK, DISTRACTOR)
