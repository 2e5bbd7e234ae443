"""The picture of a dataset: drawn of any shape of data, never with a warning."""

from pathlib import Path

import pytest
from PIL import Image

from reidbench.data.description import Description, Part
from reidbench.reporting.answers.dataset_picture import draw_dataset

ONE = Part(1, (16,), {1: 1})
WIDE = Part(3, (1, 30, 9324), {1: 2, 8: 1})


@pytest.mark.parametrize(
    ("parts", "matches", "sizes"),
    [
        ({"training": ONE, "queries": ONE}, (0,), {(64, 32): 2}),
        (
            {"training": WIDE, "queries": ONE, "gallery": WIDE, "distractors": ONE, "junk": WIDE},
            (0, 41),
            {(9, 4): 2, (300, 90): 1},
        ),
    ],
)
def test_any_dataset_can_be_drawn(tmp_path: Path, parts, matches, sizes) -> None:
    file = tmp_path / "picture.png"
    draw_dataset(Description("x: 1; more", parts, {"with": matches, "without": matches}, sizes), file)
    with Image.open(file) as picture:
        assert picture.size == (1350, 960) and len(picture.convert("L").getcolors()) > 20
