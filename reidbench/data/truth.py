"""What the generator knows of a synthetic tracklet and its traits do not say: the tempo of the gait, where things are.

It follows from the options in the dataset's stamp, so it is known of every synthetic dataset that was ever written.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reidbench.data.layout import read_stamp
from reidbench.data.scene import visible
from reidbench.data.synthetic import SyntheticOptions, cameras, persons, take_of
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.data.walkers import PERIODS, Person

SYNTHETIC = "synthetic"


class Truth:
    """Of one synthetic dataset. Raises UserError for a root without a stamp."""

    def __init__(self, root: Path) -> None:
        self._options = SyntheticOptions.of(**read_stamp(root)["options"])
        self._cameras = cameras(self._options)
        train, test = persons(self._options)
        self._persons = dict(enumerate((*train, *test), start=1))

    def person(self, tracklet: Tracklet) -> Person:
        return self._persons[tracklet.identity]

    def is_slow(self, tracklet: Tracklet) -> bool:
        """Whether the walker is one of the slow ones: of the two periods of the gait, the longer."""
        return self.person(tracklet).period > sum(PERIODS) / 2

    def visible(self, tracklet: Tracklet) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which pixels show the walker and which the emblem: see `scene.visible`."""
        track = re.search(r"T(\d+)F", tracklet.frames[0])
        assert track, tracklet.frames[0]
        take = take_of(self._options, tracklet.identity, tracklet.camera, int(track[1]))
        view = self._cameras[tracklet.camera - 1]
        return visible(self.person(tracklet), take, view, self._options.height, self._options.width)


def truth_of(dataset: Dataset) -> Truth | None:
    """The truth of a synthetic dataset; None of any other."""
    return Truth(dataset.root) if dataset.name == SYNTHETIC else None
