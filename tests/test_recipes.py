"""Recipes: what of them is in a record's key, and what can be changed."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from reidbench.experiments.accuracy import recipe_of
from reidbench.recipes import CHOICES, LATER, Recipe
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


def test_the_first_choice_is_the_default() -> None:
    assert {name: choices[0] for name, choices in CHOICES.items()} == {name: asdict(Recipe())[name] for name in CHOICES}
