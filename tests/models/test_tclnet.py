"""TCLNet: its costs, its segments and its erasing. Parity with the release: tests/training/test_release.py."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from reidbench.models.resnet import ResNet
from reidbench.models.tclnet import SaliencyBoosting, _kept_rows
from rule_made import costs
from torch import nn

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 2)}


def test_parameters_are_the_releases() -> None:
    with torch.device("meta"):
        model = registry.build("tclnet")
    assert sum(p.numel() for p in model.parameters()) == 31_391_296


@pytest.mark.parametrize("frames", [4, 8])
def test_cost_per_frame(frames: int) -> None:
    _, _, macs = costs("tclnet", frames)
    assert macs / 1e9 / frames == pytest.approx(4.058, abs=5e-4)


def alive(model: nn.Module) -> nn.Module:
    """Lets the modules whose last batch norm starts at zero have their effect."""
    torch.manual_seed(0)
    for norm in (model.tsb.project[1], model.tse.fill[1]):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
    return model.eval()


@torch.no_grad()
def test_first_learner_sees_first_frames_only_where_nothing_is_boosted() -> None:
    """Without boosting, the frames of a pair meet only in the erasing: the second half of the feature."""
    model = registry.build("tclnet", **SLIM).eval()
    clips = torch.randn(1, 4, 3, 64, 32)
    before = model(clips).feature.chunk(2, 1)
    clips[:, 1::2] = torch.randn(1, 2, 3, 64, 32)
    after = model(clips).feature.chunk(2, 1)
    torch.testing.assert_close(after[0], before[0])
    assert not torch.allclose(after[1], before[1])


def test_what_is_erased_is_not_seen() -> None:
    """No gradient reaches an erased row, and some reaches every other."""
    model = alive(registry.build("tclnet", **SLIM))
    maps = torch.randn(6, model.trunk.channels[2], 6, 2, requires_grad=True)
    _, second, erased = model.tse(maps, model.trunk.layer4)
    second.sum().backward()
    reached = maps.grad[1::2].abs().sum((1, 3))
    assert erased.shape == (3, 6, 1)
    assert torch.equal(reached == 0, erased.squeeze(2) == 1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=4, max_size=12))
def test_erased_block_has_the_largest_sum_of_as_many_rows(saliency: list[int]) -> None:
    padded = [0, *saliency, 0]
    for erased, sums in ((1, saliency), (3, [sum(padded[i : i + 3]) for i in range(len(saliency))])):
        centre = sums.index(max(sums))
        kept = _kept_rows(torch.tensor([saliency], dtype=torch.float64), erased)[0].tolist()
        assert kept == [abs(row - centre) > erased // 2 for row in range(len(saliency))]


@pytest.mark.parametrize(
    ("height", "rows", "erased"), [(256, 16, 3), (384, 24, 3), (176, 11, 3), (160, 10, 1), (64, 4, 1)]
)
def test_as_near_as_can_be_to_the_share_of_the_map_that_the_release_erases(height: int, rows: int, erased: int) -> None:
    model = registry.build("tclnet", **{**SLIM, "size": (height, 32)}).eval()
    with torch.no_grad():
        shown = model(torch.randn(1, 4, 3, height, 32)).maps["tse_erased"]
    assert shown.shape == (1, 2, rows, 1) and model.tse.erased == erased
    assert (erased + 1) // 2 <= shown.sum((2, 3)).min() and shown.sum((2, 3)).max() <= erased


@torch.no_grad()
def test_boosting_takes_from_the_other_frames_by_cosine() -> None:
    module = SaliencyBoosting(5).eval()
    nn.init.eye_(module.project[0].weight)
    nn.init.zeros_(module.project[0].bias)
    nn.init.constant_(module.project[1].weight, (1 + 1e-5) ** 0.5)
    maps = torch.randn(4, 5, 3, 2)
    out = module(maps)
    keys = F.avg_pool2d(maps, 2, 1, padding=1)[:, :, :-1, :-1].flatten(2)
    for frame in range(4):
        others = [other for other in range(4) if other != frame]
        query = maps[frame].mean((1, 2))
        cosines = torch.cat([F.cosine_similarity(query[:, None], keys[other], dim=0) for other in others])
        values = torch.cat([maps[other].flatten(1) for other in others], 1)
        expected = (values * (5 * cosines).softmax(0)).sum(1)
        torch.testing.assert_close(out[frame] - maps[frame], expected[:, None, None].expand(5, 3, 2))


@torch.no_grad()
def test_neck_gives_two_halves_of_unit_length() -> None:
    model = registry.build("tclnet", **SLIM).eval()
    halves = model.neck(torch.randn(3, 2 * model.trunk.channels[3])).chunk(2, 1)
    for half in halves:
        torch.testing.assert_close(half.norm(dim=1), torch.ones(3))


def test_the_last_block_of_a_trunk_goes_to_both_learners() -> None:
    trunk = ResNet(50, width=8, blocks=(1, 1, 1, 2))
    model = registry.build("tclnet", **SLIM)
    model.load_trunk(trunk.state_dict())
    for learner in model.tse.learners:
        assert torch.equal(learner.conv2.weight, trunk.layer4[1].conv2.weight)
    assert len(model.trunk.layer4) == 1


@pytest.mark.parametrize("frames", [2, 6, 9])
def test_clips_of_other_lengths_are_refused(frames: int) -> None:
    with pytest.raises(ValueError, match=f"a clip of {frames} frames: it must be a multiple of 4"):
        registry.build("tclnet", **SLIM)(torch.zeros(1, frames, 3, 64, 32))


def test_clips_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="clips are 64x64, the model was built for 64x32"):
        registry.build("tclnet", **SLIM)(torch.zeros(1, 4, 3, 64, 64))


def test_a_map_too_low_to_erase_is_refused() -> None:
    with pytest.raises(UserError, match="size=16x32: erasing a row needs a height of at least 17"):
        registry.build("tclnet", size=(16, 32))
