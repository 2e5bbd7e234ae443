"""Where two trees differ, and what each has there."""

from __future__ import annotations

from reidbench.json_trees import differences, without

TREE = {"settings": {"recipe": {"steps": 600, "size": [64, 32]}, "seed": 0}, "model": "baseline"}


def test_a_tree_differs_from_itself_nowhere() -> None:
    assert list(differences(TREE, {**TREE})) == []


def test_paths_have_the_order_of_the_first_and_both_values() -> None:
    other = {"model": "bicnet_tks", "settings": {"recipe": {"size": [64, 32], "lr": 0.1, "steps": 150}, "seed": 0}}
    assert list(differences(TREE, other)) == [
        ("settings.recipe.steps", 600, 150),
        ("settings.recipe.lr", None, 0.1),
        ("model", "baseline", "bicnet_tks"),
    ]


def test_an_object_that_only_one_has_is_one_difference() -> None:
    assert list(differences(TREE, {"model": "baseline"})) == [("settings", TREE["settings"], None)]


def test_a_tree_without_some_paths_keeps_all_else_and_is_not_changed() -> None:
    found = without(TREE, ["settings.seed", "settings.recipe.size", "model", "model.deeper", "settings.none.at_all"])
    assert found == {"settings": {"recipe": {"steps": 600}}} and TREE["model"] == "baseline"
    assert without(TREE, ["settings"]) == {"model": "baseline"} and without(TREE, []) == TREE
    assert without(TREE, ["settings.recipe", "settings.recipe.steps"]) == {"settings": {"seed": 0}, "model": "baseline"}
    assert without({"model": "a"}, ["model.size"]) == {"model": "a"}, "what is no object has nothing at a path"
