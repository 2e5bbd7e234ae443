from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from reidbench.data import frames as module
from reidbench.data.frames import (
    Frames,
    cache_file,
    check_present,
    decode_frames,
    in_turn,
    is_kept,
    name_frames,
    open_frames,
)
from reidbench.data.mars import read_layout
from reidbench.data.tracklets import Dataset
from reidbench.spec import UserError

SIZE = (16, 8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(mars_tree: Path) -> Dataset:
    return read_layout(mars_tree, name="tiny")


def naive(dataset: Dataset, size: tuple[int, int] = SIZE) -> np.ndarray:
    images = [Image.open(dataset.root / frame) for t in dataset.train for frame in t.frames]
    found = np.stack([np.asarray(i.convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC)) for i in images])
    for image in images:
        image.close()
    return found


@pytest.mark.parametrize("size", [SIZE, (24, 20)])
@pytest.mark.parametrize(("limit", "threads"), [(1 << 30, 1), (1 << 30, 3), (0, 1), (0, 3)])
def test_frames_are_the_same_cached_or_decoded_when_asked_for(
    tiny: Dataset, size: tuple[int, int], limit: int, threads: int
) -> None:
    frames = open_frames(tiny, tiny.train, size, limit=limit, threads=threads)
    assert (frames.pixels is None) == (limit == 0)
    assert frames.starts.tolist() == [0, 5, 14, 30, 38, 41, 81]
    wanted = naive(tiny, size)
    assert np.array_equal(frames.gather(np.arange(81)).numpy(), wanted)
    numbers = np.array([[80, 3, 3], [0, 41, 14]])
    found = frames.gather(numbers)
    assert found.dtype == torch.uint8 and found.shape == (2, 3, *size, 3)
    assert np.array_equal(found.numpy(), wanted[numbers])


def test_each_frame_is_decoded_once(tiny: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_frames(tiny, tiny.train, SIZE).gather(np.arange(81))

    def refuse(path: Path, size: tuple[int, int]) -> np.ndarray:
        raise AssertionError(path)

    monkeypatch.setattr(module, "decode", refuse)
    again = open_frames(tiny, tiny.train, SIZE)
    assert torch.equal(again.gather(np.arange(81)), first)
    assert len(list((cache / "frames").glob("*.npy"))) == 1


def test_the_cache_file_is_never_written_through(tiny: Dataset) -> None:
    frames = open_frames(tiny, tiny.train, SIZE)
    assert frames.pixels is not None
    before = frames.pixels[0].clone()
    frames.pixels[0] = 255 - before
    assert torch.equal(open_frames(tiny, tiny.train, SIZE).gather(np.array([0]))[0], before)


def test_another_size_split_or_image_is_another_cache(tiny: Dataset, cache: Path) -> None:
    open_frames(tiny, tiny.train, SIZE)
    open_frames(tiny, tiny.query, SIZE)
    open_frames(tiny, tiny.train, (8, 8))
    path = tiny.root / tiny.train[0].frames[0]
    Image.new("RGB", (8, 16), "white").save(path)
    assert open_frames(tiny, tiny.train, SIZE).gather(np.array([0])).min() > 250
    assert len(list((cache / "frames").glob("*.npy"))) == 4


def test_an_overwritten_frame_of_equal_length_and_another_root_are_other_caches(
    tiny: Dataset, write_mars: Callable[..., Path]
) -> None:
    path = tiny.root / tiny.train[0].frames[1]
    black, white = (Image.new("RGB", (8, 16), colour) for colour in ("black", "white"))
    black.save(path, "png", compress_level=0)
    length = path.stat().st_size
    assert open_frames(tiny, tiny.train, SIZE).gather(np.array([1])).max() == 0
    white.save(path, "png", compress_level=0)
    assert path.stat().st_size == length
    assert open_frames(tiny, tiny.train, SIZE).gather(np.array([1])).min() == 255
    # Another root that looks alike by name, length and fingerprint, which sees only a sample of the frames.
    other = replace(tiny, root=write_mars("other"))
    black.save(other.root / other.train[0].frames[1], "png", compress_level=0)
    assert open_frames(other, other.train, SIZE).gather(np.array([1])).max() == 0


def test_a_damaged_cache_file_is_made_again(tiny: Dataset, cache: Path) -> None:
    wanted = open_frames(tiny, tiny.train, SIZE).gather(np.arange(81))
    (file,) = (cache / "frames").glob("*.npy")
    file.write_bytes(file.read_bytes()[:-1])
    assert torch.equal(open_frames(tiny, tiny.train, SIZE).gather(np.arange(81)), wanted)
    file.write_bytes(b"")
    assert torch.equal(open_frames(tiny, tiny.train, SIZE).gather(np.arange(81)), wanted)


@pytest.mark.parametrize("limit", [1 << 30, 0])
@pytest.mark.parametrize("content", [b"", b"GIF89a", None])
def test_a_damaged_or_missing_frame_is_named(tiny: Dataset, cache: Path, limit: int, content: bytes | None) -> None:
    path = tiny.root / tiny.train[4].frames[1]
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=r"0005C1T0001F002\.jpg: (damaged|missing) frame") as error:
        open_frames(tiny, tiny.train, SIZE, limit=limit, threads=2).gather(np.arange(81))
    assert "\n" not in str(error.value)
    assert not list(cache.rglob("*.npy")) and not list(cache.rglob("*.part"))


