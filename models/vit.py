"""CLIP's vision transformer: the trunk of tokens that `vit_baseline`, `tf_clip` and `vsla_clip` stand on.

Learning Transferable Visual Models From Natural Language Supervision, Radford et al., ICML 2021. Parameters carry the
names of the image tower in OpenAI's release (github.com/openai/CLIP, below `visual.`), so that its weights load.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .loading import load_all
from .resnet import fold_frames

WIDTH_A_HEAD = 64
WIDER = 4
GELU_SLOPE = 1.702
POSITIONS = "positional_embedding"


class VisionTransformer(nn.Module):
    """The image tower of CLIP: frames `[N, 3, H, W]` to tokens `[N, 1 + h * w, width]`, the class token first.

    `size` is the (height, width) of the frames in pixels, which patches of `patch` x `patch` cut into a grid of (h, w)
    = `grid`; what is left over at the right and below is not seen. `depth` counts the blocks, `width` the numbers of a
    token, 64 for each head. `dimension` is that of the projection into the space that CLIP shares with texts. Raises
    ValueError for a shape that cannot be built.
    """

    def __init__(
        self, size: tuple[int, int] = (256, 128), *, depth: int = 12, width: int = 768, patch: int = 16
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"vit_depth={depth}: give at least 1")
        if width < WIDTH_A_HEAD or width % WIDTH_A_HEAD:
            raise ValueError(f"vit_width={width}: give a multiple of {WIDTH_A_HEAD}, the width of a head")
        if not 1 <= patch <= min(size):
            raise ValueError(f"patch={patch}: give 1 to {min(size)}, for frames are {size[0]}x{size[1]}")
        self.size = (size[0], size[1])
        self.grid = (size[0] // patch, size[1] // patch)
        self.width = width
        self.dimension = 2 * width // 3
        scale = width**-0.5
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(math.prod(self.grid) + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        # OpenAI's names have a module between the tower and its blocks.
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, self.dimension))
        for block in self.blocks:
            _start(block, depth)
        self.conv1.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def blocks(self) -> list[Block]:
        """The blocks in order, for networks that act between them."""
        return list(self.transformer.resblocks)  # type: ignore[arg-type]

    def embed(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, H, W]` to the tokens that enter the first block, `[N, 1 + h * w, width]`."""
        patches = self.conv1(frames).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(frames), 1, -1)
        return self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames `[N, 3, H, W]` to the tokens that leave the last block, before `ln_post`."""
        x = self.embed(frames)
        for block in self.blocks:
            x = block(x)
        return x

    def fold(self, clips: Tensor) -> Tensor:
        """Clips `[B, T, 3, H, W]` as a batch of frames `[B*T, 3, H, W]` in channels_last.

        Raises ValueError for a tensor that is not such a batch, for frames of another size, and for clips without any.
        """
        frames = fold_frames(clips)
        size = tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if clips.shape[1] < 1:
            raise ValueError("a clip of 0 frames: give at least 1")
        return frames


class Block(nn.Module):
    """A block of a transformer: attention and a perceptron, each after a layer norm and added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = Attention(width)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = Perceptron(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `[N, tokens, width]` to tokens of that shape."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Attention(nn.Module):
    """Attention among tokens, with the parameters that `nn.MultiheadAttention` has; heads are 64 wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // WIDTH_A_HEAD
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `[N, tokens, width]` to tokens of that shape."""
        projected = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        queries, keys, values = projected.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()
        seen = F.scaled_dot_product_attention(queries, keys, values)
        return self.out_proj(seen.transpose(1, 2).flatten(2))


class QuickGELU(nn.Module):
    """The activation that CLIP was taught with: a sigmoid in place of the normal distribution."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(GELU_SLOPE * x)


class Perceptron(nn.Module):
    """The perceptron of a block, which sees each token by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, WIDER * width)
        self.gelu = QuickGELU()
        self.c_proj = nn.Linear(WIDER * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `[..., width]` to tokens of that shape."""
        return self.c_proj(self.gelu(self.c_fc(x)))


def frozen_bias_neck(features: int) -> nn.BatchNorm1d:
    """The neck of CLIP's re-identification `[B, features] -> [B, features]`, whose bias stays 0."""
    neck = nn.BatchNorm1d(features)
    neck.bias.requires_grad_(False)
    return neck


def load_tower(trunk: VisionTransformer, state: Mapping[str, Tensor]) -> None:
    """Loads the weights of CLIP's image tower under OpenAI's names; positions of another grid are resized to `grid`.

    Raises ValueError, one line, where they are not this trunk's. Nothing is loaded then.
    """
    given = dict(state)
    places = given.get(POSITIONS)
    if places is not None and places.ndim == 2 and places.shape[1] == trunk.width:
        given[POSITIONS] = resize_positions(places, trunk.grid)
    load_all(trunk, given, "vit_depth, vit_width and patch")


def resize_positions(places: Tensor, grid: tuple[int, int]) -> Tensor:
    """Position embeddings `[1 + h' * w', width]` to those of a `grid` (h, w), bilinearly; the class token's is kept.

    As many positions as the grid has are taken to be its own. Others are of a square, as CLIP's are; where their number
    is none, of a grid of the same proportions. Raises ValueError where it fits neither.
    """
    count = len(places) - 1
    if count == math.prod(grid):
        return places
    side, height = math.isqrt(max(count, 0)), math.isqrt(max(count, 0) * grid[0] // grid[1])
    if count > 0 and side * side == count:
        given = (side, side)
    elif count > 0 and height * (count // max(height, 1)) == count and height * grid[1] == count // height * grid[0]:
        given = (height, count // height)
    else:
        raise ValueError(f"{len(places)} position embeddings are of no grid that could be one of {grid[0]}x{grid[1]}")
    maps = places[1:].float().T.unflatten(1, given).unsqueeze(0)
    resized = F.interpolate(maps, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([places[:1].float(), resized[0].flatten(1).T])


def _start(block: Block, depth: int) -> None:
    """Random weights for a block, as CLIP draws them for the tower of texts: what blocks add grows not with `depth`."""
    width = block.attn.out_proj.in_features
    for weight, scale in (
        (block.attn.in_proj_weight, 1.0),
        (block.attn.out_proj.weight, (2 * depth) ** -0.5),
        (block.mlp.c_fc.weight, 2**-0.5),
        (block.mlp.c_proj.weight, (2 * depth) ** -0.5),
    ):
        nn.init.normal_(weight, std=scale * width**-0.5)
