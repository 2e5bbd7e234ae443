"""The fast decoder gives Pillow's pixels or leaves the frame to Pillow: what is installed changes no number."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from reidbench.data import jpeg
from reidbench.data.frames import decode_frames, read_image
from reidbench.data.jpeg import decode_jpeg
from reidbench.spec import UserError

simplejpeg = pytest.importorskip("simplejpeg")


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    jpeg._turbo.cache_clear()
    yield
    jpeg._turbo.cache_clear()


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(width)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3)).astype(np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def by_pillow(path: Path, size: tuple[int, int]) -> np.ndarray:
    image = read_image(path)
    if image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(image)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("shape", [(128, 256), (61, 127), (8, 9)])
@pytest.mark.parametrize("size", [(256, 128), (64, 32)])
def test_the_pixels_are_pillows(
    subsampling: int, progressive: bool, shape: tuple[int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    for quality in (30, 75, 95):
        path = tmp_path / f"{quality}.jpg"
        picture(*shape).save(path, quality=quality, subsampling=subsampling, progressive=progressive)
        out = np.empty((*size, 3), dtype=np.uint8)
        assert decode_jpeg(path, out)
        np.testing.assert_array_equal(out, by_pillow(path, size))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colour_spaces_are_left_to_pillow(mode: str, tmp_path: Path) -> None:
    picture(16, 32, mode).save(tmp_path / "frame.jpg")
    assert not decode_jpeg(tmp_path / "frame.jpg", np.empty((32, 16, 3), dtype=np.uint8))
    found = decode_frames(tmp_path, ["frame.jpg"], (32, 16), threads=1)
    np.testing.assert_array_equal(found[0], by_pillow(tmp_path / "frame.jpg", (32, 16)))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "frame.jpg")
    assert not decode_jpeg(tmp_path / "frame.jpg", np.empty((32, 16, 3), dtype=np.uint8))


def test_damage_is_judged_as_pillow_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes changed, cut off and added: refused by both with the same words, or the same pixels."""
    path, rng = tmp_path / "frame.jpg", np.random.default_rng(0)
    picture(32, 64).save(path, quality=80)
    whole = np.frombuffer(path.read_bytes(), np.uint8)

    def outcome() -> tuple[str, bytes]:
        try:
            return "", decode_frames(tmp_path, ["frame.jpg"], (64, 32), threads=1).tobytes()
        except UserError as error:
            return str(error), b""

    refused = 0
    for attempt in range(150):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 1 + attempt % 3)] = rng.integers(0, 256)
        damaged = damaged[: rng.integers(1, len(whole))] if attempt % 5 == 0 else damaged
        path.write_bytes(damaged.tobytes() + b"more" * (attempt % 2))
        found = outcome()
        with monkeypatch.context() as patch:
            patch.setattr(jpeg, "_turbo", lambda: None)
            assert outcome() == found
        refused += bool(found[0])
    assert 10 < refused < 140


def test_a_missing_frame_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"frame\.jpg: missing frame; restore it"):
        decode_frames(tmp_path, ["frame.jpg"], (64, 32), threads=1)


def test_where_it_is_not_installed_pillow_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    picture(32, 64).save(tmp_path / "frame.jpg")
    assert not decode_jpeg(tmp_path / "frame.jpg", np.empty((64, 32, 3), dtype=np.uint8))
    found = decode_frames(tmp_path, ["frame.jpg"], (64, 32), threads=1)
    np.testing.assert_array_equal(found[0], by_pillow(tmp_path / "frame.jpg", (64, 32)))


def test_a_library_of_other_pixels_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rougher(data: bytes) -> np.ndarray:
        return simplejpeg.decode_jpeg(data, fastdct=True, fastupsample=True)

    monkeypatch.setitem(sys.modules, "simplejpeg", SimpleNamespace(decode_jpeg=rougher))
    picture(32, 64).save(tmp_path / "frame.jpg")
    assert not decode_jpeg(tmp_path / "frame.jpg", np.empty((64, 32, 3), dtype=np.uint8))
