"""Recipes: what of them is in a record's key, and what can be changed."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from reidbench.experiments.accuracy import recipe_of
from reidbench.recipes import CHOICES, LATER, Recipe, check_recipe
from reidbench.spec import UserError

ROOT = Path(__file__).resolve().parents[1]


def test_a_later_setting_is_in_the_identity_only_where_it_is_set() -> None:
    first = set(Recipe().identity)
    assert first | set(LATER) == {each.name for each in fields(Recipe)} and not first & set(LATER)
    others = {"smoothing": 0.1, "optimiser": "sgd", "sampling": "restricted", "metric_distance": "euclidean"}
    for name, value in (others | {"epoch_of": "identities", "warmup_epochs": 3}).items():
        assert Recipe().but({name: value}).identity == {**Recipe().identity, name: value}
    assert len(others) + 2 == len(LATER)


def test_records_of_before_hold_the_first_settings_alone() -> None:
    path = next((ROOT / "results" / "amd-epyc-2-core-407a" / "accuracy").glob("base-b-*.json"))
    recorded = json.loads(path.read_text())["cell"]["settings"]
    assert json.loads(json.dumps(recipe_of(recorded).identity)) == recorded["recipe"]


def test_an_identity_gives_the_recipe_back() -> None:
    recipe = replace(Recipe(), smoothing=0.1, rates={"tks": 4.0})
    assert recipe_of({"recipe": json.loads(json.dumps(recipe.identity))}) == recipe


def test_a_setting_that_there_is_not_is_named() -> None:
    assert Recipe().but({"lr": 1.0}).lr == 1.0
    with pytest.raises(UserError, match=r"^a recipe has no rate, speed$"):
        Recipe().but({"speed": 1, "rate": 2})


def test_what_is_as_good_has_the_same_key() -> None:
    given = Recipe().but({"erase": 1, "milestones": [10, 20], "epochs": 30})
    assert given == replace(Recipe(), erase=1.0, milestones=(10, 20), epochs=30)
    assert json.dumps(given.identity["erase"]) == "1.0"


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"stride": 0}, "stride is 0; give 1 or more"),
        ({"lr": -1.0}, "lr is -1.0; give 0 or more"),
        ({"margin": math.nan}, "margin is nan; give 0 or more"),
        ({"epochs": -3}, "epochs is -3; give 0 or more"),
        ({"flip": 5.0}, "flip is 5.0; give 0 to 1"),
        ({"smoothing": 1.5}, "smoothing is 1.5; give 0 to 1"),
        ({"size": (64,)}, r"size is \(64,\); give two whole numbers from 1"),
        ({"size": (64, 0)}, r"size is \(64, 0\); give two whole numbers from 1"),
        ({"milestones": ("a",)}, r"milestones is \('a',\); give whole numbers from 1"),
        ({"rates": {"tks": "4"}}, "the rate of tks is '4'; give 0 or more"),
        ({"precision": "int8"}, "precision is 'int8'; choose one of fp32, bf16, fp16"),
        ({"schedule": "cosine", "warmup_epochs": 3}, "warmup_epochs goes with schedule step; give warmup_steps"),
    ],
)
def test_a_recipe_that_no_machine_can_follow_is_refused(own: dict[str, Any], told: str) -> None:
    check_recipe(Recipe())
    with pytest.raises(UserError, match=f"^recipe: {told}$"):
        check_recipe(Recipe().but(own))


def test_the_first_choice_is_the_default() -> None:
    assert {name: choices[0] for name, choices in CHOICES.items()} == {name: asdict(Recipe())[name] for name in CHOICES}
