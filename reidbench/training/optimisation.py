"""What a recipe asks of an optimiser: the objective, the groups of parameters and their learning rates."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from reidbench.recipes import MOMENTUM, Recipe
from reidbench.spec import Output
from reidbench.training.losses import batch_hard_triplet, supervised_contrastive


def objective(output: Output, labels: Tensor, recipe: Recipe) -> Tensor:
    """Cross entropy and `metric_weight` x metric loss, summed over the heads, and the weighted losses of the model.

    Without a `metric_weight` no metric loss is computed.
    """
    smoothed = partial(functional.cross_entropy, target=labels, label_smoothing=recipe.smoothing)
    total = torch.stack([smoothed(logits.float()) for logits in output.logits]).sum()
    for embeddings in output.embeddings if recipe.metric_weight else ():
        if recipe.metric_loss == "contrastive":
            metric = supervised_contrastive(embeddings, labels)
        else:
            soft = recipe.metric_loss == "soft_triplet"
            metric = batch_hard_triplet(embeddings, labels, recipe.margin, recipe.metric_distance, soft=soft)
        total = total + recipe.metric_weight * metric
    for loss in output.losses.values():
        total = total + loss.weight * loss.value
    return total


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Adam, or SGD with momentum 0.9, over the model's `parameter_groups`; its decay is added to the gradient."""
    groups = parameter_groups(model, recipe)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, recipe.lr, momentum=MOMENTUM, weight_decay=recipe.weight_decay, fused=True)
    return torch.optim.Adam(groups, recipe.lr, weight_decay=recipe.weight_decay, fused=True)


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """An optimiser's groups: `rate` is that of the longest prefix in `recipe.rates` that a name begins with, or 1."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            prefix = max((p for p in recipe.rates if name.startswith(p)), key=len, default=None)
            rate = 1.0 if prefix is None else recipe.rates[prefix]
            groups.setdefault(rate, []).append(parameter)
    return [{"params": parameters, "rate": rate} for rate, parameters in sorted(groups.items())]


def schedule_factor(recipe: Recipe, step: int, epoch: int, total: int) -> float:
    """What the learning rate is multiplied by in `step` of `total` (from 0), which belongs to `epoch` (from 0)."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    if epoch < recipe.warmup_epochs:
        return (epoch + 1) / recipe.warmup_epochs
    if recipe.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (step - recipe.warmup_steps) / (total - recipe.warmup_steps)))
    return recipe.gamma ** sum(epoch >= milestone for milestone in recipe.milestones)
