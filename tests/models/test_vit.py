"""CLIP's vision transformer: what it costs, how its positions follow the frames, and what it refuses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from reidbench.models.vit import Attention, VisionTransformer, load_tower, resize_positions
from rule_made import costs
from torch import nn

from reidbench import registry
from reidbench.profiling.complexity import count
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "depth": 2, "width": 64}
PUBLISHED = 86_192_640
"""Parameters of the image tower in OpenAI's ViT-B/16, whose frames have 224x224 pixels."""


def test_costs_are_those_of_clips_vit_b_16() -> None:
    with torch.device("meta"):
        tower = VisionTransformer((224, 224))
    assert sum(p.numel() for p in tower.parameters()) == PUBLISHED
    _, _, macs = costs("vit_baseline", 8)
    assert f"{macs / 8e9:.2f}" == "11.34"


def test_the_reference_counts_the_products_of_attention() -> None:
    """Two of 9 x 9 tokens in each of 2 blocks, 64 wide; 9 are the class token and 8 patches."""
    counted = count(registry.build("vit_baseline", size=(64, 32), vit_depth=2, vit_width=64), (1, 1, 3, 64, 32))
    block = counted.counts["torch"].module("trunk.transformer.resblocks.0")
    assert block == 9 * 12 * 64 * 64 + 2 * 9 * 9 * 64


@torch.no_grad()
def test_attention_is_that_of_pytorchs_module() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(128).double(), nn.MultiheadAttention(128, 2, batch_first=True).double()
    nn.init.normal_(ours.in_proj_bias)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 7, 128, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0])


@torch.no_grad()
def test_patches_follow_the_rows_of_the_frame() -> None:
    trunk = VisionTransformer(**SLIM, patch=8).eval()
    assert trunk.grid == (8, 4)
    frame = torch.zeros(1, 3, 64, 32)
    frame[:, :, 8:16, 24:32] = 1
    changed = (trunk.embed(frame) != trunk.embed(torch.zeros(1, 3, 64, 32))).any(2)[0].nonzero()
    assert changed.flatten().tolist() == [1 + 4 + 3]


@pytest.mark.parametrize(
    ("given", "grid"), [((14, 14), (16, 8)), ((8, 4), (16, 8)), ((16, 8), (8, 4)), ((4, 4), (4, 4)), ((2, 6), (1, 3))]
)
def test_positions_are_resized_from_a_square_or_from_the_same_proportions(
    given: tuple[int, int], grid: tuple[int, int]
) -> None:
    places = torch.randn(1 + given[0] * given[1], 5)
    found = resize_positions(places, grid)
    assert torch.equal(found[0], places[0]) and found.shape == (1 + grid[0] * grid[1], 5)
    for channel in range(5):
        one = places[1:, channel].view(1, 1, *given)
        expected = F.interpolate(one, size=grid, mode="bilinear")[0, 0].flatten()
        torch.testing.assert_close(found[1:, channel], expected)


def test_weights_that_do_not_fit_are_refused_whole() -> None:
    trunk = VisionTransformer(**SLIM)
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    odd = {**before, "positional_embedding": torch.ones(12, 64)}
    with pytest.raises(ValueError, match="12 position embeddings are of no grid that could be one of 4x2"):
        load_tower(trunk, odd)
    other = VisionTransformer((64, 32), depth=2, width=64, patch=8).state_dict()
    with pytest.raises(ValueError, match=r"1 of another shape: conv1\.weight \[64, 3, 8, 8\] instead of .*and patch"):
        load_tower(trunk, other)
    assert all(torch.equal(value, before[name]) for name, value in trunk.state_dict().items())


@pytest.mark.parametrize("name", ["vit_baseline", "tf_clip", "vsla_clip"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vit_depth": 0}, "vit_depth=0: give at least 1"),
        ({"vit_width": 100}, "vit_width=100: give a multiple of 64"),
        ({"patch": 33}, "patch=33: give 1 to 32, for frames are 64x32"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.build(name, **{"size": (64, 32), "vit_depth": 1, "vit_width": 64, **options})


def test_clips_that_do_not_fit_are_refused() -> None:
    model = registry.build("vit_baseline", size=(64, 32), vit_depth=1, vit_width=64)
    with pytest.raises(ValueError, match="clips are 64x64, the model was built for 64x32"):
        model(torch.zeros(1, 8, 3, 64, 64))
