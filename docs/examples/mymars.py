"""A dataset of your own in the MARS layout, under a name of its own: ROOT holds bbox_train, bbox_test and info.

python bench.py data check mymars --root ROOT --plugin docs/examples/mymars.py
"""

from pathlib import Path

from reidbench.data.mars import read_layout
from reidbench.data.tracklets import Dataset
from reidbench.registry import dataset


@dataset
def mymars(root: str) -> Dataset:
    """My campus, in the MARS layout."""
    return read_layout(Path(root), name="mymars")
