"""One frame from its file: a JPEG or a PNG, or one line that says what else it is. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from reidbench.spec import UserError

AT_A_TIME = 16
"""Frames that a thread decodes before it asks for more; doing that for each, two threads decode a quarter less."""

MOST_PIXELS = 2**30 // 12
"""A frame of a person is small. What claims to have more pixels, of which PIL only warns, is refused."""


def read_image(path: Path) -> Image.Image:
    """One JPEG or PNG, decoded to RGB at its own size. Raises UserError naming the file if it is missing or damaged."""
    with _opened(path) as image:
        return image.convert("RGB")


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of one JPEG or PNG by its header. Raises UserError as `read_image`."""
    with _opened(path) as image:
        return image.height, image.width


def missing(path: Path) -> UserError:
    return UserError(f"{path}: missing frame; restore it")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        # What is there and no file, such as a pipe, may never end.
        present = path.is_file()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); make it readable") from error
    if not present:
        raise missing(path)
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"claims {image.width}x{image.height} pixels")
            yield image
    except UnidentifiedImageError as error:
        raise UserError(f"{path}: damaged frame (neither JPEG nor PNG); restore it") from error
    except Exception as error:  # PIL raises errors of many types for damaged files, and warnings where they are errors
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UserError(f"{path}: damaged frame ({reason}); restore it") from error
