"""A network small enough to train in a test, with noise of its own and one parameter under a prefix."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from reidbench import registry
from reidbench.data.mars import read_layout
from reidbench.recipes import Recipe
from reidbench.spec import Loss, Output
from reidbench.training.trainer import train

RECIPE = Recipe(
    size=(16, 8),
    frames=2,
    stride=2,
    identities=2,
    clips_per_identity=2,
    epochs=1,
    steps=12,
    lr=1e-2,
    schedule="cosine",
    warmup_steps=3,
    rates={"tks": 4.0},
    trunk="",
)

SLIM = {"width": 4, "blocks": (1, 1, 1, 1), "size": (32, 16)}


class Tiny(nn.Module):
    def __init__(self, classes: int, *, killed_at: int = 0) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU())
        self.tks = nn.Parameter(torch.ones(6))
        self.neck = nn.BatchNorm1d(6)
        self.classifier = nn.Linear(6, classes) if classes else None
        self.dropout = nn.Dropout(0.2)
        self.killed_at = killed_at
        self.calls = 0

    def forward(self, clips: Tensor) -> Output:
        self.calls += 1
        if self.calls == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        maps = self.trunk(clips.flatten(0, 1)).mean((2, 3))
        feature = self.tks * maps.unflatten(0, clips.shape[:2]).mean(1)
        if not self.training or self.classifier is None:
            return Output(feature)
        embedding = self.neck(feature)
        logits = self.classifier(self.dropout(embedding))
        return Output(feature, (logits,), (embedding,), {"size": Loss(0.01, feature.square().mean())})


def tiny(classes: int = 3, **options: int) -> Tiny:
    torch.manual_seed(0)
    return Tiny(classes, **options)


def slim(classes: int = 0, **options: object) -> nn.Module:
    """Base-B on a ResNet of four blocks."""
    return registry.build("baseline", classes=classes, **{**SLIM, **options})


if __name__ == "__main__":
    root, workdir, killed_at = sys.argv[1:]
    torch.set_num_threads(1)
    dataset = read_layout(Path(root), name="tiny")
    model, cpu = tiny(killed_at=int(killed_at)), torch.device("cpu")
    train(model, dataset, RECIPE, seed=3, device=cpu, workdir=Path(workdir), run="a", save_every=0.0)
