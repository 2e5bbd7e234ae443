"""The kinds of network that models stand on, and the shipped weights that each can start from. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from reidbench.spec import UserError

HERE = Path(__file__).parent / "training"

RESNET = "resnet"

SYNTHETIC = {
    RESNET: HERE / "synthetic_trunk.pt",
    "inception": HERE / "synthetic_inception.pt",
    "vit": HERE / "synthetic_vit.pt",
}
"""By kind the slim trunk taught on synthetic identities, made by `python -m reidbench.training.pretrain`."""


def check_trunk(kind: object) -> str:
    """The kind of a trunk. Raises UserError for one that is not known."""
    if not isinstance(kind, str) or kind not in SYNTHETIC:
        raise UserError(f"its trunk must be one of {', '.join(map(repr, SYNTHETIC))}")
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