def test_what_is_kept_is_known_before_it_is_made(tiny: Dataset, cache: Path) -> None:
    frames = name_frames(tiny, tiny.train, SIZE)
    file = cache_file(tiny, frames)
    assert file is not None and not is_kept(file, frames) and cache_file(tiny, frames, limit=1000) is None
    open_frames(tiny, tiny.train, SIZE)
    assert is_kept(file, frames) and list((cache / "frames").glob("*.npy")) == [file]
    check_present(frames)
    (tiny.root / tiny.train[4].frames[1]).unlink()
    with pytest.raises(UserError, match=r"0005C1T0001F002\.jpg: missing frame; restore it"):
        check_present(frames)


def test_frames_are_looked_for_folder_by_folder(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, listed, plain = name_frames(tiny, tiny.train, SIZE), [], os.scandir

    def scandir(folder: Path) -> Any:
        listed.append(folder)
        return plain(folder)

    def refuse(path: Path, **_: object) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "stat", refuse)
    check_present(frames)
    assert len(listed) == len({path.rpartition("/")[0] for path in frames.paths}) < len(frames.paths)
    monkeypatch.undo()
    path = tiny.root / tiny.train[4].frames[1]
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"0005C1T0001F002\.jpg: missing frame"):
        check_present(frames)
    with pytest.raises(UserError, match=r"nowhere/.*: missing frame"):
        check_present(replace(frames, root=tiny.root / "nowhere"))


def test_it_is_told_how_far_the_cache_is(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 40)
    told: list[tuple[int, int, str]] = []
    open_frames(tiny, tiny.train, SIZE, progress=lambda *call: told.append(call))
    looked = [(number, 81, "frames looked at") for number in (0, 40, 80)]
    assert told == looked + [(number, 81, "frames decoded to be kept") for number in (40, 80, 81)]
    told.clear()
    open_frames(tiny, tiny.train, SIZE, progress=lambda *call: told.append(call))
    assert told == looked, "what is kept is not decoded"


def test_the_cache_is_made_by_all_cores_also_where_torch_computes_in_one_thread(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def decode(root: Path, paths: Any, size: tuple[int, int], *, threads: int) -> np.ndarray:
        asked.append((len(paths), threads))
        return decode_frames(root, paths, size, threads=threads)

    monkeypatch.setattr(module, "allowed_cores", lambda: 3)
    monkeypatch.setattr(module, "decode_frames", decode)
    monkeypatch.setattr(module, "CHUNK", 41)
    frames = name_frames(tiny, tiny.train, SIZE, threads=1)
    assert module.seconds_to_keep(frames) > 0
    open_frames(tiny, tiny.train, SIZE, threads=1)
    assert asked == [(41, 3), (41, 3), (40, 3)]


def test_a_truncated_frame_is_damaged(tiny: Dataset) -> None:
    name = tiny.train[0].frames[0]
    (tiny.root / name).write_bytes((tiny.root / name).read_bytes()[:-60])
    with pytest.raises(UserError, match="damaged frame"):
        decode_frames(tiny.root, [name], SIZE, threads=1)


@pytest.mark.parametrize("count", [1, 5, 40, 79])
def test_threads_decode_what_one_does_and_name_the_same_frame(count: int, tiny: Dataset) -> None:
    paths = name_frames(tiny, tiny.train, SIZE).paths[:count]
    alone = decode_frames(tiny.root, paths, SIZE, threads=1)
    for threads in (2, 3, 8):
        assert np.array_equal(decode_frames(tiny.root, paths, SIZE, threads=threads), alone)
    for name in paths[-3:]:
        (tiny.root / name).write_bytes(b"damage")
    for threads in (1, 2, 3, 8):
        with pytest.raises(UserError, match=re.escape(paths[-3:][0])):
            decode_frames(tiny.root, paths, SIZE, threads=threads)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_frame_that_is_there_several_times_is_decoded_once(
    threads: int, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = name_frames(tiny, tiny.train, SIZE, threads=threads)
    numbers = np.array([[7, 0, 7, 3], [3, 7, 80, 0], [12, 5, 4, 9]])
    decoded: list[str] = []

    def decode(path: str, out: np.ndarray) -> None:
        decoded.append(path)
        plain(path, out)

    plain = module.decode
    monkeypatch.setattr(module, "decode", decode)
    np.testing.assert_array_equal(frames.gather(numbers), naive(tiny)[numbers])
    assert sorted(decoded) == sorted(str(tiny.root / frames.paths[number]) for number in np.unique(numbers))


def test_greyscale_and_png_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (8, 16), 7).save(tmp_path / "grey.png")
    assert np.array_equal(decode_frames(tmp_path, ["grey.png"], SIZE, threads=1), np.full((1, 16, 8, 3), 7))


def test_a_nearly_full_disk_is_left_alone(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "leaves_room", lambda *_: False)
    assert open_frames(tiny, tiny.train, SIZE).pixels is None


def test_frames_stay_on_the_host_for_a_cpu(tiny: Dataset) -> None:
    frames: Frames = open_frames(tiny, tiny.train, SIZE)
    assert frames.on(torch.device("cpu")) is frames


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_things_made_ahead_come_in_turn(device: str) -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        if number == 8:
            raise ValueError("damaged")
        return number * number

    assert list(in_turn(make, range(2, 6), torch.device(device))) == [(2, 4), (3, 9), (4, 16), (5, 25)]
    assert made == [2, 3, 4, 5]
    assert list(in_turn(make, range(3, 3), torch.device(device))) == []
    with pytest.raises(ValueError, match="damaged"):
        list(in_turn(make, range(7, 10), torch.device(device)))
