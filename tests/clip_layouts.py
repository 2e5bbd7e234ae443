"""CLIP's weights in the layouts of public files, made from the weights of an image tower of any size."""

from __future__ import annotations

import torch
from torch import Tensor

TEXTS = {"positional_embedding": torch.ones(7, 8), "text_projection": torch.ones(8, 42), "logit_scale": torch.ones(())}
TEXTS |= {"transformer.resblocks.0.ln_1.weight": torch.ones(8), "token_embedding.weight": torch.ones(9, 8)}


def openai(tower: dict[str, Tensor]) -> dict[str, Tensor]:
    """In half precision, below `visual.`, with some of the tower of texts."""
    return {f"visual.{name}": value.half() for name, value in tower.items()} | TEXTS


def hugging_face(tower: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as transformers' CLIPModel names them."""
    v = "vision_model."
    state = {
        f"{v}embeddings.class_embedding": tower["class_embedding"],
        f"{v}embeddings.patch_embedding.weight": tower["conv1.weight"],
        f"{v}embeddings.position_embedding.weight": tower["positional_embedding"],
        f"{v}embeddings.position_ids": torch.arange(len(tower["positional_embedding"]))[None],
        "visual_projection.weight": tower["proj"].T,
        "text_projection.weight": torch.ones(42, 8),
        "text_model.embeddings.token_embedding.weight": torch.ones(9, 8),
        "logit_scale": torch.ones(()),
    }
    for part in ("weight", "bias"):
        state[f"{v}pre_layrnorm.{part}"] = tower[f"ln_pre.{part}"]
        state[f"{v}post_layernorm.{part}"] = tower[f"ln_post.{part}"]
        for layer in range(sum(name.endswith("in_proj_bias") for name in tower)):
            ours, theirs = f"transformer.resblocks.{layer}.", f"{v}encoder.layers.{layer}."
            three = tower[f"{ours}attn.in_proj_{part}"].chunk(3)
            for letter, value in zip("qkv", three, strict=True):
                state[f"{theirs}self_attn.{letter}_proj.{part}"] = value
            state[f"{theirs}self_attn.out_proj.{part}"] = tower[f"{ours}attn.out_proj.{part}"]
            state[f"{theirs}layer_norm1.{part}"] = tower[f"{ours}ln_1.{part}"]
            state[f"{theirs}layer_norm2.{part}"] = tower[f"{ours}ln_2.{part}"]
            state[f"{theirs}mlp.fc1.{part}"] = tower[f"{ours}mlp.c_fc.{part}"]
            state[f"{theirs}mlp.fc2.{part}"] = tower[f"{ours}mlp.c_proj.{part}"]
    return {name: value.contiguous() for name, value in state.items()}
