"""SANet: its costs, its statistics, and the numbers of the authors' code.

The golden numbers were computed once in float64 by running github.com/baist/SINet with the weights and clips of
`rule_made`, the biases of its trunk's convolutions 0, its trunk cut to blocks (1, 4, 1, 1).
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.sanet import StatisticAttention, statistics
from rule_made import costs, digest, rule_clips, rule_model

from reidbench import registry

GOLDEN = {"blocks": (1, 4, 1, 1), "classes": 10}
RELEASE_BIASES = 26_560

FEATURE = [25.633156144767, 25.640190492931, 5.025326268841]
TRAINING_EMBEDDING = [19.393723097775, -20.205098560011, 33.432006078097]
TRAINING_LOGITS = [41.095163773404, -44.313432816976, 49.361709320916]


def test_costs_are_the_releases() -> None:
    model, parameters, macs = costs("sanet", 4)
    assert parameters + RELEASE_BIASES == 23_804_160
    assert macs == 16_661_807_104
    convolutions = [m for m in model.trunk.modules() if isinstance(m, torch.nn.Conv2d)]
    assert sum(m.out_channels for m in convolutions) == RELEASE_BIASES


@torch.no_grad()
def test_outputs_equal_the_releases() -> None:
    model = rule_model(registry.build("sanet", **GOLDEN)).eval()
    clips = rule_clips(3, (64, 32))
    assert digest(model.neck(model(clips).feature)) == pytest.approx(FEATURE, rel=1e-9)
    out = model.train()(clips)
    assert digest(out.embeddings[0]) == pytest.approx(TRAINING_EMBEDDING, rel=1e-9)
    assert digest(out.logits[0]) == pytest.approx(TRAINING_LOGITS, rel=1e-9)


def test_statistics_are_mean_deviation_and_standardised_moments() -> None:
    positions = torch.randn(2, 30, 3, dtype=torch.float64)
    found = statistics(positions)
    assert found.shape == (2, 5, 3)
    values = positions[1, :, 2]
    deviation = values.std(correction=0)
    apart = values - values.mean()
    higher = [(apart**moment).mean() / deviation**moment for moment in (4, 5, 6)]
    torch.testing.assert_close(found[1, :, 2], torch.stack([values.mean(), deviation, *higher]))


def test_a_constant_channel_has_no_higher_moments_and_finite_gradients() -> None:
    positions = torch.full((1, 4, 2), 3.0, requires_grad=True)
    found = statistics(positions)
    torch.testing.assert_close(found[0, :, 0], torch.tensor([3.0, 1e-6, 0.0, 0.0, 0.0]))
    found.sum().backward()
    assert positions.grad is not None and torch.isfinite(positions.grad).all()


@torch.no_grad()
def test_the_block_starts_as_the_identity_and_sees_its_own_clip_alone() -> None:
    module = StatisticAttention(16).eval()
    maps = torch.rand(6, 16, 4, 2)
    torch.testing.assert_close(module(maps, 3), maps)
    torch.nn.init.ones_(module.norm.weight)
    before = module(maps, 3)
    maps[0] += 1
    changed = (module(maps, 3) != before).flatten(1).any(1)
    assert changed.tolist() == [True, True, True, False, False, False]


def test_the_pool_of_the_stem_has_padding_only_where_asked() -> None:
    shapes = [registry.build("sanet", pool_padding=padded).trunk.maxpool.padding for padded in (False, True)]
    assert shapes == [0, 1]
