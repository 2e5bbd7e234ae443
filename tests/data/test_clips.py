from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from reidbench.data import clips as module
from reidbench.data.clips import (
    ERASED,
    MEAN,
    STD,
    Augmentation,
    augment,
    draw_augmentation,
    evaluation_clips,
    normalise,
    restricted_clip,
    training_clip,
)


@given(st.integers(1, 200), st.integers(1, 16), st.integers(1, 8), st.integers(0, 2**32))
@example(32, 8, 4, 0)  # just long enough for every fourth frame
def test_a_training_clip_is_in_order_and_inside(length: int, frames: int, stride: int, seed: int) -> None:
    clip = training_clip(length, frames, stride, np.random.default_rng(seed))
    assert clip.shape == (frames,) and clip.dtype == np.int64
    assert clip.min() >= 0 and clip.max() < length
    steps = np.diff(clip)
    if length >= frames * stride:
        assert (steps == stride).all()
    elif length >= frames:
        assert (steps > 0).all()
    else:
        assert (steps >= 0).all()


def test_every_start_of_a_strided_clip_is_drawn() -> None:
    rng = np.random.default_rng(0)
    starts = {int(training_clip(34, 8, 4, rng)[0]) for _ in range(500)}
    assert starts == set(range(34 - 28))


def test_short_tracklets_use_every_frame_in_the_long_run() -> None:
    rng = np.random.default_rng(0)
    assert set(np.concatenate([training_clip(31, 8, 4, rng) for _ in range(200)])) == set(range(31))


@given(st.integers(1, 200), st.integers(1, 16), st.integers(0, 2**32))
def test_a_restricted_clip_has_one_frame_of_each_equal_part(length: int, frames: int, seed: int) -> None:
    drawn, firsts = restricted_clip(length, frames, np.random.default_rng(seed)), restricted_clip(length, frames)
    assert drawn.shape == (frames,) and drawn.dtype == firsts.dtype == np.int64
    ends = [*firsts[1:], length]
    assert firsts[0] == 0 and np.ptp(np.diff([*firsts, length])) <= 1
    assert all(first <= n < max(end, first + 1) for n, first, end in zip(drawn, firsts, ends, strict=True))
    assert evaluation_clips(length, frames, "restricted").tolist() == [firsts.tolist()]


def test_every_frame_of_a_part_is_drawn() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([restricted_clip(10, 4, rng) for _ in range(200)])
    assert [set(column) for column in drawn.T] == [{0, 1}, {2, 3, 4}, {5, 6}, {7, 8, 9}]


@pytest.mark.parametrize(
    ("length", "wanted"),
    [
        (1, [[0, 0, 0, 0]]),
        (3, [[0, 1, 2, 0]]),
        (4, [[0, 1, 2, 3]]),
        (6, [[0, 1, 2, 3], [4, 5, 0, 1]]),
        (9, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 0, 1, 2]]),
    ],
)
def test_test_clips_take_all_frames_and_start_over(length: int, wanted: list[list[int]]) -> None:
    assert evaluation_clips(length, 4).tolist() == wanted
    assert evaluation_clips(length, 4, "first").tolist() == wanted[:1]


def test_normalise_against_arithmetic() -> None:
    clips = torch.randint(0, 256, (2, 3, 6, 4, 3), dtype=torch.uint8)
    wanted = (clips.numpy() / 255 - np.array(MEAN)) / np.array(STD)
    found = normalise(clips)
    assert found.shape == (2, 3, 3, 6, 4) and found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), wanted.transpose(0, 1, 4, 2, 3), atol=1e-5)
    assert found.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_black_and_white_are_what_networks_trained_on_imagenet_take_them_for() -> None:
    black, white = (normalise(torch.full((1, 1, 1, 1, 3), level, dtype=torch.uint8)).flatten() for level in (0, 255))
    np.testing.assert_allclose(black, [-2.1179, -2.0357, -1.8044], atol=1e-4)
    np.testing.assert_allclose(white, [2.2489, 2.4286, 2.6400], atol=1e-4)
    assert ERASED == (0.4914, 0.4822, 0.4465), "the release's"


