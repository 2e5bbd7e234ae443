"""The embedded dataset: what it draws, how it is written, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from launching import none_left
from PIL import Image
from scipy.io import savemat

from reidbench import registry
from reidbench.data import layout, synthetic
from reidbench.data.canvas import Canvas, Draws
from reidbench.data.lookalikes import EMBLEM, FLAP, TEMPO, groups_by_factor, groups_by_number
from reidbench.data.scene import Take, draw_cameras, draw_take, render
from reidbench.data.synthetic import SyntheticOptions, content_hash, fingerprint, persons, write_synthetic
from reidbench.data.walkers import Person, population
from reidbench.retrieval.metrics import QueryScores, score_samples
from reidbench.spec import UserError

SMALL: dict[str, Any] = {"train_ids": 8, "test_ids": 8, "cameras": 2, "frames": 3}
SMALL_CONTENT = "4de164195b13c1e80bf70bd7bcbb87a51bee99208f732e4d5b692d573950ca49"
"""Pixels of SMALL at the default seed. If it changes, raise GENERATOR: caches and records must not be mixed up."""
HIDDEN: dict[str, Any] = {
    "train_ids": 6,
    "test_ids": 6,
    "cameras": 2,
    "height": 48,
    "width": 24,
    "occlusion": 1.0,
    "detail": 0.0,
}
HIDDEN_CONTENT = "e120e4d4311a7d8002529011d10c17a4b40c189dad0b48f1cffb17eae5d6404d"
"""Pixels of HIDDEN, an occluder in every tracklet, as they were before `rate` and `misalignment` were options."""
DEFAULT_FINGERPRINT = "5377a981d64d"
"""By which records name the default data since before those options."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "small"
    write_synthetic(root, **SMALL)
    return root


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_factors_and_identities_tell_the_groups_of_look_alikes(cache: Path) -> None:
    """Of records that were made before they held a query's group: the generator numbers persons group by group."""
    found = synthetic.synthetic(train_ids=4, test_ids=23, cameras=2, frames=1, detail=0.4, gait=0.4)
    every = np.ones(len(found.query))
    samples = score_samples(QueryScores(every, every, every, every, every == 1), found.query)
    groups = samples.pop("group")
    assert len(set(groups)) == 2 + 5 + 5 and groups_by_factor(samples) == groups
    options = {"train_ids": 4, "test_ids": 23, "detail": 0.4, "gait": 0.4}
    assert groups_by_number(samples["identity"], **options) == groups


def test_numbers_that_no_test_person_has_or_persons_without_look_alikes_tell_no_groups() -> None:
    options = {"train_ids": 4, "test_ids": 8, "detail": 0.5, "gait": 0.5}
    assert groups_by_number([5.0, 8.0, 9.0, 12.0], **options) == [5, 5, 9, 11]
    assert groups_by_number([5.0, 13.0], **options) == groups_by_number([4.0], **options) == []
    assert groups_by_number([5.0], **{**options, "detail": 0.0, "gait": 0.0}) == []


def test_layout_is_read_back(small: Path) -> None:
    found = synthetic.synthetic(str(small))
    assert (found.name, found.root, found.queries_in_gallery) == ("synthetic", small, True)
    assert found.train_identities == tuple(range(1, 9))
    assert len(found.train) == len(found.query) == 16
    assert {t.identity for t in found.query} == set(range(9, 17))
    assert {t.camera for t in found.query} == {1, 2}
    with Image.open(small / found.query[-1].frames[-1]) as frame:
        assert (frame.size, frame.format) == ((32, 64), "JPEG")
    assert {t.traits["factor"] for t in found.query} == {EMBLEM, TEMPO}
    groups = {(t.traits["group"], t.traits["factor"]) for t in (*found.train, *found.query)}
    assert len(groups) == len({group for group, _ in groups}) == 2 * (1 + 2)


def test_jpeg_holds_what_was_rendered(small: Path) -> None:
    options = SyntheticOptions.of(**SMALL)
    take = draw_take(Draws(options.seed, 4, 1, 2, 1), options.frames, options.occlusion)
    view = draw_cameras(Draws(options.seed, 3), 2, 1.0)[1]
    drawn = render(persons(options)[0][0], take, view, 64, 32).astype(int)
    with Image.open(small / "bbox_train/0001/0001C2T0001F002.jpg") as frame:
        assert np.abs(np.asarray(frame, dtype=int) - drawn[1]).mean() < 12


