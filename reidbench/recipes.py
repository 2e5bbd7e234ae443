"""How networks are trained: the recipe, and the presets that choose one. Imports no torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from reidbench.spec import CLIP_FRAMES, NO_TRUNK, PAPER_SIZE, UserError, canonical_json, identity_of


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. The defaults are the paper's (section 4.1), filled in from the authors' release.

    Clips: `size` is (height, width) in pixels; a batch holds `identities` x `clips_per_identity` clips of `frames`
    frames. `sampling` says which: "stride" takes every `stride`-th frame from a random start, "restricted" one random
    frame of each of `frames` equal parts of the whole tracklet. A clip is flipped and a box of it erased with the
    probabilities `flip` and `erase`. `grouped` keeps look-alike identities (a dataset's `group` trait) in one batch.

    Length: `epochs`, or `steps` optimiser steps where that is not 0. An epoch is of all "tracklets", or with `epoch_of`
    "identities" of `clips_per_identity` tracklets of each.

    Rates: `optimiser` is "adam" or "sgd" (with `MOMENTUM`). `schedule` is "step" (times `gamma` at each epoch of
    `milestones`) or "cosine" (to 0 over the steps), each after a linear rise over `warmup_steps`, or `warmup_epochs`
    from one epoch to the next. `rates` multiplies the learning rate of parameters whose name starts with a prefix.

    Losses: cross entropy, its labels smoothed by `smoothing` (0 to 1), and `metric_weight` times `metric_loss`:
    "triplet" (batch-hard), "soft_triplet" (without a margin), both of the `metric_distance` "cosine" or "euclidean", or
    "contrastive" (cosine). At a weight of 0 there is none.

    `trunk` names the weights the trunk starts from: "" for random, "imagenet", "synthetic" (the slim one shipped of its
    kind), or "file" (`Places.trunk`).
    """

    size: tuple[int, int] = PAPER_SIZE
    frames: int = CLIP_FRAMES
    stride: int = 4
    identities: int = 16
    clips_per_identity: int = 4
    epochs: int = 150
    steps: int = 0
    lr: float = 3.5e-4
    weight_decay: float = 5e-4
    schedule: str = "step"
    milestones: tuple[int, ...] = (40, 80, 120)
    gamma: float = 0.1
    warmup_steps: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    metric_loss: str = "triplet"
    metric_weight: float = 1.0
    margin: float = 0.5
    flip: float = 0.5
    erase: float = 0.5
    trunk: str = "imagenet"
    grouped: bool = False
    precision: str = "fp32"
    smoothing: float = 0.0
    sampling: str = "stride"
    metric_distance: str = "cosine"
    optimiser: str = "adam"
    epoch_of: str = "tracklets"
    warmup_epochs: int = 0

    def but(self, own: Mapping[str, Any]) -> Recipe:
        """The recipe with some settings otherwise, whole numbers and lists where it has others taken for those.

        Raises UserError for a setting that there is not.
        """
        if unknown := own.keys() - {each.name for each in fields(self)}:
            raise UserError(f"a recipe has no {', '.join(sorted(unknown))}")
        taken = {name: ALIKE.get((type(getattr(self, name)), type(value)), _as_it_is) for name, value in own.items()}
        return replace(self, **{name: taken[name](value) for name, value in own.items()})

    @property
    def identity(self) -> dict[str, Any]:
        """What a cell's key holds of it: every field, but those in `LATER` only where they have been set."""
        return identity_of(self, LATER)


LATER = ("smoothing", "sampling", "metric_distance", "optimiser", "epoch_of", "warmup_epochs")
"""Fields of `Recipe` younger than the first records; see `spec.identity_of`. A new field belongs here."""

MOMENTUM = 0.9
"""That of SGD."""

