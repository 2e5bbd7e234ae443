"""A recipe in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reidbench.recipes import MOMENTUM
from reidbench.spec import NO_TRUNK


def recipe_text(recipe: Mapping[str, Any], trunk: str = "") -> str:
    """A recipe's settings (`recipes.Recipe` as a mapping) in words, as models on a kind of trunk follow it."""
    height, width = recipe["size"]
    clips = recipe["identities"] * recipe["clips_per_identity"]
    epochs = "epochs, each identity once in each," if recipe.get("epoch_of") == "identities" else "epochs"
    length = f"{recipe['steps']} steps" if recipe["steps"] else f"{recipe['epochs']} {epochs}"
    return (
        f"{length} of {clips} clips ({recipe['identities']} identities x {recipe['clips_per_identity']}"
        f"{', look-alikes together' if recipe.get('grouped') else ''}), {recipe['frames']} frames of {height}x{width} "
        f"pixels, {_spacing(recipe)}; {_optimiser(recipe)}, weight decay {recipe['weight_decay']:g}, "
        f"{_decay(recipe)}; {_losses(recipe)}; "
        f"flip {recipe['flip']:g}, erasing {recipe['erase']:g}; {_start(recipe['trunk'], trunk)}; "
        f"{recipe['precision']}."
    )


def settings_text(own: Mapping[str, Any]) -> str:
    """Some settings by their names: "smoothing 0.1, rates none, milestones 60 and 120"."""
    return ", ".join(f"{name} {_value(value)}" for name, value in own.items())


def _value(value: Any) -> str:
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else f"{value}"
    if not value:
        return "none"
    if isinstance(value, Mapping):
        return rates_text(value)
    return value if isinstance(value, str) else " and ".join(map(str, value))


def _start(weights: str, trunk: str) -> str:
    """What a training starts from, by the recipe and the kind of trunk."""
    if trunk == NO_TRUNK:
        return "started from a file of weights" if weights else "started as the model's own code builds it"
    return f"trunk from {weights or 'random weights'}"


def _optimiser(recipe: Mapping[str, Any]) -> str:
    rates = f" ({rates_text(recipe['rates'])})" if recipe.get("rates") else ""
    if recipe.get("optimiser") == "sgd":
        return f"SGD {recipe['lr']:g}{rates} with momentum {MOMENTUM:g}"
    return f"Adam {recipe['lr']:g}{rates}"


def rates_text(rates: Mapping[str, float]) -> str:
    """Factors of the learning rate by the part of a network that has each."""
    return ", ".join(f"{name.rstrip('.')} x{factor:g}" for name, factor in rates.items())


def _decay(recipe: Mapping[str, Any]) -> str:
    """How the learning rate goes over a training."""
    steps, epochs = recipe["warmup_steps"], recipe.get("warmup_epochs", 0)
    warm = f"{steps} warm-up steps" if steps or not epochs else f"{epochs} warm-up epochs"
    if recipe["schedule"] == "cosine":
        return f"cosine decay after {warm}"
    falls = f"times {recipe['gamma']} at epochs {', '.join(map(str, recipe['milestones']))}"
    after = falls if recipe["milestones"] else "constant"
    return f"{warm}, {after}" if steps or epochs else after


def _losses(recipe: Mapping[str, Any]) -> str:
    """What is minimised, beside a model's own losses."""
    smoothed = f" (labels smoothed by {recipe['smoothing']:g})" if recipe.get("smoothing") else ""
    if not recipe["metric_weight"]:
        return f"cross entropy{smoothed} alone"
    distance = recipe.get("metric_distance", "cosine")
    loss = recipe["metric_loss"].replace("_", " ")
    which = f"{'' if distance == 'cosine' else distance.capitalize() + ' '}{loss}"
    margin = f" (margin {recipe['margin']:g})" if recipe["metric_loss"] == "triplet" else ""
    return f"cross entropy{smoothed} + {recipe['metric_weight']:g} x {which}{margin}"


def _spacing(recipe: Mapping[str, Any]) -> str:
    """Which frames of a tracklet a clip has."""
    if recipe.get("sampling") == "restricted":
        return "one of each equal part of a tracklet"
    stride = recipe["stride"]
    ending = {2: "nd", 3: "rd"}.get(stride, "th")
    return "consecutive" if stride == 1 else f"every {stride}{ending}"
