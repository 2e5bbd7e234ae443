"""How much is trained and measured: tiny, quick, standard, fine, full, paper, authors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reidbench import trunks
from reidbench.authors import AUTHORS
from reidbench.recipes import Preset, Recipe

SHORT_RUN = (
    "The rates were chosen on validation identities, and favour the rows with temporal kernels: TKS learns at 4 times "
    "and CSP at a tenth of the rate of the rest, and the output of TKS starts at scale 1. No other method was tuned "
    "so. The suite recipe has what each of these choices is worth.",
)

LONGER = (
    "The rates and the start of TKS are those of the preset quick, chosen at 64x32 and in 600 steps: TKS learns at 4 "
    "times and CSP at a tenth of the rate of the rest, and the output of TKS starts at scale 1. They favour the rows "
    "with temporal kernels, and none was chosen at this size.",
)

ONE_RECIPE = (
    "All rows are trained by the recipe of BiCnet-TKS; Inception's and CLIP's trunks alone learn at the rates that "
    "their methods' authors give them. The authors of other methods have recipes of their own, by "
    "which published accuracies were reached.",
)

OWN_RECIPES = (
    "Each method is trained by the recipe of its authors' public code, as far as this trainer follows it: "
    "docs/models.md says what it does not follow, and which recipes are inferred. Those without public training code "
    "have the recipe of BiCnet-TKS. Clips are as long as theirs in training, and in tests too, where their authors may "
    "have tested otherwise; costs are those of clips as long as in the other tables.",
)

SLIM = {option: value for options in trunks.SLIM.values() for option, value in options.items()}
"""The slim trunks of the quick and standard presets; a model takes the options that it has."""

QUICK = Recipe(
    size=(64, 32),
    stride=1,
    identities=8,
    clips_per_identity=2,
    epochs=0,
    steps=600,
    lr=3e-3,
    schedule="cosine",
    warmup_steps=20,
    rates={"tks": 4.0, "csp": 0.1},
    metric_weight=3.0,
    margin=0.3,
    erase=0.0,
    trunk="synthetic",
    grouped=True,
)

CALMER = {"inception": {"trunk.": 0.1}, "vit": {"trunk.": 0.1}}
"""At the rate of the rest STMP and the vision transformers forget what their trunks were taught. Chosen on validation
identities, in runs of the preset tiny."""

AS_PUBLISHED = {
    "inception": {"trunk.": 0.1},
    "vit": {part: rate / Recipe().lr for part, rate in (("trunk.", 5e-6), ("diffuse.", 5e-6), ("adapters.", 1e-4))},
}
"""What STMP's authors have for their trunk beside the rest, TF-CLIP's for trunk and messages, VSLA-CLIP's for adapters.
The heads learn at the rate of the other rows' heads."""

QUICK_PRESET = Preset(
    "quick",
    "pre-trained slim trunk, 600 steps at 64x32, by default embedded synthetic data: minutes on 2 CPU cores",
    QUICK,
    "synthetic",
    model_options={**SLIM, "small": "input", "tks_scale": 1.0},
    rates_by_trunk=CALMER,
    notes=SHORT_RUN,
)

PRESETS = {
    preset.name: preset
    for preset in (
        QUICK_PRESET,
        replace(
            QUICK_PRESET,
            name="tiny",
            about="as quick with a quarter of the steps: to try things, such as the gate, in a quarter of a minute a "
            "row",
            recipe=replace(QUICK, steps=150),
        ),
        replace(
            QUICK_PRESET,
            name="standard",
            about="as quick with twice the steps, by default three seeds: about half an hour on 2 CPU cores",
            recipe=replace(QUICK, steps=1200),
            seeds=3,
        ),
        replace(
            QUICK_PRESET,
            name="fine",
            about="as quick with frames of 128x64, by default synthetic data of that size: for figures of maps",
            recipe=replace(QUICK, size=(128, 64)),
            dataset_options={"height": 128, "width": 64},
        ),
        Preset(
            "full",
            "ResNet-50 at 256x128 from random weights, by default on synthetic data: a GPU",
            replace(QUICK, size=(256, 128), identities=16, lr=3.5e-4, steps=3000, trunk="", precision="bf16"),
            "synthetic",
            dataset_options={"height": 256, "width": 128},
            model_options={"small": "input", "tks_scale": 1.0},
            notes=LONGER,
        ),
        Preset(
            "paper",
            "the paper's recipe on a real dataset (--dataset, --root), ImageNet weights: a GPU, hours",
            Recipe(),
            "mars",
            by_dataset={"lsvid": {"metric_loss": "contrastive"}},
            rates_by_trunk=AS_PUBLISHED,
            notes=ONE_RECIPE,
        ),
        Preset(
            "authors",
            "as paper, but each method by the recipe of its own authors: a GPU, hours to weeks a row",
            Recipe(),
            "mars",
            by_dataset={"lsvid": {"metric_loss": "contrastive"}},
            by_model=AUTHORS,
            notes=OWN_RECIPES,
        ),
    )
}


def preset_name(recipe: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> str:
    """The preset that has this recipe on some dataset, the clips' length apart, which is the row's own; "" if none has.

    `own` is what the row's training has otherwise under any preset (`Row.recipe`).
    """
    return next((name for name, preset in PRESETS.items() if preset.has(recipe, own or {})), "")
