"""CLIP's image tower from public files of weights, under the names that models on a vision transformer have.

OpenAI's names (github.com/openai/CLIP, below `visual.`) are ours; Hugging Face's (transformers' CLIPModel) differ.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor

VISUAL = "visual."
VISION = "vision_model."
PROJECTION = "visual_projection.weight"

RENAMED = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.": "conv1.",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm.": "ln_pre.",
    "post_layernorm.": "ln_post.",
}
"""How Hugging Face's names below `vision_model.` begin, and OpenAI's."""

LAYER = re.compile(r"encoder\.layers\.(\d+)\.")
RENAMED_IN_LAYER = {
    "self_attn.out_proj.": "attn.out_proj.",
    "layer_norm1.": "ln_1.",
    "layer_norm2.": "ln_2.",
    "mlp.fc1.": "mlp.c_fc.",
    "mlp.fc2.": "mlp.c_proj.",
}
JOINED = re.compile(r"self_attn\.([qkv])_proj\.(weight|bias)")
"""Projections to queries, keys and values, which OpenAI's names have in one, in this order."""

DERIVED = "embeddings.position_ids"
"""The numbers 0, 1, 2, ... that some versions write into the file."""


def image_tower(state: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The image tower in a state dict of CLIP, of all of it or of the tower alone; None where it is not one.

    Raises ValueError, one line, for projections that cannot be joined.
    """
    if any(name.startswith(VISION) for name in state):
        return _from_hugging_face(state)
    below = {name.removeprefix(VISUAL): value for name, value in state.items() if name.startswith(VISUAL)}
    tower = below or dict(state)
    return tower if "class_embedding" in tower else None


def _from_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tower: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, value in state.items():
        key = name.removeprefix(VISION)
        if name == PROJECTION:
            tower["proj"] = value.T.contiguous() if value.ndim == 2 else value
        elif key in (name, DERIVED):
            continue
        elif found := LAYER.match(key):
            block, rest = f"transformer.resblocks.{found[1]}.", key[found.end() :]
            if joined := JOINED.fullmatch(rest):
                parts[f"{block}attn.in_proj_{joined[2]}"][joined[1]] = value
            else:
                tower[block + _renamed(rest, RENAMED_IN_LAYER)] = value
        else:
            tower[_renamed(key, RENAMED)] = value
    return tower | {name: _joined(name, three) for name, three in parts.items()}


def _renamed(name: str, names: Mapping[str, str]) -> str:
    for theirs, ours in names.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _joined(name: str, parts: Mapping[str, Tensor]) -> Tensor:
    three = [parts[letter] for letter in "qkv" if letter in parts]
    if len(three) < 3 or len({part.shape for part in three}) > 1 or not three[0].ndim:
        raise ValueError(f"the projections to queries, keys and values that make {name} are not three of one shape")
    return torch.cat(three)
