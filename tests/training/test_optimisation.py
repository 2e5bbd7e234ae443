"""The objective, the groups of parameters and the learning rates of a recipe."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import RECIPE
from torch import nn

from reidbench.recipes import Recipe
from reidbench.spec import Loss, Output
from reidbench.training.losses import batch_hard_triplet, supervised_contrastive
from reidbench.training.optimisation import make_optimiser, objective, parameter_groups, schedule_factor


def test_objective_adds_up_heads_and_losses() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1])
    logits = [torch.randn(4, 2, generator=generator) for _ in range(2)]
    embeddings = [torch.randn(4, 5, generator=generator) for _ in range(2)]
    losses = {"divergence": Loss(0.25, torch.tensor(2.0)), "other": Loss(2.0, torch.tensor(1.5))}
    output = Output(embeddings[0], tuple(logits), tuple(embeddings), losses)
    cross = sum(float(nn.functional.cross_entropy(x, labels)) for x in logits)
    triplet = sum(float(batch_hard_triplet(x, labels, 0.3)) for x in embeddings)
    contrastive = sum(float(supervised_contrastive(x, labels)) for x in embeddings)
    recipe = Recipe(margin=0.3, metric_weight=3.0)
    assert objective(output, labels, recipe).item() == pytest.approx(cross + 3 * triplet + 3.5)
    recipe = replace(recipe, metric_loss="contrastive")
    assert objective(output, labels, recipe).item() == pytest.approx(cross + 3 * contrastive + 3.5)
    for distance, soft in (("euclidean", False), ("cosine", True)):
        own = sum(float(batch_hard_triplet(x, labels, 0.3, distance, soft=soft)) for x in embeddings)
        name = "soft_triplet" if soft else "triplet"
        changed = replace(recipe, metric_loss=name, metric_distance=distance)
        assert objective(output, labels, changed).item() == pytest.approx(cross + 3 * own + 3.5)
    alone = replace(recipe, metric_weight=0.0, smoothing=0.2)
    smoothed = sum(
        float((0.8 * -x.log_softmax(1)[torch.arange(4), labels] - 0.2 * x.log_softmax(1).mean(1)).mean())
        for x in logits
    )
    assert objective(output, labels, alone).item() == pytest.approx(smoothed + 3.5)


def test_rates_go_by_the_longest_prefix() -> None:
    model = nn.ModuleDict({"tks": nn.Linear(2, 3), "tks_out": nn.Linear(2, 5), "trunk": nn.Linear(2, 7)})
    model["trunk"].bias.requires_grad_(False)
    groups = parameter_groups(model, replace(RECIPE, rates={"tks": 4.0, "tks_out": 0.1, "csp": 9.0}))
    found = {group["rate"]: [tuple(p.shape) for p in group["params"]] for group in groups}
    assert found == {4.0: [(3, 2), (3,)], 0.1: [(5, 2), (5,)], 1.0: [(7, 2)]}


def test_schedules() -> None:
    step = Recipe()
    assert [schedule_factor(step, 0, epoch, 1) for epoch in (0, 39, 40, 80, 120, 149)] == pytest.approx(
        [1, 1, 0.1, 0.01, 0.001, 0.001]
    )
    cosine = Recipe(schedule="cosine", warmup_steps=4)
    factors = [schedule_factor(cosine, s, 0, 24) for s in range(24)]
    assert factors[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert factors[14] == pytest.approx(0.5) and 0 < factors[-1] < 0.01
    assert factors[4:] == sorted(factors[4:], reverse=True)
    warm = Recipe(warmup_epochs=4, milestones=(6,))
    assert [schedule_factor(warm, 9, epoch, 99) for epoch in (0, 1, 3, 4, 5, 6)] == pytest.approx(
        [0.25, 0.5, 1, 1, 1, 0.1]
    )


def test_the_optimiser_is_the_recipes() -> None:
    """One step from rest against arithmetic: SGD goes down the gradient with the decay in it, Adam by its sign."""
    for optimiser, wanted in (("sgd", 2.0 - 0.1 * (3.0 + 0.5 * 2.0)), ("adam", 2.0 - 0.1)):
        model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(model.weight, 2.0)
        found = make_optimiser(model, Recipe(optimiser=optimiser, lr=0.1, weight_decay=0.5))
        (3.0 * model.weight).sum().backward()
        found.step()
        assert model.weight.item() == pytest.approx(wanted)
    sgd = make_optimiser(nn.Linear(1, 1), Recipe(optimiser="sgd"))
    assert sgd.param_groups[0]["momentum"] == 0.9