ALIKE: Mapping[tuple[type, type], Callable[[Any], Any]] = {(float, int): float, (tuple, list): tuple}
"""What a setting is taken for, by the type that it has in a recipe and the one that was given: else its key differs."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "schedule": ("step", "cosine"),
    "metric_loss": ("triplet", "soft_triplet", "contrastive"),
    "metric_distance": ("cosine", "euclidean"),
    "sampling": ("stride", "restricted"),
    "optimiser": ("adam", "sgd"),
    "epoch_of": ("tracklets", "identities"),
    "precision": ("fp32", "bf16", "fp16"),
}
"""What the texts of a recipe may be, but for the weights of the trunk."""

LEAST: Mapping[str, float] = {
    **dict.fromkeys(("frames", "stride", "identities", "clips_per_identity"), 1),
    **dict.fromkeys(("epochs", "steps", "lr", "weight_decay", "gamma", "warmup_steps", "warmup_epochs"), 0),
    **dict.fromkeys(("metric_weight", "margin", "flip", "erase", "smoothing"), 0),
}
"""The least that the numbers of a recipe may be."""


def _as_it_is(value: Any) -> Any:
    return value


def check_recipe(recipe: Recipe) -> None:
    """Raises UserError, naming the setting, for a recipe that could be followed on no machine."""
    for name, known in CHOICES.items():
        if getattr(recipe, name) not in known:
            raise UserError(f"recipe: {name} is {getattr(recipe, name)!r}; choose one of {', '.join(known)}")
    for name, least in LEAST.items():
        if not least <= getattr(recipe, name) < float("inf"):
            raise UserError(f"recipe: {name} is {getattr(recipe, name)}; give {least} or more")
    for name in ("flip", "erase", "smoothing"):
        if getattr(recipe, name) > 1:
            raise UserError(f"recipe: {name} is {getattr(recipe, name)}; give 0 to 1")
    for name, some, count in (("size", recipe.size, 2), ("milestones", recipe.milestones, len(recipe.milestones))):
        if len(some) != count or any(type(each) is not int or each < 1 for each in some):
            raise UserError(f"recipe: {name} is {some!r}; give {'two ' if count == 2 else ''}whole numbers from 1")
    for name, rate in recipe.rates.items():
        if not isinstance(rate, int | float) or not 0 <= rate < float("inf"):
            raise UserError(f"recipe: the rate of {name} is {rate!r}; give 0 or more")
    if recipe.warmup_epochs and recipe.schedule != "step":
        raise UserError("recipe: warmup_epochs goes with schedule step; give warmup_steps")


@dataclass(frozen=True)
class Preset:
    """How much: the recipe, the options given to every model that has them, the dataset and the number of seeds.

    `notes` are printed with every result: the choices that favour some rows, and how they were made. `by_dataset` holds
    what the recipe has otherwise on a dataset, `rates_by_trunk` the rates that it has beside its own where a model
    stands on a kind of trunk (`reidbench.trunks`), `by_model` what it has otherwise for a model of that name.
    """

    name: str
    about: str
    recipe: Recipe
    dataset: str
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    model_options: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 1
    notes: tuple[str, ...] = ()
    by_dataset: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rates_by_trunk: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    by_model: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def recipe_on(self, dataset: str, trunk: str = "", model: str = "") -> Recipe:
        """The recipe as it is followed on a dataset, by models on a kind of trunk, and by a model."""
        recipe = self.recipe.but(self.by_dataset.get(dataset, {}))
        recipe = replace(recipe, rates={**recipe.rates, **self.rates_by_trunk.get(trunk, {})})
        recipe = recipe.but(self.by_model.get(model, {}))
        # There are no weights by name for what stands on no known trunk.
        return replace(recipe, trunk="") if trunk == NO_TRUNK and recipe.trunk != "file" else recipe

    def has(self, recipe: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
        """Whether a recorded recipe is one of its own, with a row's `own` settings, but for the length of clips."""
        changes = canonical_json(own)
        if changes not in self._known:
            self._known[changes] = frozenset(_but_for_frames(known.but(own).identity) for known in self._recipes())
        return _but_for_frames(recipe) in self._known[changes]

    @cached_property
    def _known(self) -> dict[str, frozenset[str]]:
        """All its recipes as texts, by what a row has otherwise: there are many records to be asked about."""
        return {}

    def _recipes(self) -> Iterator[Recipe]:
        """Those on any dataset and trunk and for any model."""
        ways = itertools.product(("", *self.by_dataset), ("", NO_TRUNK, *self.rates_by_trunk), ("", *self.by_model))
        return itertools.starmap(self.recipe_on, ways)


def _but_for_frames(recipe: Mapping[str, Any]) -> str:
    """A recipe as one text, the clips' length left out, which is the row's own."""
    return canonical_json({name: value for name, value in recipe.items() if name != "frames"})
