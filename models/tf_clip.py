"""TF-CLIP: CLIP's class token, and a block of a transformer in which a message of all frames reaches each token.

TF-CLIP: Learning Text-Free CLIP for Video-Based Person Re-identification, Yu et al., AAAI 2024; after the authors'
release, github.com/AsuradaYuci/TF-CLIP.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import identity_classifier
from .vit import Attention, Perceptron, VisionTransformer, frozen_bias_neck, load_tower


@model(trunk="vit")
def tf_clip(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    vit_depth: int = 12,
    vit_width: int = 768,
    patch: int = 16,
) -> TfClip:
    """TF-CLIP on CLIP's ViT-B/16: approximate, for it is not told the camera.

    `size` is the (height, width) of the clips in pixels, to which the number of tokens is bound. The release adds an
    embedding of the camera to the class token (SIE), in training and at test time; here no clip has a camera. Left out
    as well, for they are of training alone: the memory of identities that stands for CLIP's texts (CLIP-Memory), its
    prompt by each clip (SSP) with the loss on both, and the classifier of each frame by itself.
    """
    return TfClip(VisionTransformer(size, depth=vit_depth, width=vit_width, patch=patch), classes)


class TfClip(nn.Module):
    """A vision transformer and the temporal memory diffusion, assembled by `tf_clip`.

    Output: `feature` `[B, D]`: the mean over the frames of the class token, that of its projection, and the mean of the
    diffused tokens; D is eight thirds of the width. The method compares it as it is: `neck` does nothing. In training
    each of the three is an embedding with a neck and a classifier of its own, and the diffusion does not teach the
    trunk. Raises ValueError for clips of another size or without frames.
    """

    def __init__(self, trunk: VisionTransformer, classes: int) -> None:
        super().__init__()
        widths = (trunk.width, trunk.dimension, trunk.width)
        self.trunk = trunk
        self.diffuse = MemoryDiffusion(trunk.width)
        self.neck = nn.Identity()
        self.lower_necks = nn.ModuleList(frozen_bias_neck(width) for width in widths)
        heads = (identity_classifier(width, classes) for width in widths)
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_tower(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        tokens = self.trunk.ln_post(self.trunk(self.trunk.fold(clips)))
        diffused = self.diffuse(tokens.detach().unflatten(0, clips.shape[:2]))
        parts = (tokens[:, 0], tokens[:, 0] @ self.trunk.proj)
        embeddings = (*(part.unflatten(0, clips.shape[:2]).mean(1) for part in parts), diffused)
        feature = torch.cat(embeddings, 1)
        if not self.training or self.classifier is None:
            return Output(feature)
        pairs = zip(self.classifier, self.lower_necks, embeddings, strict=True)
        return Output(feature, logits=tuple(head(neck(e)) for head, neck, e in pairs), embeddings=embeddings)


class MemoryDiffusion(nn.Module):
    """Temporal memory diffusion (TMD): what frames tell each other, spread over the tokens of each.

    The mean token of a frame, projected, is its message; messages attend to one another over the frames. Each joins the
    tokens of its frame, which pass one block of a transformer.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.message = nn.Linear(width, width)
        self.message_norm = nn.LayerNorm(width)
        self.message_attention = Attention(width)
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width)
        self.perceptron_norm = nn.LayerNorm(width)
        self.perceptron = Perceptron(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens `[B, T, tokens, width]` to their mean and the messages', `[B, width]`."""
        messages = self.message(tokens.mean(2))
        messages = messages + self.message_attention(self.message_norm(messages))
        x = torch.cat([tokens, messages.unsqueeze(2)], 2).flatten(0, 1)
        x = x + self.attention(self.norm(x))
        x = x + self.perceptron(self.perceptron_norm(x))
        return x.mean(1).unflatten(0, tokens.shape[:2]).mean(1)
