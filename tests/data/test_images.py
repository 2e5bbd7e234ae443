"""One frame from its file: how large it may claim to be, and that nobody else's pictures are judged."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image

from reidbench.data import images
from reidbench.discovery.importing import child_environment
from reidbench.spec import UserError


def test_a_name_too_long_for_the_system_is_told_in_one_line(tmp_path: Path) -> None:
    for read in (images.read_image, images.image_size):
        with pytest.raises(UserError, match=r"cannot be read \(File name too long\); make it readable"):
            read(tmp_path / ("x" * 300 + ".jpg"))


def test_more_pixels_than_a_frame_has_are_refused_whatever_pil_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "frame.png"
    Image.new("1", (10_000, 9_500)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    for read in (images.read_image, images.image_size):
        with pytest.raises(UserError, match=r"frame\.png: damaged frame \(claims 10000x9500 pixels\); restore it"):
            read(path)
    with warnings.catch_warnings(), pytest.raises(UserError, match="claims 10000x9500 pixels"):
        monkeypatch.undo()
        warnings.simplefilter("ignore")
        images.read_image(path)


def test_importing_leaves_the_filters_of_warnings_as_they_were() -> None:
    code = """
import warnings
import PIL.Image, torch, numpy, scipy
before = list(warnings.filters)
import reidbench, reidbench.data.frames, reidbench.retrieval.features_file
added = [f for f in warnings.filters if f not in before]
assert not added, added
"""
    subprocess.run([sys.executable, "-c", code], env=child_environment(), check=True)
