"""A dataset of your own: ROOT/train and ROOT/test hold PERSON/CAMERA/*.jpg, both folders named by numbers from 1.

python bench.py data describe mydata --root ROOT --plugin docs/examples/mydata.py
"""

from dataclasses import replace
from pathlib import Path

from reidbench.data.census import fingerprint, summary
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.data.tree import Tree
from reidbench.registry import dataset
from reidbench.spec import UserError


@dataset
def mydata(root: str) -> Dataset:
    """One tracklet a person and camera; each test person's first camera is the query, the others are the gallery."""
    tree = Tree(Path(root))
    tree.check_folders("train", "test")
    train, test = read(tree, "train"), read(tree, "test")
    first: dict[int, Tracklet] = {}
    for tracklet in test:
        first.setdefault(tracklet.identity, tracklet)
    query = tuple(first.values())
    gallery = tuple(tracklet for tracklet in test if tracklet not in query)
    about = summary("mydata", train, query, gallery)
    found = Dataset("mydata", tree.root, train, query, gallery, "", queries_in_gallery=False, about=about)
    return replace(found, fingerprint=fingerprint(tree, found))


def read(tree: Tree, part: str) -> tuple[Tracklet, ...]:
    """The tracklets of `train` or `test`, by person and camera. Raises UserError for a folder that is none."""
    tracklets = []
    for person in tree.folders(part):
        for camera in tree.folders(f"{part}/{person}"):
            folder = f"{part}/{person}/{camera}"
            frames = tuple(f"{folder}/{name}" for name in tree.frames(folder))
            if not (frames and person.isdecimal() and camera.isdecimal() and int(person) > 0):
                raise UserError(f"{tree.root / folder}: must be PERSON/CAMERA, two numbers from 1, and hold frames")
            tracklets.append(Tracklet(frames, int(person), int(camera)))
    if not tracklets:
        raise UserError(f"{tree.root / part}: no person in it")
    return tuple(tracklets)
