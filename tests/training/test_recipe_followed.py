"""Every setting of a recipe makes other weights: one that the trainer did not read would be a label of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from tiny import RECIPE, tiny
from torch import Tensor

from reidbench.data.synthetic import synthetic, write_synthetic
from reidbench.recipes import Recipe
from reidbench.training.trainer import train

COSINE = replace(RECIPE, identities=4)
BY_EPOCH = replace(COSINE, schedule="step", steps=0, warmup_steps=0, epochs=4, milestones=(1, 3))

OTHERWISE: tuple[tuple[Recipe, dict[str, Any]], ...] = (
    (
        COSINE,
        {
            "size": (32, 16),
            "frames": 3,
            "stride": 1,
            "identities": 5,
            "clips_per_identity": 3,
            "steps": 13,
            "lr": 2e-2,
            "weight_decay": 1e-2,
            "schedule": "step",
            "warmup_steps": 0,
            "rates": {},
            "metric_loss": "contrastive",
            "metric_weight": 0.5,
            "margin": 2.0,
            "flip": 0.0,
            "erase": 0.0,
            "grouped": True,
            "precision": "bf16",
            "smoothing": 0.1,
            "sampling": "restricted",
            "metric_distance": "euclidean",
            "optimiser": "sgd",
        },
    ),
    (BY_EPOCH, {"epochs": 3, "milestones": (2, 3), "gamma": 0.5, "warmup_epochs": 2, "epoch_of": "identities"}),
)
"""Recipes, each with another value of those settings that it heeds."""

ELSEWHERE = {"trunk"}
"""What a network starts from before it is given to the trainer."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recipe], Tensor]:
    """The parameters and statistics after a training, as one vector; each recipe trains once."""
    root = tmp_path_factory.mktemp("walkers") / "few"
    # Four tracklets of an identity: an epoch of tracklets is then twice one of identities.
    write_synthetic(root, train_ids=16, test_ids=4, cameras=4, frames=8, height=16, width=8)
    dataset = synthetic(str(root))
    found: dict[str, Tensor] = {}

    def trained(recipe: Recipe) -> Tensor:
        if str(recipe) not in found:
            torch.set_num_threads(1)
            model = tiny(16)
            train(model, dataset, recipe, seed=1, device=torch.device("cpu"))
            found[str(recipe)] = torch.cat([part.flatten() for part in model.state_dict().values()])
        return found[str(recipe)]

    return trained


@pytest.mark.parametrize(
    ("recipe", "name", "value"),
    [(recipe, name, value) for recipe, others in OTHERWISE for name, value in others.items()],
    ids=[name for _, others in OTHERWISE for name in others],
)
def test_a_recipe_with_one_setting_otherwise_trains_other_weights(
    recipe: Recipe, name: str, value: Any, weights: Callable[[Recipe], Tensor]
) -> None:
    assert not torch.equal(weights(recipe), weights(replace(recipe, **{name: value})))


def test_no_setting_of_a_recipe_is_left_out() -> None:
    tried = {name for _, others in OTHERWISE for name in others}
    assert tried | ELSEWHERE == {each.name for each in fields(Recipe)} and not tried & ELSEWHERE


def test_a_recipe_is_a_recipe_however_often_it_trains(weights: Callable[[Recipe], Tensor]) -> None:
    """Else other weights would show nothing."""
    assert torch.equal(weights(COSINE), weights(replace(COSINE, trunk="file")))
