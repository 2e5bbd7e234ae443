"""PSTA: its costs, its pairs, and the numbers of the authors' release.

The golden numbers were computed once in float64 by the authors' own code (github.com/WangYQ9/VideoReID_PSTA), its trunk
cut to one block a stage and its affinities to the 8x4 positions of 128x64 frames, with the weights and clips of
`rule_made`.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.psta import Aggregation, SpatialReference, TemporalReference
from rule_made import pick, rule_clips, rule_model
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from reidbench import registry

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}

FEATURE = [0.005778552051472, 0.064182022458866, 0.044737461484203, 0.050983214534064, 0.0, 1.654791717173252]
NECK_OUTPUT = [-0.051581167805, 0.070813287292, -0.032360666024, -0.038002106201, 0.060879581160, 3.006600079437]


@torch.no_grad()
def test_parameters_and_cost_are_the_releases() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = registry.build("psta").eval()
        model(torch.empty(1, 8, 3, 256, 128))
    assert sum(p.numel() for p in model.parameters()) == 33_503_436
    assert counter.get_total_flops() // 2 == 37_341_986_816


@torch.no_grad()
def test_feature_equals_the_releases() -> None:
    model = rule_model(registry.build("psta", classes=10, size=(128, 64), blocks=(1, 1, 1, 1))).eval()
    feature = model(rule_clips(8, (128, 64))).feature
    assert pick(feature) == pytest.approx(FEATURE, rel=1e-9)
    assert pick(model.neck(feature)) == pytest.approx(NECK_OUTPUT, rel=1e-9)


@torch.no_grad()
def test_feature_of_a_level_is_the_mean_of_the_vectors_up_to_it() -> None:
    model = registry.build("psta", classes=3, **SLIM).train()
    vectors = []
    for level in model.levels:
        level.register_forward_hook(lambda _, __, maps: vectors.append(maps.unflatten(0, (4, -1)).mean((1, 3, 4))))
    out = model(torch.randn(4, 16, 3, 64, 32))
    assert len(vectors) == 3
    for level, (neck, embedding) in enumerate(zip((*model.lower_necks, model.neck), out.embeddings, strict=True), 1):
        expected = torch.stack(vectors[:level]).mean(0)
        torch.testing.assert_close(embedding, neck(expected), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(out.feature, expected)


@torch.no_grad()
def test_only_pairs_of_neighbours_meet() -> None:
    level = Aggregation(32, 8).eval()
    maps = torch.rand(8, 32, 4, 2)
    together = level(maps)
    assert together.shape == (4, 32, 4, 2)
    alone = torch.cat([level(pair) for pair in maps.split(2)])
    torch.testing.assert_close(together, alone)


@torch.no_grad()
def test_temporal_weights_relate_each_position_to_those_of_the_neighbour() -> None:
    module = TemporalReference(16, 8).eval()
    maps, embedded = torch.rand(2, 16, 4, 2), torch.rand(2, 2, 4, 2)
    vectors = maps.mean((2, 3))
    weights = module(maps, embedded, vectors)
    query, key = module.query(maps).flatten(2), module.key(maps).flatten(2)
    for frame, other in ((0, 1), (1, 0)):
        relation = torch.cat([key[other].T @ query[frame], query[other].T @ key[frame]]).view(1, 16, 4, 2)
        joined = module.join(torch.cat([embedded[frame], embedded[other]])[None])
        spatial = module.score(torch.cat([joined, module.relate(relation)], 1))
        squeezed = module.squeeze(vectors).relu()
        channel = module.gate(torch.cat([squeezed[frame], squeezed[other]])[None])
        torch.testing.assert_close(weights[frame], (spatial * channel[:, :, None, None])[0])


@torch.no_grad()
def test_spatial_weights_relate_the_positions_of_a_frame() -> None:
    module = SpatialReference(16, 8).eval()
    maps, embedded = torch.rand(1, 16, 4, 2), torch.rand(1, 2, 4, 2)
    query, key = module.query(maps)[0].flatten(1), module.key(maps)[0].flatten(1)
    relation = torch.cat([key.T @ query, query.T @ key]).view(1, 16, 4, 2)
    spatial = module.score(torch.cat([embedded, module.relate(relation)], 1))
    expected = spatial * module.gate(maps.mean((2, 3)))[:, :, None, None]
    torch.testing.assert_close(module(maps, embedded, maps.mean((2, 3))), expected)


@torch.no_grad()
def test_the_temporal_part_is_squared_and_the_spatial_part_is_not() -> None:
    level = Aggregation(16, 8).eval()
    level.bottleneck = nn.Identity()
    for gated in (level.temporal, level.spatial):
        gated.forward = lambda maps, *_: torch.full_like(maps, 2.0)  # type: ignore[method-assign]
    maps = torch.randn(2, 16, 4, 2)
    both = (2 * maps.sum(0, keepdim=True)).relu()
    torch.testing.assert_close(level(maps), both**2 + both)


@pytest.mark.parametrize("frames", [4, 12])
def test_clips_of_other_lengths_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=f"a clip of {frames} frames: it must be a multiple of 8"):
        registry.build("psta", **SLIM)(torch.zeros(1, frames, 3, 64, 32))


def test_clips_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="clips are 64x64, the model was built for 64x32"):
        registry.build("psta", **SLIM)(torch.zeros(1, 8, 3, 64, 64))
