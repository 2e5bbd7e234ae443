"""Frames and maps small enough to lie in a record, and the choice of what is shown, which nobody picks by eye."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

ROWS = 128
"""Most rows of a frame in a record."""

QUALITY = 85
"""Of the JPEG."""


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """`wanted` positions from the first to the last of a list of `count`, at even steps: a choice that knows no result.

    Where there are fewer positions than wanted, all of them.
    """
    return [int(place) for place in np.unique(np.linspace(0, count - 1, min(count, wanted)).round())]


def strip(frames: np.ndarray) -> str:
    """Frames uint8 `[T, H, W, 3]` side by side, from left to right, as a JPEG in base64."""
    image = Image.fromarray(np.concatenate(frames, axis=1))
    if len(frames[0]) > ROWS:
        scale = ROWS / len(frames[0])
        image = image.resize((len(frames) * max(1, round(frames.shape[2] * scale)), ROWS), Image.Resampling.BICUBIC)
    content = io.BytesIO()
    image.save(content, "jpeg", quality=QUALITY)
    return base64.b64encode(content.getvalue()).decode("ascii")


def rounded(values: np.ndarray) -> Any:
    """An array as nested lists of numbers of three digits."""
    return np.round(values.astype(np.float64), 3).tolist()
