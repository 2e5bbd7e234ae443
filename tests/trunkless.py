"""A model of one's own that stands on none of the known trunks, as a plugin's text."""

TRUNKLESS = '''
from torch import nn

from reidbench.registry import model
from reidbench.spec import Output


@model(trunk="none")
def trunkless(*, classes=0):
    """Three convolutions and a mean."""
    return Trunkless(classes)


class Trunkless(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2))
        self.neck = nn.BatchNorm1d(16)
        self.classifier = nn.Linear(16, classes, bias=False) if classes else None

    def forward(self, clips):
        feature = self.maps(clips.flatten(0, 1)).mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        return Output(feature, (self.classifier(embedding),), (embedding,))
'''

READING = """
    def load_trunk(self, state):
        self.maps.load_state_dict(state)
"""
"""What lets it start from a file."""
