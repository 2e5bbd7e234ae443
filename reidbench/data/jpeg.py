"""JPEGs decoded straight into an array by libjpeg-turbo, where simplejpeg is installed and gives Pillow's pixels.

Pillow decodes with the same library, but copies every frame three times on its way into an array. Frames that are to
be small are decoded whole and resized: decoding them at a reduced scale would be faster, but gives other pixels.
"""

from __future__ import annotations

import io
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LARGEST = 1 << 26
"""Pixels of a frame beyond which Pillow is asked, which refuses what would take all memory."""


def decode_jpeg(path: Path | str, out: np.ndarray | None = None) -> bool:
    """Decodes a JPEG into `out` uint8 [H, W, 3], resized bicubically where its size differs; the same pixels as Pillow.

    Without `out` it is only seen whether it can be. False, with `out` in any state, for whatever Pillow is to judge:
    another format or colour space, a file that is missing or damaged, and every file where simplejpeg is not installed.
    """
    turbo = _turbo()
    if turbo is None:
        return False
    try:
        data = content_of(path)
        height, width, colours, _ = turbo.decode_jpeg_header(data)
        if colours != "YCbCr" or height * width > LARGEST:
            return False
        if out is None or (height, width) == out.shape[:2]:
            turbo.decode_jpeg(data, buffer=out)
        else:
            whole = Image.fromarray(turbo.decode_jpeg(data))
            out[:] = np.asarray(whole.resize(out.shape[1::-1], Image.Resampling.BICUBIC))
    except (OSError, ValueError):
        return False
    return True


def content_of(path: Path | str) -> bytes:
    """The bytes of a file; none of what is no file, such as a pipe, which might never end.

    By the system's own calls: a frame is small, and a file object takes a tenth of the time that decoding it does.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        return os.read(descriptor, found.st_size) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(descriptor)


def decoder() -> str:
    """The name of the package that decodes most JPEGs here."""
    return "Pillow" if _turbo() is None else "simplejpeg"


@cache
def _turbo() -> Any:
    """simplejpeg, or None where it is not installed or was built with a library of other pixels than Pillow's."""
    try:
        import simplejpeg
    except ImportError:
        return None
    coarse = np.random.default_rng(0).integers(0, 256, (5, 3, 3)).astype(np.uint8)
    image = Image.fromarray(coarse).resize((45, 77), Image.Resampling.BICUBIC)
    for subsampling in (0, 2):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=80, subsampling=subsampling)
        wanted = np.asarray(Image.open(file).convert("RGB"))
        if not np.array_equal(simplejpeg.decode_jpeg(file.getvalue()), wanted):
            return None
    return simplejpeg
