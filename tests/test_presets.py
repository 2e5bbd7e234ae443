"""Presets: which one a recipe is of, and the recipes of the authors of other methods."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from reidbench import presets, registry
from reidbench.authors import AUTHORS
from reidbench.planning.plan import model_options, trained_by
from reidbench.presets import PRESETS, preset_name
from reidbench.recipes import Preset, Recipe, check_recipe
from reidbench.spec import Row


def test_a_preset_is_known_by_its_recipe_without_making_all_recipes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a dataset of its own, with a trunk of its own, for a model and with clips of any length."""
    recipes = {
        (name, dataset, trunk, model): replace(preset.recipe_on(dataset, trunk, model), frames=5).identity
        for name, preset in PRESETS.items()
        for dataset in ("", *preset.by_dataset)
        for trunk in ("", "none", *preset.rates_by_trunk)
        for model in ("", *preset.by_model)
    }
    for (name, _, _, model), recipe in recipes.items():
        assert preset_name(recipe) == ("paper" if name == "authors" and not model else name)
    assert preset_name({**recipes["quick", "", "", ""], "lr": 7.0}) == ""
    monkeypatch.setattr(Preset, "recipe_on", lambda *_: pytest.fail("made again"))
    assert preset_name(recipes["quick", "", "none", ""]) == "quick"


def test_a_rows_own_settings_do_not_hide_its_preset() -> None:
    own = {"smoothing": 0.1, "flip": 0.0}
    changed = PRESETS["tiny"].recipe.but(own).identity
    assert preset_name(changed) == "" and preset_name(changed, own) == "tiny"
    assert preset_name(changed, {"smoothing": 0.1}) == preset_name(PRESETS["tiny"].recipe.identity, own) == ""


@pytest.mark.parametrize("name", sorted(AUTHORS))
def test_the_recipe_of_other_authors_can_be_followed(name: str) -> None:
    preset = PRESETS["authors"]
    recipe = trained_by(Row(name, name), preset)
    check_recipe(recipe)
    assert recipe != Recipe() and recipe.frames == AUTHORS[name].get("frames", 8)
    last = max(recipe.milestones, default=0)
    assert recipe.steps == 0 and last < recipe.epochs and recipe.warmup_epochs < recipe.epochs
    with torch.device("meta"):
        model = registry.build(name, classes=2, **model_options(Row(name, name), preset))
    parameters = [parameter for parameter, _ in model.named_parameters()]
    assert all(any(p.startswith(prefix) for p in parameters) for prefix in recipe.rates), recipe.rates


def test_the_printed_recipes_are_these() -> None:
    """Against the authors' own files, so that a slip of the pen is noticed."""
    names = (
        "frames",
        "identities",
        "clips_per_identity",
        "epochs",
        "lr",
        "weight_decay",
        "margin",
        "smoothing",
        "erase",
    )
    wanted = {
        "ap3d": (4, 8, 4, 240, 3e-4, 5e-4, 0.3, 0.0, 0.0),
        "tclnet": (4, 8, 4, 150, 3e-4, 5e-4, 0.4, 0.0, 0.0),
        "sinet": (4, 8, 4, 160, 3e-4, 5e-4, 0.3, 0.0, 0.5),
        "staformer": (8, 8, 4, 200, 3e-4, 5e-4, 0.3, 0.1, 0.5),
        "psta": (8, 8, 4, 500, 3.5e-4, 1.5e-3, 0.3, 0.1, 0.5),
        "cosam": (4, 8, 4, 800, 3e-4, 5e-4, 0.3, 0.1, 0.0),
        "mgh": (8, 8, 4, 800, 3e-4, 5e-4, 0.3, 0.1, 0.5),
        "stmn": (6, 8, 4, 200, 1e-4, 1e-5, 0.5, 0.0, 0.5),
        "gltp": (16, 10, 1, 501, 0.01, 5e-4, 0.5, 0.0, 0.0),
        "m3d": (8, 20, 1, 500, 0.01, 5e-4, 0.5, 0.0, 0.0),
        "i3d_strided": (8, 12, 1, 500, 0.01, 5e-4, 0.5, 0.0, 0.0),
        "stmp": (8, 10, 2, 900, 0.01, 5e-4, 0.4, 0.0, 0.0),
        "tf_clip": (8, 4, 4, 80, 5e-6, 4e-4, 0.3, 0.1, 0.5),
        "vsla_clip": (8, 8, 4, 120, 1e-4, 1e-3, 0.3, 0.1, 0.5),
    }
    for model, values in wanted.items():
        recipe = trained_by(Row(model, model), PRESETS["authors"])
        assert tuple(getattr(recipe, name) for name in names) == values, model


def test_on_lsvid_the_loss_of_other_authors_stays_theirs() -> None:
    found = {
        name: trained_by(Row(name, name), replace(PRESETS["authors"], dataset="lsvid")) for name in registry.models()
    }
    assert {name for name, recipe in found.items() if recipe.metric_loss == "contrastive"} == set(found) - set(AUTHORS)


def test_every_preset_says_which_choices_it_makes() -> None:
    assert all(preset.notes for preset in presets.PRESETS.values())
