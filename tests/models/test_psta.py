"""PSTA: its costs, its relations, its levels, and the numbers of the authors' code.

The golden numbers were computed once in float64 by running github.com/WangYQ9/VideoReID_PSTA with the weights and clips
of `rule_made` on a slim trunk, its numbers of channels and positions made to fit.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.psta import Aggregation, Relations
from rule_made import costs, digest, rule_clips, rule_model
from torch import Tensor

from reidbench import registry

SLIM = {"size": (64, 32), "width": 16, "blocks": (1, 1, 1, 1)}
FEATURE = [3.814997291212, 3.814944673601, 0.819271742891]
EMBEDDINGS = [
    [2.591346237659, 2.591282896328, 1.726993294157],
    [1.787807753483, 1.787771969086, 1.552166587184],
    [1.805488980683, 1.805447254905, 1.423357681118],
]
"""`digest` of the features before the last neck, and of those after each of the three, in evaluation."""


@pytest.mark.parametrize("frames", [8, 16])
def test_costs_are_the_releases(frames: int) -> None:
    _, parameters, macs = costs("psta", frames)
    assert f"{parameters / 1e6:.3f}" == "33.503"
    assert f"{macs / 1e9 / frames:.3f}" == "4.668"


@torch.no_grad()
def test_features_equal_the_releases() -> None:
    model = rule_model(registry.build("psta", classes=3, **SLIM)).eval()
    clips = rule_clips(8, SLIM["size"])
    assert digest(model(clips).feature) == pytest.approx(FEATURE, rel=1e-9)
    model.training = True  # The heads with the running statistics of all batch norms.
    out = model(clips)
    assert [digest(embedding) for embedding in out.embeddings] == [pytest.approx(e, rel=1e-9) for e in EMBEDDINGS]
    torch.testing.assert_close(out.logits[1], model.classifier[1](out.embeddings[1]))


@pytest.mark.parametrize("across", [True, False])
@torch.no_grad()
def test_relations_are_products_with_the_positions_of_the_other_or_the_own_frame(across: bool) -> None:
    module = Relations(16, 6).eval()
    maps = torch.randn(4, 16, 3, 2)
    first, second = (layer(maps).flatten(2) for layer in (module.first, module.second))
    seen: list[Tensor] = []
    module.compress.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(maps, across=across)
    for frame, other in enumerate((1, 0, 3, 2) if across else range(4)):
        relations = torch.cat((second[other].T @ first[frame], first[other].T @ second[frame]))
        torch.testing.assert_close(seen[0][frame].flatten(1), relations)


@torch.no_grad()
def test_a_pair_becomes_the_weighted_sum_of_its_frames() -> None:
    """With gates of one half, what is left of a level's sums before its bottleneck."""
    module = Aggregation(16, 6).eval()
    for gate in (module.temporal_gate, module.spatial_gate):
        torch.nn.init.zeros_(gate[2].weight)
        torch.nn.init.zeros_(gate[2].bias)
    maps = torch.randn(6, 16, 3, 2)
    module.refine = torch.nn.Identity()
    out, temporal, spatial = module(maps)
    for pair in range(3):
        frames = range(2 * pair, 2 * pair + 2)
        by_time = sum(0.5 * temporal[i] * maps[i] for i in frames)
        by_place = sum(0.5 * spatial[i] * maps[i] for i in frames)
        torch.testing.assert_close(out[pair], by_time.relu() ** 2 + by_place.relu())


@torch.no_grad()
def test_each_level_halves_the_frames() -> None:
    maps = registry.build("psta", **SLIM).eval()(torch.randn(1, 16, 3, 64, 32)).maps
    for level, frames in enumerate((16, 8, 4), 1):
        assert maps[f"psta_temporal{level}"].shape == maps[f"psta_spatial{level}"].shape == (1, frames, 4, 2)


def test_the_necks_biases_do_not_learn() -> None:
    model = registry.build("psta", **SLIM)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"lower_necks.0.bias", "lower_necks.1.bias", "neck.bias"}


@pytest.mark.parametrize("frames", [4, 12])
def test_clips_of_other_lengths_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=f"a clip of {frames} frames: it must be a multiple of 8"):
        registry.build("psta", **SLIM)(torch.zeros(1, frames, 3, 64, 32))


def test_clips_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="clips are 64x64, the model was built for 64x32"):
        registry.build("psta", **SLIM)(torch.zeros(1, 8, 3, 64, 64))
