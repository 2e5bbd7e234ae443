"""Damaged frames: decoded at the asked size, or named in one line."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import damaged_bytes
from PIL import Image
from trying import attempt, cases

from reidbench.data.frames import decode
from reidbench.data.images import image_size, read_image
from reidbench.spec import UserError

SIZE = (16, 8)


def encoded(mode: str, kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 12, 3)).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(written, kind, **options)
    return written.getvalue()


SAMPLES: tuple[bytes, ...] = (
    *(encoded("RGB", "jpeg"), encoded("L", "jpeg"), encoded("CMYK", "jpeg"), encoded("RGB", "jpeg", progressive=True)),
    *(encoded("RGB", "png"), encoded("RGBA", "png"), encoded("P", "png"), encoded("1", "png"), encoded("I;16", "png"))[
        :8
    ],
    encoded("RGB", "jpeg", exif=Image.Exif()),
)


def look(path: Path) -> None:
    assert min(image_size(path)) > 0
    pixels = np.zeros((*SIZE, 3), np.uint8)
    decode(path, pixels)
    assert pixels.any()


@cases(90, 1500)
@given(data=st.data())
def test_images(data: st.DataObject) -> None:
    path = Path("frame.jpg")
    path.write_bytes(data.draw(damaged_bytes(data.draw(st.sampled_from(SAMPLES)))))
    attempt("image", lambda: look(path))


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_sound(sample: bytes) -> None:
    Path("frame.jpg").write_bytes(sample)
    look(Path("frame.jpg"))


@pytest.mark.parametrize("side", [10_000, 20_000, 2**31 - 1])
def test_a_frame_that_claims_millions_of_pixels_is_refused(side: int) -> None:
    """From 90 million pixels on PIL only warned, in two lines."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    Path("frame.png").write_bytes(content)
    with pytest.raises(UserError, match=r"frame\.png: damaged frame"):
        read_image(Path("frame.png"))
