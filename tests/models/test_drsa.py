"""DRSA, which is approximate as a whole: its costs, and of its attentions over positions the authors' numbers.

The golden numbers were computed once in float64 by the authors' own module
(github.com/ShuangLI59/Diversity-Regularized-Spatiotemporal-Attention), in which one name had to be mended, with six
attentions and the weights and maps of `rule_made`.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.drsa import SpatialAttention, overlap
from rule_made import costs, digest, rule, rule_model

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}

VECTORS = {
    False: [-0.026022869968, 0.558219347765, 3.464101615138],
    True: [0.157526695854, 0.588390798714, 3.464101615138],
}
ATTENTIONS = {
    False: [2.560937348126, 3.106082997870, 1.503619526990],
    True: [2.937679565873, 2.975550095042, 0.722134895225],
}
OVERLAP_OF_THE_SECOND = {False: 2.547178320012, True: 5.040606302926}


def test_parameters_and_cost_are_as_estimated() -> None:
    _, parameters, macs = costs("drsa", 6)
    assert f"{parameters / 1e6:.1f}" == "23.9"
    assert f"{macs / 6e9:.2f}" == "2.68"


@pytest.mark.parametrize("training", [False, True])
@torch.no_grad()
def test_the_attentions_of_maps_are_the_authors(training: bool) -> None:
    module = rule_model(SpatialAttention(2048, 6)).train(training)
    vectors, attention = module(rule(2 * 2048 * 32, 1000).view(2, 2048, 8, 4))
    assert digest(vectors.flatten(1)) == pytest.approx(VECTORS[training], rel=1e-9)
    assert digest(attention.exp().flatten(1)) == pytest.approx(ATTENTIONS[training], rel=1e-9)
    assert overlap(attention)[1].item() == pytest.approx(OVERLAP_OF_THE_SECOND[training], rel=1e-9)


def test_attentions_apart_do_not_overlap_and_equal_ones_do() -> None:
    apart = torch.eye(4).view(1, 4, 2, 2).clamp_min(1e-12).log()
    equal = torch.full((1, 4, 2, 2), 0.25).log()
    assert overlap(apart).item() == pytest.approx(0, abs=1e-2)
    assert overlap(equal).item() == pytest.approx((4 * 4 - 4) ** 0.5)


def test_the_loss_keeps_its_gradient_where_an_attention_vanishes() -> None:
    scores = torch.tensor([[200.0, 0.0], [0.0, 200.0]]).view(1, 2, 2, 1).requires_grad_()
    overlap(scores.flatten(2).log_softmax(2).view(1, 2, 2, 1)).sum().backward()
    assert scores.grad is not None and torch.isfinite(scores.grad).all()


@torch.no_grad()
def test_frames_count_alike_at_first_and_by_their_scores_then() -> None:
    model = registry.build("drsa", **SLIM).eval()
    clips = torch.randn(2, 3, 3, 64, 32)
    parts = model.spatial(model.trunk(clips.flatten(0, 1)))[0].unflatten(0, (2, 3))
    torch.testing.assert_close(model(clips).feature, parts.mean(1).flatten(1))
    model.temporal.copy_(1e4 * parts[0, 2])
    torch.testing.assert_close(model(clips).feature[0], parts[0, 2].flatten(), rtol=1e-3, atol=1e-3)


def test_no_attention_is_refused() -> None:
    with pytest.raises(UserError, match="attentions=0: give at least 1"):
        registry.build("drsa", attentions=0, **SLIM)
