"""Base-B with mistakes that code acquires, for trying whether the gate notices: a plugin, no model of the registry."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from reidbench import registry
from reidbench.registry import model
from reidbench.regression.calibration import FAULTS
from reidbench.spec import Output


@model()
def mistaken(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    fault: str = "",
) -> Mistaken:
    """Base-B, sound or with one fault: pooling, labels or neck."""
    if fault and fault not in FAULTS:
        raise ValueError(f"fault {fault!r} is unknown; give {', '.join(FAULTS)} or none")
    return Mistaken(
        registry.build("baseline", classes=classes, size=size, depth=depth, width=width, blocks=blocks), fault
    )


class Mistaken(nn.Module):
    """The baseline whose `fault` drops frames, shuffles answers among labels, or leaves out the neck."""

    def __init__(self, base: Any, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.trunk = base.trunk
        self.neck: nn.Module = nn.Identity() if fault == "neck" else base.neck
        self.classifier = base.classifier
        self.load_trunk = base.load_trunk
        self._branch = base.branch

    def forward(self, clips: Tensor) -> Output:
        if self.fault == "pooling":
            clips = clips[:, :1]
        feature = self._branch(clips, 1)
        if not self.training or self.classifier is None:
            return Output(feature)
        # Answers in another order than the labels are what labels in another order than the clips amount to.
        order = torch.randperm(len(clips)) if self.fault == "labels" else torch.arange(len(clips))
        embedding = self.neck(feature)[order]
        return Output(feature, logits=(self.classifier(embedding),), embeddings=(embedding,))
