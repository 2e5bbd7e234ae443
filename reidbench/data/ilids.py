"""iLIDS-VID (Wang et al., ECCV 2014) in its published layout.

i-LIDS-VID/sequences/{cam1,cam2}/person<number>/*.png        the frames of a person before a camera
train-test people splits/train_test_splits_ilidsvid.mat      ls_set: a split a row, which has all persons in random
                                                             order; the first half of them is tested
"""

from __future__ import annotations

import re
from pathlib import Path

from reidbench.data.census import accept
from reidbench.data.index import indexed
from reidbench.data.info_files import read_matlab
from reidbench.data.tracklets import Dataset, Release
from reidbench.data.tree import Tree
from reidbench.data.two_cameras import SPLITS, check_split, read_persons
from reidbench.registry import dataset
from reidbench.spec import UserError

CAMERAS = ("i-LIDS-VID/sequences/cam1", "i-LIDS-VID/sequences/cam2")
SPLIT_FILE = "train-test people splits/train_test_splits_ilidsvid.mat"
PERSON = re.compile(r"person[0-9]{1,9}")

ILIDS = Release(
    "iLIDS-VID",
    {
        "training tracklets": 300,
        "training identities": 150,
        "test tracklets": 300,
        "test identities": 150,
        "queries": 150,
        "query identities": 150,
        "junk tracklets": 0,
        "distractor tracklets": 0,
        "cameras": 2,
    },
    {"training": " and ".join(CAMERAS), "test": " and ".join(CAMERAS), "queries": CAMERAS[0]},
)
"""Of each of its splits. It publishes no numbers of frames."""


@dataset(splits=10)
def ilids(root: str, *, subset: bool = False, split: int = 1) -> Dataset:
    """iLIDS-VID: 150 training identities, 150 queries, 2 cameras, in each of 10 splits.

    Raises UserError if the tree is damaged, or if its counts differ from the published ones and `subset` is not set.
    """
    check_split("ilids", split)
    return accept(indexed("ilids", Path(root), read_tree, ILIDS, split=split), subset=subset)


def read_tree(tree: Tree, split: int) -> Dataset:
    """Reads one split.

    Its numbers are places in the list of persons as it is when sorted. So a tree that lacks a person is refused even as
    a subset: every later number would mean somebody else.
    """
    tree.check_folders(*CAMERAS)
    persons, others = (tree.folders(camera) for camera in CAMERAS)
    stray = sorted(set(persons) ^ set(others)) + [name for name in persons if not PERSON.fullmatch(name)]
    if stray:
        raise UserError(f"{tree.root / CAMERAS[0]}: {stray[0]} is not before both cameras, or no person<number>")
    file = tree.file(SPLIT_FILE)
    places = read_matlab(file, "ls_set")
    if places.ndim != 2 or len(places) != SPLITS or sorted(places[split - 1]) != list(range(1, len(persons) + 1)):
        raise UserError(
            f"{file}: ls_set, of shape {places.shape}, does not put the {len(persons)} persons of this tree in "
            f"an order for each of {SPLITS} splits; restore the file, or the persons that are missing"
        )
    order = [persons[place - 1] for place in places[split - 1]]
    half = len(order) // 2
    return read_persons(tree, ILIDS, "ilids", CAMERAS, train=order[half:], test=order[:half])
