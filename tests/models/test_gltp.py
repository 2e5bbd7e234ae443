"""GLTP: its costs, its convolutions over time, and the numbers of the authors' release.

The golden numbers were computed once in float64 by the authors' own code (github.com/ljn114514/GLTR), its trunk cut to
one block a stage and its pooling to frames of 128x64, with the weights and clips of `rule_made`; in training without
dropout.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from rule_made import costs, pick, rule_clips, rule_model

from reidbench import registry

SLIM = {"width": 8, "blocks": (1, 1, 1, 1)}
GOLDEN = {"blocks": (1, 1, 1, 1), "classes": 10}

FEATURE = [-0.4779381753399, -0.3820359297261, -0.6202401616466, 0.1788957537544, -0.1608401375392, 25.5096266337767]
TRAINING_LOGITS = [-1.0296647152, -0.8504038969, -0.1432491173, -3.9084375878, 9.7606612305, 19.3866925353]


def test_parameters_and_cost_are_the_releases() -> None:
    assert costs("gltp", 16)[1:] == (24_445_376, 64_867_401_728)


@torch.no_grad()
def test_feature_equals_the_releases() -> None:
    model = rule_model(registry.build("gltp", **GOLDEN)).eval()
    assert pick(model.neck(model(rule_clips(8, (128, 64))).feature)) == pytest.approx(FEATURE, rel=1e-9)


@torch.no_grad()
def test_training_outputs_equal_the_releases() -> None:
    model = rule_model(registry.build("gltp", **GOLDEN)).train()
    model.dropout.p = 0.0
    assert pick(model(rule_clips(8, (128, 64))).logits[0]) == pytest.approx(TRAINING_LOGITS, rel=1e-7)


@torch.no_grad()
def test_where_the_attention_does_nothing_the_feature_is_the_mean_of_the_pyramid() -> None:
    model = registry.build("gltp", **SLIM).eval()
    clips = torch.randn(2, 7, 3, 64, 32)
    maps = model.trunk(clips.flatten(0, 1))
    vectors = model.embed(maps.mean((2, 3))).view(2, 7, 128).transpose(1, 2)
    motion = [F.conv1d(vectors, c.weight, padding=d, dilation=d) for c, d in zip(model.pyramid, (1, 2, 3), strict=True)]
    expected = torch.cat([vectors, *motion], 1).mean(2)
    torch.testing.assert_close(model(clips).feature, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 16])
@torch.no_grad()
def test_clips_may_have_any_length(frames: int) -> None:
    assert registry.build("gltp", **SLIM).eval()(torch.randn(2, frames, 3, 64, 32)).feature.shape == (2, 512)


@torch.no_grad()
def test_dropout_is_of_training_only() -> None:
    model = registry.build("gltp", classes=3, **SLIM).train()
    clips = torch.randn(4, 4, 3, 64, 32)
    assert not torch.equal(model(clips).logits[0], model(clips).logits[0])
    model.eval()
    assert torch.equal(model(clips).feature, model(clips).feature)
