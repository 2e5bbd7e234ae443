"""A suite of seconds, with a measurement of each way to share a process, and the smallest network that trains.

python bench.py mini --plugin tests/survival/mini.py --preset tiny        # 2 CPU cores: about ten seconds
"""

import os
import time

from reidbench.registry import measurement, model
from reidbench.spec import Column, Outcome, Output, Quantity, Row, Suite


@model()
def speck(*, classes=0, width=4):
    """One convolution, and a layer of each kind that the trainer keeps the state of."""
    import torch
    from torch import nn

    from reidbench.training.trainer import train

    # A training of seconds is to be killed between checkpoints, as one of hours is.
    train.__kwdefaults__["save_every"] = 0.1

    class Speck(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(nn.Conv2d(3, width, 8, stride=8), nn.BatchNorm2d(width), nn.ReLU())
            self.neck = nn.BatchNorm1d(width)
            self.classifier = nn.Linear(width, classes) if classes else None
            self.dropout = nn.Dropout(0.2)

        def load_trunk(self, state):
            """Starts from its own weights."""

        def forward(self, clips):
            maps = self.trunk(clips.flatten(0, 1)).mean((2, 3))
            feature = maps.unflatten(0, clips.shape[:2]).mean(1)
            if not self.training or self.classifier is None:
                return Output(feature)
            embedding = self.neck(feature)
            return Output(feature, (self.classifier(self.dropout(embedding)),), (embedding,))

    torch.manual_seed(width)
    return Speck()


@measurement(quantities={"width": Quantity("width", "", "lower")}, mode="batch")
def count(cells, progress):
    """One after the other, with a pause that a kill may meet."""
    for cell in cells:
        for step in range(5):
            progress(cell, step, 5, "counting")
            time.sleep(0.02)
        yield cell, Outcome({"width": float(cell.options["width"])})


@measurement(
    quantities={"seconds": Quantity("time", "s", "lower", statistic="median", sample="seconds")}, mode="interleaved"
)
def pace(cells, progress):
    """Side by side, alone on the machine, long enough for another run to wait for it.

    A test that must meet it at work has it take longer.
    """
    pause = float(os.environ.get("MINI_PAUSE", "0.05"))
    for step in range(5):
        progress(cells[0], step, 5, "taking turns")
        time.sleep(pause)
    for cell in cells:
        yield cell, Outcome(samples={"seconds": [1.0, 2.0, 3.0]})


ROWS = (Row("narrow", "speck"), Row("wide", "speck", {"width": 6}))
COLUMNS = tuple(Column(quantity) for quantity in ("count.width", "pace.seconds", "accuracy.mAP"))
SUITE = Suite("Mini", ROWS, COLUMNS, "narrow", figures=())
