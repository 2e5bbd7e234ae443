"""VSLA-CLIP: a frozen CLIP in whose every block two small adapters learn, one of them over the frames.

Cross-Platform Video Person ReID: A New Benchmark Dataset and Adaptation Approach, Zhang et al., ECCV 2024; after the
authors' release, github.com/FHR-L/VSLA-CLIP (configs/adapter/vit_adapter.yml).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import identity_classifier
from .vit import WIDTH_A_HEAD, Attention, Block, QuickGELU, VisionTransformer, frozen_bias_neck, load_tower

NARROWER = 3
"""How much fewer numbers an adapter has than a token: 256 of 768, always whole heads."""


@model(trunk="vit")
def vsla_clip(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    vit_depth: int = 12,
    vit_width: int = 768,
    patch: int = 16,
) -> VslaClip:
    """VSLA-CLIP: adapters in every block of CLIP's ViT-B/16, frozen: approximate, for there are no texts to learn from.

    `size` is the (height, width) of the clips in pixels, to which the number of tokens is bound. At test time it is the
    release's network. In training the release also has a text for each identity, learnt before, with losses between
    clips and texts, and a triplet loss on the class token before the last block; these are left out. So are prompts by
    platform (PBP), which need to know the camera, and are off in the release's configuration but for the authors' own
    dataset of two platforms.
    """
    return VslaClip(VisionTransformer(size, depth=vit_depth, width=vit_width, patch=patch), classes)


class VslaClip(nn.Module):
    """A vision transformer that does not learn, and the adapters that do, assembled by `vsla_clip`.

    Output: `feature` `[B, D]`, the mean over the frames of the class token and of its projection side by side; D is
    five thirds of the width. The method compares it as it is: `neck` does nothing. In training each of the two is an
    embedding with a neck and a classifier of its own. Raises ValueError for clips of another size or without frames.
    """

    def __init__(self, trunk: VisionTransformer, classes: int) -> None:
        super().__init__()
        widths = (trunk.width, trunk.dimension)
        self.trunk = trunk.requires_grad_(False)
        self.adapters = nn.ModuleList(set_level_adapter(trunk.width) for _ in trunk.blocks)
        self.neck = nn.Identity()
        self.lower_necks = nn.ModuleList(frozen_bias_neck(width) for width in widths)
        heads = (identity_classifier(width, classes) for width in widths)
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_tower(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        x = self.trunk.embed(self.trunk.fold(clips))
        for block, adapter in zip(self.trunk.blocks, self.adapters, strict=True):
            x = adapted(block, adapter, x, clips.shape[1])
        token = self.trunk.ln_post(x[:, 0])
        parts = (token, token @ self.trunk.proj)
        embeddings = tuple(part.unflatten(0, clips.shape[:2]).mean(1) for part in parts)
        feature = torch.cat(embeddings, 1)
        if not self.training or self.classifier is None:
            return Output(feature)
        pairs = zip(self.classifier, self.lower_necks, embeddings, strict=True)
        return Output(feature, logits=tuple(head(neck(e)) for head, neck, e in pairs), embeddings=embeddings)


def set_level_adapter(width: int) -> nn.ModuleDict:
    """Video set-level adapter: two bottlenecks beside a block, whose outputs are added to those of its halves.

    "across" stands beside the attention and "within", which sees each token by itself, beside the perceptron.
    """
    inner = WIDTH_A_HEAD * max(1, width // NARROWER // WIDTH_A_HEAD)
    within = nn.Sequential(nn.Linear(width, inner), QuickGELU(), nn.Linear(inner, width))
    return nn.ModuleDict({"within": within, "across": Across(width, inner)})


def adapted(block: Block, adapter: nn.Module, x: Tensor, frames: int) -> Tensor:
    """Tokens `[B * frames, tokens, width]` through a block and its adapter, which sees them before the layer norms."""
    across, within = adapter.get_submodule("across"), adapter.get_submodule("within")
    x = x + block.attn(block.ln_1(x)) + across(x, frames)
    return x + block.mlp(block.ln_2(x)) + within(x)


class Across(nn.Module):
    """A bottleneck in which tokens attend to those at their own place in the other frames."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, inner)
        self.attention = Attention(inner)
        self.up = nn.Linear(inner, width)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Tokens `[B * frames, tokens, width]` to tokens of that shape."""
        by_place = self.down(x).unflatten(0, (-1, frames)).transpose(1, 2).flatten(0, 1)
        seen = self.attention(by_place).unflatten(0, (-1, x.shape[1])).transpose(1, 2).flatten(0, 1)
        return self.up(seen)
