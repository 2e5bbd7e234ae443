"""STAFormer on our trunk: its transformers' costs and numbers, which are the authors'.

The golden numbers were computed once in float64 by the authors' own network (github.com/HWZhou99/STAFormer), in which
our trunk stood for its ResNeSt-50, cut to one block a stage and all widths to an eighth, with the weights and
3-frame clips of `rule_made`; in training without dropout.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.staformer import generalised_mean
from rule_made import costs, digest, rule_clips, rule_model
from torch import nn

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}
GOLDEN = {**SLIM, "size": (128, 64), "classes": 10}
UNUSED = 2 * 768 + 768 * 768 + 768
"""Weights that the release has beyond ours: those that it never uses, and a projection for a loss left out here."""

FEATURE = [4.075436332417, 3.950637008489, 14.710033549255]
TRAINING = [
    [-3.808794974387, 4.529266700796, 10.303069476880],
    [-1.182595863676, 0.281607556478, 3.329013650487],
    [4.488871545351, -3.594821020767, 7.167673058750],
]
"""Logits of the feature, and the means over the frames of those of stage 4 and of stage 3."""


def test_costs_are_the_releases_on_this_trunk() -> None:
    _, parameters, macs = costs("staformer", 8)
    assert parameters + UNUSED == 69_521_986
    assert macs == 23_826_055_168


@torch.no_grad()
def test_outputs_equal_the_releases() -> None:
    model = rule_model(registry.build("staformer", **GOLDEN)).eval()
    clips = rule_clips(3, (128, 64))
    assert digest(model.neck(model(clips).feature)) == pytest.approx(FEATURE, rel=1e-9)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    out = model.train()(clips)
    assert [digest(logits) for logits in out.logits] == [pytest.approx(expected, rel=1e-9) for expected in TRAINING]


def test_the_generalised_mean_lies_between_the_mean_and_the_maximum() -> None:
    maps = torch.rand(2, 3, 4, 2, dtype=torch.float64)
    torch.testing.assert_close(generalised_mean(maps, torch.ones(1)), maps.mean((2, 3)))
    torch.testing.assert_close(generalised_mean(maps, torch.tensor([900.0])), maps.amax((2, 3)), rtol=1e-2, atol=0)


@torch.no_grad()
def test_the_frames_have_an_order_and_may_be_fewer() -> None:
    model = registry.build("staformer", **SLIM).eval()
    clips = torch.randn(1, 8, 3, 64, 32)
    assert not torch.allclose(model(clips).feature, model(clips.flip(1)).feature)
    assert model(clips[:, :3]).feature.shape == (1, 96)


def test_clips_that_do_not_fit_are_refused() -> None:
    model = registry.build("staformer", **SLIM)
    with pytest.raises(ValueError, match="clips are 64x64, the model was built for 64x32"):
        model(torch.zeros(1, 8, 3, 64, 64))
    with pytest.raises(ValueError, match="a clip of 9 frames: it must have 1 to 8"):
        model(torch.zeros(1, 9, 3, 64, 32))
    with pytest.raises(UserError, match="frames=0: give at least 1"):
        registry.build("staformer", frames=0, **SLIM)
