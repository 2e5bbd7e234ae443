"""TF-CLIP: its costs, its numbers, which are the authors', and how its frames tell each other.

The golden numbers were computed once in float64 by the authors' own network (github.com/AsuradaYuci/TF-CLIP), cut to
a quarter of the width and to frames of 64x32, without its embedding of cameras, with the weights and 3-frame clips of
`rule_made`.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.tf_clip import MemoryDiffusion
from rule_made import costs, digest, rule_clips, rule_model

from reidbench import registry

SLIM = {"size": (64, 32), "vit_depth": 2, "vit_width": 64}
GOLDEN = {"size": (64, 32), "vit_width": 192, "classes": 10}
NECK_OF_FRAMES = 2 * 768
"""Parameters of the release beyond ours, camera embeddings and what is of training alone left out."""
PROJECTIONS = 8 * 128 * 768 * 512
"""Operations of the release beyond ours: it also projects the tokens that it does not look at."""

FEATURE = [-9.382614970723, -10.075392290999, 22.326180228137]
LOGITS = [
    [-1.568727450265, -0.814072443688, 14.279945240465],
    [-1.282952405252, 1.279936520504, 12.307321394510],
    [0.282485342856, 0.015179854445, 14.240506966489],
]


def test_costs_are_the_releases() -> None:
    _, parameters, macs = costs("tf_clip", 8)
    assert parameters + NECK_OF_FRAMES == 96_188_416
    assert macs + PROJECTIONS == 98_708_520_960


@torch.no_grad()
def test_outputs_equal_the_releases() -> None:
    model = rule_model(registry.build("tf_clip", **GOLDEN)).eval()
    clips = rule_clips(3, GOLDEN["size"])
    assert digest(model(clips).feature) == pytest.approx(FEATURE, rel=1e-9)
    out = model.train()(clips)
    assert [digest(logits) for logits in out.logits] == [pytest.approx(expected, rel=1e-9) for expected in LOGITS]
    assert [embedding.shape[1] for embedding in out.embeddings] == [192, 128, 192]


def test_the_diffusion_does_not_teach_the_trunk() -> None:
    model = registry.build("tf_clip", classes=3, **SLIM).train()
    model(torch.randn(2, 3, 3, 64, 32)).logits[2].square().sum().backward()
    assert all(parameter.grad is None for parameter in model.trunk.parameters())
    assert model.diffuse.message.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_a_message_of_each_frame_reaches_the_tokens_of_the_others() -> None:
    torch.manual_seed(0)
    module, tokens = MemoryDiffusion(64).eval(), torch.randn(1, 3, 5, 64)
    alone = torch.stack([module(tokens[:, frame : frame + 1]) for frame in range(3)]).mean(0)
    assert not torch.allclose(module(tokens), alone, atol=1e-4)
    torch.testing.assert_close(module(tokens), module(tokens.flip(1)))
