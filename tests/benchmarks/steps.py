"""Training steps to compare: a network, a batch and its labels, and the step that the trainer takes with them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from release_layout import release_clips
from torch import Tensor, nn

from reidbench import registry
from reidbench.presets import QUICK
from reidbench.recipes import Recipe
from reidbench.training.gradients import Gradients
from reidbench.training.optimisation import parameter_groups
from reidbench.trunks import RESNET, SLIM

PAPER = replace(Recipe(), identities=2, clips_per_identity=2)
SCALES: dict[str, tuple[Recipe, dict[str, Any], dict[str, Any]]] = {
    "quick": (QUICK, dict(SLIM[RESNET]), {"small": "input", "tks_scale": 1.0}),
    "paper": (PAPER, {}, {}),
}
"""The recipe, with a small batch at the paper's size, the options of all models, and those of BiCnet-TKS."""

MODELS = {"Base-B": "baseline", "BiCnet-TKS": "bicnet_tks"}

CLASSES = 625
"""Training identities of MARS."""


def subject(name: str, scale: str, **batch: int) -> tuple[nn.Module, Tensor, Tensor]:
    """A network to train, with norms that are not all alike, a batch of clips (of other than its size) and labels."""
    recipe, options, own = SCALES[scale]
    recipe = replace(recipe, **batch)
    options = {**options, **(own if MODELS[name] == "bicnet_tks" else {}), "size": recipe.size, "classes": CLASSES}
    torch.manual_seed(0)
    clips = torch.randn(recipe.identities * recipe.clips_per_identity, recipe.frames, 3, *recipe.size)
    clips = clips.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    labels = torch.arange(recipe.identities).repeat_interleave(recipe.clips_per_identity)
    model = registry.build(MODELS[name], **options).train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model, clips, labels


@torch.no_grad()
def assert_same(model: nn.Module, reference: nn.Module, clips: Tensor) -> None:
    """To rounding, which batch norm over few values carries along: the same in double precision to 1e-7."""
    doubled, other = copy.deepcopy(model).double(), copy.deepcopy(reference).double()
    ours, theirs = doubled(clips[:2].double()), other(release_clips(clips[:2].double()))
    torch.testing.assert_close(theirs.logits, ours.logits)
    torch.testing.assert_close(theirs.embeddings, ours.embeddings)


def step_of(
    model: nn.Module, clips: Tensor, labels: Tensor, recipe: Recipe, *, fused: bool, captures: bool = False
) -> Callable[[], float]:
    """A step as `trainer.take_step` does it, which on a GPU `captures` all but the first."""
    groups = parameter_groups(model, recipe)
    scaler = torch.amp.GradScaler(clips.device.type, enabled=False)
    gradients = Gradients(model, scaler, recipe, CLASSES, captures=captures)
    adam = torch.optim.Adam(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused or None)

    def step() -> float:
        loss = gradients(clips, labels)
        adam.step()
        return loss.item()

    return step
