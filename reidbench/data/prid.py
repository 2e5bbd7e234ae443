"""PRID-2011 (Hirzer et al., SCIA 2011), multi-shot, in its published layout with the customary splits.

prid_2011/multi_shot/{cam_a,cam_b}/person_<number>/*.png      the frames of a person before a camera
splits_prid2011.json                                          10 splits, each {"train": [...], "test": [...]} by folder,
                                                              of the 178 persons with more than 21 frames on both
"""

from __future__ import annotations

import re
from pathlib import Path

from reidbench.data.census import accept
from reidbench.data.index import indexed
from reidbench.data.info_files import read_json
from reidbench.data.tracklets import Dataset, Release
from reidbench.data.tree import Tree
from reidbench.data.two_cameras import SPLITS, check_split, read_persons
from reidbench.registry import dataset
from reidbench.spec import UserError

CAMERAS = ("prid_2011/multi_shot/cam_a", "prid_2011/multi_shot/cam_b")
SPLIT_FILE = "splits_prid2011.json"
PERSON = re.compile(r"person_[0-9]{1,9}")

PRID = Release(
    "PRID-2011",
    {
        "training tracklets": 178,
        "training identities": 89,
        "test tracklets": 178,
        "test identities": 89,
        "queries": 89,
        "query identities": 89,
        "junk tracklets": 0,
        "distractor tracklets": 0,
        "cameras": 2,
    },
    {"training": SPLIT_FILE, "test": SPLIT_FILE, "queries": SPLIT_FILE},
)
"""Of each of the splits in splits_prid2011.json (github.com/AsuradaYuci/CNN-RNN2016). It gives no numbers of frames."""


@dataset(splits=10)
def prid(root: str, *, subset: bool = False, split: int = 1) -> Dataset:
    """PRID-2011: 89 training identities, 89 queries, 2 cameras, in each of 10 splits.

    Raises UserError if the tree is damaged, or if its counts differ from the published ones and `subset` is not set.
    """
    check_split("prid", split)
    return accept(indexed("prid", Path(root), read_tree, PRID, split=split), subset=subset)


def read_tree(tree: Tree, split: int) -> Dataset:
    """Reads one split. Persons that no split names are left out."""
    tree.check_folders(*CAMERAS)
    file = tree.file(SPLIT_FILE)
    splits = read_json(file)
    if not isinstance(splits, list) or len(splits) != SPLITS or not all(map(_is_split, splits)):
        raise UserError(f'{file}: must hold {SPLITS} splits, each {{"train": ["person_0001", ...], "test": [...]}}')
    chosen = splits[split - 1]
    return read_persons(tree, PRID, "prid", CAMERAS, train=chosen["train"], test=chosen["test"])


def _is_split(split: object) -> bool:
    """Whether it names different persons to train on and to test on."""
    if not isinstance(split, dict):
        return False
    parts = [split.get(part) for part in ("train", "test")]
    return all(
        isinstance(part, list)
        and part
        and len(set(map(str, part))) == len(part)
        and all(isinstance(person, str) and PERSON.fullmatch(person) for person in part)
        for part in parts
    )