def test_normalise_is_the_same_to_the_last_bit_whatever_it_is_laid_out_along() -> None:
    clips = torch.arange(256, dtype=torch.uint8).reshape(1, 4, 8, 8, 1).repeat(1, 1, 1, 1, 3)
    mean, std = 255 * torch.tensor(MEAN), 255 * torch.tensor(STD)
    wanted = ((clips.float() - mean) / std).permute(0, 1, 4, 2, 3)
    assert torch.equal(normalise(clips), wanted)
    assert torch.equal(normalise(clips.flip(3)), wanted.flip(4)), "and of a view with gaps"
    assert torch.equal(normalise(clips[:, ::2]), wanted[:, ::2])


@pytest.mark.parametrize("size", [(64, 32), (48, 200)])
def test_normalising_piece_by_piece_leaves_no_line_out(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    clips = torch.randint(0, 256, (3, 2, *size, 3), dtype=torch.uint8)
    whole = normalise(clips)
    for piece in (1, 12 * size[1], 12 * size[1] * 50, whole.nbytes - 1):
        monkeypatch.setattr(module, "IN_CACHE", piece)
        assert torch.equal(normalise(clips), whole)
    assert normalise(clips[:0]).shape == (0, 2, 3, *size)


def test_clips_of_another_type_are_refused_and_stay_as_they_are() -> None:
    clips = torch.full((1, 2, 4, 2, 3), 127.0)
    with pytest.raises(ValueError, match=r"clips are torch\.float32; give uint8 pixels, 0 to 255"):
        normalise(clips)
    assert (clips == 127).all()


def test_augment_against_a_loop() -> None:
    rng = np.random.default_rng(1)
    clips = torch.from_numpy(rng.integers(0, 256, (6, 2, 12, 8, 3), dtype=np.uint8))
    drawn = draw_augmentation(rng, 6, (12, 8), flip=0.5, erase=0.7)
    assert drawn.flips.any() and not drawn.flips.all() and (drawn.boxes[:, 2] > 0).any()
    found = augment(clips, drawn)
    assert found.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    for clip in range(6):
        frames = clips[clip].numpy()[:, :, :: -1 if drawn.flips[clip] else 1]
        wanted = ((frames / 255 - np.array(MEAN)) / np.array(STD)).transpose(0, 3, 1, 2)
        top, left, height, width = drawn.boxes[clip]
        wanted[:, :, top : top + height, left : left + width] = np.array(ERASED)[:, None, None]
        np.testing.assert_allclose(found[clip].numpy(), wanted, atol=1e-5)


def test_nothing_drawn_is_plain_normalisation() -> None:
    clips = torch.randint(0, 256, (3, 2, 12, 8, 3), dtype=torch.uint8)
    drawn = draw_augmentation(np.random.default_rng(0), 3, (12, 8), flip=0.0, erase=0.0)
    assert torch.equal(augment(clips, drawn), normalise(clips))
    all_flipped = Augmentation(np.ones(3, dtype=bool), drawn.boxes)
    assert torch.equal(augment(clips, all_flipped), normalise(clips).flip(4))


@given(st.integers(0, 2**32), st.sampled_from([(256, 128), (64, 32), (9, 40), (2, 2)]))
def test_rectangles_are_inside_and_of_the_stated_size(seed: int, size: tuple[int, int]) -> None:
    drawn = draw_augmentation(np.random.default_rng(seed), 32, size, flip=0.5, erase=1.0)
    top, left, height, width = drawn.boxes[drawn.boxes[:, 2] > 0].T
    assert (top >= 0).all() and (top + height <= size[0]).all() and (height < size[0]).all()
    assert (left >= 0).all() and (left + width <= size[1]).all() and (width < size[1]).all()


def test_rectangles_follow_the_stated_distribution() -> None:
    drawn = draw_augmentation(np.random.default_rng(0), 4000, (256, 128), flip=0.5, erase=0.5)
    erased = drawn.boxes[drawn.boxes[:, 2] > 0]
    assert abs(len(erased) / 4000 - 0.5) < 0.03 and abs(drawn.flips.mean() - 0.5) < 0.03
    area = erased[:, 2] * erased[:, 3] / (256 * 128)
    aspect = erased[:, 2] / erased[:, 3]
    assert 0.018 < area.min() < 0.022 and 0.37 < area.max() < 0.41
    assert 0.28 < aspect.min() < 0.35 and 3.1 < aspect.max() < 3.5