def test_pixels_are_those_of_every_machine(small: Path) -> None:
    assert content_hash(small) == SMALL_CONTENT


def test_later_options_at_their_defaults_change_no_pixel(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "out", **HIDDEN, rate=1, misalignment=1)
    assert content_hash(tmp_path / "out") == HIDDEN_CONTENT


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_change_the_pixels(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(layout, "THREADS", threads)
    write_synthetic(tmp_path / "again", **SMALL)
    assert content_hash(tmp_path / "again") == content_hash(small)


def test_another_seed_draws_other_pixels(small: Path, tmp_path: Path) -> None:
    write_synthetic(tmp_path / "other", **SMALL, seed=synthetic.VALIDATION_SEED)
    assert content_hash(tmp_path / "other") != content_hash(small)


def test_seeds_for_publishing_choosing_and_teaching_are_apart() -> None:
    seeds = {synthetic.PUBLISHED_SEED, synthetic.VALIDATION_SEED, synthetic.PRETRAINING_SEED}
    assert len(seeds) == 3
    assert registry.datasets()["synthetic"].options["seed"] == synthetic.PUBLISHED_SEED


@pytest.mark.parametrize(("factor", "size", "field"), [(EMBLEM, 4, "emblem"), (TEMPO, 2, "period"), (FLAP, 4, "flap")])
def test_twins_differ_in_their_factor_only(factor: str, size: int, field: str) -> None:
    twins = population(Draws(1), {factor: size})
    assert len({getattr(twin, field) for twin in twins}) == size
    take, view = draw_take(Draws(2), 8, 0.0), draw_cameras(Draws(3), 1, 1.0)[0]
    seen = [render(twin, take, view, 64, 32) for twin in twins]
    same = [render(replace(twin, **{field: getattr(twins[0], field)}), take, view, 64, 32) for twin in twins]
    for other, without in zip(seen[1:], same[1:], strict=True):
        assert (other != seen[0]).any()
        np.testing.assert_array_equal(without, seen[0])


def test_emblems_of_a_group_have_one_mean_colour() -> None:
    emblems = {person.emblem for person in population(Draws(4), {EMBLEM: 40})}
    assert {sum(emblem) for emblem in emblems} == {4}
    for first in range(0, 40, 4):
        twins = population(Draws(4), {EMBLEM: 40})[first : first + 4]
        glyphs = np.array([twin.emblem for twin in twins])
        apart = (glyphs[:, None] != glyphs[None]).sum(-1)
        assert apart[np.triu_indices(4, 1)].min() >= 4


def test_emblems_lose_detail_at_half_size() -> None:
    """What tells emblem twins apart lies for the most part above the frequencies that half the resolution keeps."""
    people, view = population(Draws(5), {EMBLEM: 40}), draw_cameras(Draws(7), 1, 0.0)[0]
    kept = []
    for first in range(0, 40, 4):
        take = replace(draw_take(Draws(6, first), 8, 0.0), noise=0.0)
        one, two = (render(person, take, view, 64, 32).astype(float) for person in people[first : first + 2])
        halved = (one - two).reshape(8, 32, 2, 16, 2, 3).mean((2, 4))
        kept.append(4 * (halved**2).sum() / ((one - two) ** 2).sum())
    assert np.mean(kept) < 0.5


def test_train_and_test_persons_share_no_group() -> None:
    train, test = persons(SyntheticOptions.of())
    assert (len(train), len(test)) == (192, 80)
    assert not {p.group for p in train} & {p.group for p in test}
    assert sum(p.factor == EMBLEM for p in test) == sum(p.factor == TEMPO for p in test) == 40


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_occlusion_is_the_share_of_hidden_takes(share: float) -> None:
    hidden = [draw_take(Draws(8, i), 16, share).occluder is not None for i in range(500)]
    assert abs(np.mean(hidden) - share) < 0.07


def test_occluder_hides_the_frames_it_names() -> None:
    person, view = population(Draws(9), {"": 1})[0], draw_cameras(Draws(9), 1, 1.0)[0]
    take = draw_take(Draws(10), 16, 1.0)
    assert take.occluder is not None
    changed = render(person, take, view, 64, 32) != render(person, replace(take, occluder=None), view, 64, 32)
    hidden = [frame.mean() > 0.2 for frame in changed]
    assert hidden == [take.occluder.first <= t < take.occluder.last for t in range(16)]
    assert not changed[: take.occluder.first].any() and not changed[take.occluder.last :].any()


def test_without_camera_shift_cameras_differ_in_their_background_only() -> None:
    first, second = draw_cameras(Draws(11), 2, 0.0)
    assert replace(second, colours=first.colours, slope=first.slope, pitch=first.pitch) == first
    one, two = draw_cameras(Draws(11), 2, 1.0)
    assert one.gain != two.gain


@pytest.mark.parametrize(
    ("period", "rate", "frames"),
    [(14, 1, 14), (14, 0.5, 7), (14, 2, 28), (4, 1, 4), (4, 2, 8), (14, 9 / 28, 4.5), (4, 9 / 28, 4.5)],
)
def test_rate_scales_the_frames_of_a_gait_cycle(period: float, rate: float, frames: float) -> None:
    """Read off the flap. The last one is aliased: there a quick walker looks as fast as a slow one."""
    person, view = replace(population(Draws(13), {"": 1})[0], period=period), draw_cameras(Draws(13), 1, 1.0)[0]
    take = replace(draw_take(Draws(14), 504, 0.0, rate=rate, misalignment=0.0), noise=0.0)
    moving, still = (render(walker, take, view, 32, 16).astype(float) for walker in (person, replace(person, flap=0.0)))
    opening = (moving - still).sum((1, 2, 3))
    strength = np.abs(np.fft.rfft(opening - opening.mean()))
    assert strength.argmax() == 504 / frames


def test_at_half_the_rate_every_other_frame_is_seen() -> None:
    person, view = population(Draws(15), {"": 1})[0], draw_cameras(Draws(15), 1, 1.0)[0]
    take = replace(draw_take(Draws(16), 16, 0.0), noise=0.0)
    half = replace(take, rate=0.5, left=take.left[::2], top=take.top[::2], scale=take.scale[::2])
    np.testing.assert_array_equal(render(person, half, view, 64, 32), render(person, take, view, 64, 32)[::2])


def test_an_occluder_passes_in_the_same_time_at_any_rate() -> None:
    shares = {}
    for rate in (0.25, 0.5, 1.0, 4.0):
        found = [draw_take(Draws(17, i), 100, 1.0, rate=rate).occluder for i in range(50)]
        shares[rate] = np.array([occluder.last - occluder.first for occluder in found if occluder]) / 100
        assert all(occluder and 0 <= occluder.first < occluder.last <= 100 for occluder in found)
        for occluder, usual in zip(found, (draw_take(Draws(17, i), 100, 1.0).occluder for i in range(50)), strict=True):
            assert occluder and usual
            same = {"first": usual.first, "last": usual.last, "drift": usual.drift}
            assert occluder.drift == usual.drift / rate and replace(occluder, **same) == usual
    np.testing.assert_allclose(shares[0.5], shares[1.0] / 2, atol=0.011)
    np.testing.assert_allclose(shares[0.25], shares[1.0] / 4, atol=0.011)
    assert (shares[4.0] == 1).all()


def test_rate_and_misalignment_leave_the_rest_of_a_take_alone() -> None:
    usual, other = draw_take(Draws(18), 16, 1.0), draw_take(Draws(18), 16, 1.0, rate=0.5, misalignment=3.0)
    for name in ("facing", "phase", "noise", "background", "quality", "seed"):
        assert getattr(usual, name) == getattr(other, name), name


def torso(person: Person, take: Take) -> np.ndarray:
    """How much each pixel shows of the torso, `[T, 64, 32]`: what changes with its colour."""
    view = draw_cameras(Draws(19), 1, 0.0)[0]
    person = replace(person, stripes=0, bag="", long_sleeves=False, period=1e9)
    take = replace(take, facing=1, phase=0.0, noise=0.0)
    one, two = (render(replace(person, top=(c, c, c)), take, view, 64, 32).astype(float) for c in (0.2, 0.8))
    return np.abs(one - two).sum(-1)


def strays(misalignment: float) -> np.ndarray:
    """Standard deviations of where and how large walkers are seen: offset from tracklet to tracklet, jitter from frame
    to frame (both across, in pixels), and logarithm of the size."""
    person = population(Draws(20), {"": 1})[0]
    seen = np.stack([torso(person, draw_take(Draws(21, i), 6, 0.0, misalignment=misalignment)) for i in range(60)])
    across = (seen.sum(2) * np.arange(32)).sum(-1) / seen.sum((2, 3))
    sizes = np.log(seen.sum((2, 3)).mean(1)) / 2
    return np.array([across.mean(1).std(), across.std(1).mean(), sizes.std()])


def test_misalignment_scales_how_far_boxes_stray() -> None:
    usual, double = strays(1.0), strays(2.0)
    assert (strays(0.0) < 0.02 * usual).all()
    np.testing.assert_allclose(double / usual, 2, rtol=0.1)


def test_far_off_boxes_cut_persons_off_but_lose_none() -> None:
    person, cut = population(Draws(22), {"": 1})[0], {}
    for misalignment in (1.0, 6.0):
        takes = [draw_take(Draws(23, i), 4, 0.0, misalignment=misalignment) for i in range(60)]
        seen = np.stack([torso(person, take) for take in takes])
        assert (seen.max((2, 3)) > 50).all()
        cut[misalignment] = np.mean([(take.top < 0).any() or (take.top + take.scale > 1).any() for take in takes])
    assert cut[1.0] == 0 and 0.3 < cut[6.0] < 0.7


@pytest.mark.parametrize(
    ("options", "factors"),
    [
        ({"detail": 1.0, "gait": 0.0}, {EMBLEM: 8}),
        ({"detail": 0.0, "gait": 1.0}, {TEMPO: 8}),
        ({"detail": 0.0, "gait": 0.0}, {"": 8}),
        ({"detail": 0.5, "gait": 0.25}, {EMBLEM: 4, TEMPO: 2, "": 2}),
    ],
)
def test_shares_of_the_factors(options: dict[str, float], factors: dict[str, int]) -> None:
    _, test = persons(SyntheticOptions.of(test_ids=8, **options))
    assert {factor: sum(p.factor == factor for p in test) for factor in {p.factor for p in test}} == factors


def test_counts_and_size_follow_the_options(tmp_path: Path) -> None:
    options = {"train_ids": 3, "test_ids": 2, "cameras": 3, "tracklets": 2, "frames": 2, "height": 32, "width": 16}
    write_synthetic(tmp_path / "out", **options)
    found = synthetic.synthetic(str(tmp_path / "out"))
    assert (len(found.train), len(found.query)) == (18, 12)
    assert all(len(tracklet.frames) == 2 for tracklet in found.train)
    with Image.open(found.root / found.train[0].frames[0]) as frame:
        assert frame.size == (16, 32)


def test_a_box_covers_its_exact_share_of_each_pixel() -> None:
    canvas = Canvas(4, 4, [0.0], [0.0], [1.0], 1)
    canvas.box(0.5, 2.0, 1.25, 2.0, (1.0, 1.0, 1.0))
    expected = np.zeros((4, 4))
    expected[1, 0], expected[1, 1] = 0.375, 0.75
    np.testing.assert_array_equal(canvas.planes[0, 0], expected)


def test_draws_are_about_normal() -> None:
    noise = Draws(12).normal((100, 101))
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    assert abs(np.mean(np.abs(noise) < 1) - 0.68) < 0.02


def test_the_cache_is_written_once(cache: Path) -> None:
    first = synthetic.synthetic(**SMALL)
    before = (first.root / layout.STAMP).stat().st_mtime_ns
    second = synthetic.synthetic(**SMALL)
    assert first == second and first.root.is_relative_to(cache)
    assert (first.root / layout.STAMP).stat().st_mtime_ns == before
    assert first.fingerprint == fingerprint(**SMALL) == fingerprint(str(first.root))


def test_two_writers_at_once_leave_one_whole_dataset(small: Path, tmp_path: Path) -> None:
    code = f"from reidbench.data.synthetic import synthetic; synthetic(**{SMALL})"
    environment = {**os.environ, "REIDBENCH_CACHE": str(tmp_path)}
    writers = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(2)]
    with none_left(writers):
        assert [writer.wait(120) for writer in writers] == [0, 0]
    (folder,) = (tmp_path / "synthetic").glob("[!.]*")
    assert content_hash(folder) == content_hash(small)


