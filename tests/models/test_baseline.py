"""The baselines: which frames a branch sees, and how features become one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from rule_made import costs

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1)}


@pytest.mark.parametrize("shrink", [(1,), (2,), (1, 2), (1, 2, 4), (4, 1)])
@pytest.mark.parametrize("frames", [4, 7, 8, 9])
@torch.no_grad()
def test_feature_is_the_mean_over_branches_of_means_over_frames(shrink: tuple[int, ...], frames: int) -> None:
    model = registry.build("baseline", shrink=shrink, **SLIM).eval()
    clips = torch.randn(2, frames, 3, 64, 32)
    branches = []
    for branch, factor in enumerate(shrink):
        pooled = []
        for frame in range(branch, frames, len(shrink)):
            image = F.interpolate(clips[:, frame], scale_factor=1 / factor, mode="area")
            pooled.append(F.adaptive_max_pool2d(model.trunk(image), 1).flatten(1))
        branches.append(torch.stack(pooled).mean(0))
    torch.testing.assert_close(model(clips).feature, torch.stack(branches).mean(0), rtol=1e-4, atol=1e-5)


def test_halving_equals_bilinear_resizing() -> None:
    image = torch.rand(2, 3, 16, 8)
    bilinear = F.interpolate(image, scale_factor=0.5, mode="bilinear")
    torch.testing.assert_close(F.avg_pool2d(image, 2), bilinear)


# One frame of the trunk at each height of Table 3, convolutions only; several branches take the mean of equal shares.
@pytest.mark.parametrize(
    ("shrink", "frames", "gmacs"),
    [((1,), 8, 4.0533), ((2,), 8, 1.0133), ((4,), 8, 0.2533), ((1, 2), 8, 2.5333), ((1, 2, 4), 9, 1.7733)],
)
def test_cost_per_frame(shrink: tuple[int, ...], frames: int, gmacs: float) -> None:
    _, _, macs = costs("baseline", frames, shrink=shrink)
    assert macs / 1e9 / frames == pytest.approx(gmacs, abs=5e-5)


def test_a_clip_shorter_than_the_branches_is_refused() -> None:
    with pytest.raises(ValueError, match="clip of 2 frames is too short for 3 branches"):
        registry.build("baseline", shrink=(1, 2, 4), **SLIM)(torch.zeros(1, 2, 3, 64, 32))


@pytest.mark.parametrize("shrink", [(), (0,), (3,), (1, 128)])
def test_a_factor_that_does_not_divide_the_size_is_refused(shrink: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="shrink="):
        registry.build("baseline", shrink=shrink, **SLIM)
