"""The kinds of network that models stand on, the slim one of each, and its shipped weights. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reidbench.spec import NO_TRUNK, UserError

HERE = Path(__file__).parent / "training"

RESNET = "resnet"

SYNTHETIC = {
    RESNET: HERE / "synthetic_trunk.pt",
    "inception": HERE / "synthetic_inception.pt",
    "vit": HERE / "synthetic_vit.pt",
}
"""By kind the slim trunk taught on synthetic identities, made by `python -m reidbench.training.pretrain`."""

SLIM: Mapping[str, Mapping[str, Any]] = {
    RESNET: {"depth": 50, "width": 16, "blocks": (1, 1, 1, 1)},
    "inception": {"inception_width": 12, "side": 107},
    "vit": {"vit_depth": 4, "vit_width": 128, "patch": 8},
}
"""By kind the options of those: a bottleneck ResNet of 512 channels, 0.6 M parameters; an Inception-v3 of 384, 0.8 M,
on frames of that side; a vision transformer."""


def check_trunk(kind: object) -> str:
    """The kind of a trunk, or `NO_TRUNK`. Raises UserError for one that is not known."""
    known = (*SYNTHETIC, NO_TRUNK)
    if not isinstance(kind, str) or kind not in known:
        raise UserError(f"its trunk must be one of {', '.join(map(repr, known))}")
    return kind


CLIP_WEIGHTS = "the model.safetensors of openai/clip-vit-base-patch16 at huggingface.co"
"""The file that holds the weights which the publications on a vision transformer start from."""


def cannot_start(kind: str, trunk: str) -> str:
    """Why a trunk of a kind cannot start from what `Recipe.trunk` names; "" where it can."""
    if kind == "vit" and trunk == "imagenet":
        # No sum is known by which to check what would be fetched.
        return (
            f"--weights imagenet: there are none for a vision transformer; give --weights FILE, {CLIP_WEIGHTS}, and in "
            "a suite with other trunks --rows with those on a vision transformer"
        )
    return ""