def test_a_killed_writer_leaves_nothing_that_is_read(cache: Path) -> None:
    code = "from reidbench.data.synthetic import synthetic; synthetic(train_ids=400, frames=16)"
    writer = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    with none_left([writer]):
        deadline = time.monotonic() + 60
        while not list(cache.glob("synthetic/.*.part/bbox_train/*/*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.02)
    (draft,) = (path for path in (cache / "synthetic").iterdir() if path.is_dir())
    assert draft.name.startswith(".") and not (draft / layout.STAMP).exists()

    name = fingerprint(**SMALL)
    abandoned = cache / "synthetic" / f".{name}.x.part"
    draft.rename(abandoned)
    os.utime(abandoned, (0, 0))
    assert synthetic.synthetic(**SMALL).root.name == name
    assert [path.name for path in (cache / "synthetic").iterdir() if path.is_dir()] == [name]


def test_a_failing_writer_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(UserError, match=r"out: cannot be written \(No space left on device\)"):
        write_synthetic(tmp_path / "out", **SMALL)
    assert not list(tmp_path.iterdir())


def test_a_cut_frame_is_noticed(cache: Path) -> None:
    found = synthetic.synthetic(**SMALL)
    frame = found.root / found.train[0].frames[0]
    frame.write_bytes(frame.read_bytes()[:-1])
    with pytest.raises(UserError, match=rf"{frame.name}: damaged since it was written: delete .*, and write it again"):
        synthetic.synthetic(**SMALL)


def other_traits(root: Path) -> None:
    (root / "info/traits.json").write_text("{}")


def other_queries(root: Path) -> None:
    savemat(root / "info/query_IDX.mat", {"query_IDX": np.array([[1, 3]])})


def other_frame(root: Path) -> None:
    """Exchanges two whole frames: the sum of all lengths is as it was."""
    first, second = sorted((root / "bbox_test/0009").glob("*F001.jpg"))
    texts = first.read_bytes(), second.read_bytes()
    first.write_bytes(texts[1])
    second.write_bytes(texts[0])


@pytest.mark.parametrize("change", [other_traits, other_queries, other_frame])
def test_a_changed_folder_is_noticed(cache: Path, change: Callable[[Path], None]) -> None:
    found = synthetic.synthetic(**SMALL)
    change(found.root)
    for root in ("", str(found.root)):
        with pytest.raises(UserError, match=f"{found.root.name}: was changed since it was written: delete the folder"):
            synthetic.synthetic(root, **SMALL)


def test_a_folder_of_an_older_version_is_refused(cache: Path) -> None:
    found = synthetic.synthetic(**SMALL)
    file = found.root / layout.STAMP
    stamp = json.loads(file.read_text())
    del stamp["fingerprint"]
    file.write_text(json.dumps(stamp))
    with pytest.raises(UserError, match=r"older version of reidbench; delete .* and write it again"):
        synthetic.synthetic(**SMALL)


NO_STAMPS = ["", "[]", "{}", '{"generator": 0, "options": {}, "content": "", "jpeg_bytes": 0, "fingerprint": ""}']


@pytest.mark.parametrize("text", NO_STAMPS)
def test_a_damaged_stamp_is_refused(cache: Path, text: str) -> None:
    found = synthetic.synthetic(**SMALL)
    (found.root / layout.STAMP).write_text(text)
    for root in ("", str(found.root)):
        with pytest.raises(UserError, match="write it again"):
            synthetic.synthetic(root, **SMALL)


def test_a_root_brings_its_options(small: Path) -> None:
    assert synthetic.synthetic(str(small), train_ids=8, rate=1).fingerprint == fingerprint(**SMALL)
    with pytest.raises(UserError, match=r"was written with rate=1\.0, not 0\.5"):
        synthetic.synthetic(str(small), rate=0.5)
    with pytest.raises(UserError, match="was written with train_ids=8, not 9"):
        synthetic.synthetic(str(small), train_ids=9)
    with pytest.raises(UserError, match=r"synthetic\.json: missing"):
        synthetic.synthetic(str(small.parent))


def test_a_root_tells_the_options_that_its_data_are_made_with_elsewhere(small: Path) -> None:
    told = synthetic.kept_options(str(small))
    assert told == {name: value for name, value in SMALL.items() if value != synthetic._defaults()[name]}
    assert fingerprint(**told) == fingerprint(str(small))
    assert synthetic.kept_options(str(small), train_ids=8, rate=1) == {**told, "rate": 1}


def test_a_default_that_is_given_must_be_what_a_root_was_made_with(small: Path) -> None:
    for tell in (synthetic.kept_options, fingerprint):
        with pytest.raises(UserError, match="was written with train_ids=8, not 192: leave train_ids out"):
            tell(str(small), train_ids=192)


def test_options_that_are_given_are_bounded_with_those_of_the_root(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "told", train_ids=2, test_ids=2, cameras=2, frames=1, detail=0.9, gait=0.1)
    assert synthetic.kept_options(str(tmp_path / "told"), detail=0.9)["gait"] == 0.1


def test_only_an_empty_folder_is_written_to(small: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        write_synthetic(small, **SMALL)
    (tmp_path / "empty").mkdir()
    write_synthetic(tmp_path / "empty", train_ids=2, test_ids=2, cameras=2, frames=1)
    assert json.loads((tmp_path / "empty" / layout.STAMP).read_text())["options"]["train_ids"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"identities": 3}, "no option 'identities'"),
        ({"train_ids": 1}, "train_ids=1 must lie between 2 and 9997"),
        ({"train_ids": 9000, "test_ids": 1000}, "= 10000 must not exceed 9999"),
        ({"cameras": 7}, "cameras=7 must lie between 2 and 6"),
        ({"frames": 2.5}, "frames=2.5 must be a whole number"),
        ({"frames": True}, "frames=True must be a whole number"),
        ({"occlusion": -0.1}, "occlusion=-0.1 must lie between 0 and 1"),
        ({"occlusion": float("nan")}, "occlusion=nan must lie between 0 and 1"),
        ({"gait": "0.5"}, "gait='0.5' must be a number"),
        ({"rate": 0.2}, "rate=0.2 must lie between 0.25 and 4"),
        ({"rate": 0}, "rate=0 must lie between 0.25 and 4"),
        ({"misalignment": -1}, "misalignment=-1 must lie between 0 and 6"),
        ({"detail": 0.7, "gait": 0.7}, "detail \\+ gait = 1.4 must not exceed 1"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fingerprint(**options)


def test_fingerprint_follows_every_option() -> None:
    base = fingerprint()
    changed: dict[str, Any] = {
        "frames": 15,
        "occlusion": 0.3,
        "detail": 0.4,
        "gait": 0.4,
        "camera_shift": 0.5,
        "rate": 0.5,
        "misalignment": 0.5,
        "seed": 1,
        "height": 32,
    }
    assert len({base, *(fingerprint(**{name: value}) for name, value in changed.items())}) == len(changed) + 1
    assert fingerprint(occlusion=1) == fingerprint(occlusion=1.0)


def test_later_options_at_their_defaults_are_not_noted(small: Path) -> None:
    """So a folder or a record made before they were options is the same as one made since."""
    assert fingerprint() == fingerprint(rate=1, misalignment=1) == DEFAULT_FINGERPRINT
    noted = json.loads((small / layout.STAMP).read_text())["options"]
    assert noted.keys() == registry.datasets()["synthetic"].options.keys() - {"root", *synthetic.LATER}


def test_later_options_off_their_defaults_are_read_back(tmp_path: Path) -> None:
    options = {"train_ids": 2, "test_ids": 2, "cameras": 2, "frames": 2, "rate": 0.5, "misalignment": 3}
    write_synthetic(tmp_path / "out", **options)
    assert json.loads((tmp_path / "out" / layout.STAMP).read_text())["options"].items() >= options.items()
    assert synthetic.synthetic(str(tmp_path / "out")).fingerprint == fingerprint(**options)
    with pytest.raises(UserError, match=r"was written with misalignment=3\.0, not 2"):
        synthetic.synthetic(str(tmp_path / "out"), misalignment=2)


def test_fingerprint_needs_no_torch() -> None:
    code = (
        "import sys; from reidbench.data.synthetic import fingerprint; fingerprint(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sample_sheet_shows_two_look_alikes_of_each_factor(small: Path, tmp_path: Path) -> None:
    synthetic.sample_sheet(synthetic.synthetic(str(small)), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        row, labels = 64 * 3, synthetic.SHEET_LABELS
        assert sheet.size == (labels + 3 * 32 * 3, 2 * 2 * 2 * row + 3 * synthetic.SHEET_GAP)
        pixels = np.asarray(sheet.convert("L"))
    tops = [place * row + synthetic.SHEET_GAP * (place // 2) for place in range(8)]
    assert all(pixels[top : top + row, :labels].min() < 50 for top in tops), "a label beside each row"
    gaps = [
        slice(2 * n * row + (n - 1) * synthetic.SHEET_GAP, 2 * n * row + n * synthetic.SHEET_GAP) for n in (1, 2, 3)
    ]
    assert all((pixels[gap] == 255).all() for gap in gaps), "a gap between persons"


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o700), (0o022, 0o755)])
def test_who_may_look_into_a_dataset_is_what_the_umask_says(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_synthetic(tmp_path / "out", **SMALL)
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == mode
