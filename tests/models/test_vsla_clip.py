"""VSLA-CLIP: its costs, its numbers, which are the authors', and that only the adapters learn.

The golden numbers were computed once in float64 by the authors' own network (github.com/FHR-L/VSLA-CLIP), cut to a
quarter of the width and to frames of 64x32, with the weights and 3-frame clips of `rule_made`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from reidbench.models.vit import VisionTransformer
from reidbench.models.vsla_clip import adapted, set_level_adapter
from rule_made import costs, digest, rule_clips, rule_model

from reidbench import registry
from reidbench.recipes import Recipe
from reidbench.training.checkpoint import load_weights, save_model
from reidbench.training.optimisation import parameter_groups

SLIM = {"size": (64, 32), "vit_depth": 2, "vit_width": 64}
GOLDEN = {"size": (64, 32), "vit_width": 192, "classes": 10}
PROJECTIONS = 8 * 128 * 768 * 512
"""Operations of the release beyond ours: it also projects the tokens that it does not look at."""

FEATURE = [1.725198946805, 1.644600918235, 15.434902607295]
LOGITS = [
    [4.354155643237, -2.522637827055, 9.976680022542],
    [-1.651324075977, 1.312009885428, 8.854463184674],
]


def test_costs_are_the_releases() -> None:
    model, parameters, macs = costs("vsla_clip", 8)
    assert parameters == 98_762_752
    assert f"{sum(p.numel() for p in model.adapters.parameters()) / 1e6:.1f}" == "12.6"
    assert macs + PROJECTIONS == 104_152_449_024


@torch.no_grad()
def test_outputs_equal_the_releases() -> None:
    model = rule_model(registry.build("vsla_clip", **GOLDEN)).eval()
    clips = rule_clips(3, GOLDEN["size"])
    assert digest(model(clips).feature) == pytest.approx(FEATURE, rel=1e-9)
    out = model.train()(clips)
    assert [digest(logits) for logits in out.logits] == [pytest.approx(expected, rel=1e-9) for expected in LOGITS]


def test_one_step_changes_the_adapters_and_leaves_the_trunk(tmp_path: Path) -> None:
    """Weight decay, which would draw the trunk to zero, must not reach it either; its weights are saved and loaded."""
    torch.manual_seed(0)
    model = registry.build("vsla_clip", classes=3, **SLIM).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    groups = parameter_groups(model, Recipe())
    optimiser = torch.optim.Adam(groups, lr=0.1, weight_decay=0.1, fused=True)
    sum(logits.square().sum() for logits in model(torch.randn(2, 3, 3, 64, 32)).logits).backward()
    optimiser.step()
    changed = {name.partition(".")[0] for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == {"adapters", "lower_necks", "classifier"}
    save_model(tmp_path / "model.pt", model, name="vsla_clip", options=SLIM)
    other = registry.build("vsla_clip", classes=3, **SLIM)
    load_weights(other, tmp_path / "model.pt")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in other.state_dict().items())
    assert not any(parameter.requires_grad for parameter in other.trunk.parameters())


@torch.no_grad()
def test_frames_meet_in_equal_places_only() -> None:
    torch.manual_seed(0)
    adapter, block = set_level_adapter(64), VisionTransformer((64, 32), depth=1, width=64).blocks[0]
    tokens = torch.randn(3, 9, 64)
    changed = tokens.clone()
    changed[2, 4] = torch.randn(64)
    differs = (adapted(block, adapter, tokens, 3) - adapted(block, adapter, changed, 3)).abs().amax(2) > 1e-6
    assert differs[2].all() and differs[:2].sum() == 2 and differs[:2, 4].all()
