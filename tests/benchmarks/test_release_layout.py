"""The reference that speed is measured against computes what our models compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from release_layout import inflated, release_clips, release_layout
from torch import Tensor, nn

from reidbench import registry
from reidbench.recipes import Recipe
from reidbench.spec import Output
from reidbench.training.optimisation import objective

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 1, 1, 1), "classes": 3}
MODELS = [("baseline", {}), ("bicnet_tks", {}), ("bicnet_tks", {"small": "input"})]
LABELS = torch.tensor([0, 0, 1, 2])


def pair(name: str, options: Mapping[str, Any]) -> tuple[nn.Module, nn.Module, Tensor]:
    """Ours, its reference, and clips `[4, 8, 3, 64, 32]`, in double precision; no scale is zero."""
    torch.manual_seed(0)
    model = registry.build(name, **SLIM, **options).double()
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.uniform_(parameter, 0.5, 1.5)
    return model, release_layout(model), torch.randn(4, 8, 3, 64, 32, dtype=torch.float64)


def loss_of(output: Output) -> Tensor:
    return objective(output, LABELS, Recipe())


@pytest.mark.parametrize(("name", "options"), MODELS)
@torch.no_grad()
def test_equals_ours_at_evaluation(name: str, options: Mapping[str, Any]) -> None:
    model, reference, clips = pair(name, options)
    ours, theirs = model.eval()(clips).feature, reference.eval()(release_clips(clips)).feature
    assert ours.std() > 0.1
    torch.testing.assert_close(theirs, ours)


@pytest.mark.parametrize(("name", "options"), MODELS)
def test_equals_ours_in_training_with_its_gradients(name: str, options: Mapping[str, Any]) -> None:
    """The losses are computed in single precision, and so are what they send back."""
    model, reference, clips = pair(name, options)
    ours, theirs = model.train()(clips), reference.train()(release_clips(clips))
    torch.testing.assert_close(theirs.logits, ours.logits)
    assert theirs.losses.keys() == ours.losses.keys()
    for loss, other in zip(theirs.losses.values(), ours.losses.values(), strict=True):
        assert (loss.weight, other.value > 0) == (other.weight, True)
        torch.testing.assert_close(loss.value, other.value)
    loss_of(ours).backward()
    loss_of(theirs).backward()
    for kernel in ("trunk.conv1.weight", "trunk.layer3.0.conv2.weight"):
        mine, other = model.get_parameter(kernel).grad, reference.get_parameter(kernel).grad
        assert mine is not None and other is not None and mine.abs().max() > 0
        torch.testing.assert_close(other.squeeze(2), mine, rtol=1e-4, atol=1e-6 * float(mine.abs().max()))


def test_has_the_parameters_of_ours() -> None:
    model, reference, _ = pair("bicnet_tks", {})
    assert sum(p.numel() for p in reference.parameters()) == sum(p.numel() for p in model.parameters())


def test_nothing_in_it_has_two_dimensions() -> None:
    """Every convolution is a Conv3d in the usual order of memory."""
    _, reference, _ = pair("bicnet_tks", {})
    assert not any(isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.MaxPool2d | nn.Conv1d) for m in reference.modules())
    convolutions = [m for m in reference.modules() if isinstance(m, nn.Conv3d)]
    assert len(convolutions) > 20 and all(m.weight.is_contiguous() for m in convolutions)


def test_a_shortcut_stays_absent() -> None:
    assert inflated(registry.build("baseline", width=8, blocks=(1, 1, 1, 2)).trunk).layer4[1].downsample is None


@pytest.mark.parametrize(("name", "options"), [("tclnet", {}), ("baseline", {"shrink": (2,)}), ("bicnet", {})])
def test_refuses_what_has_no_reference(name: str, options: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="only Base-B and BiCnet-TKS as released"):
        release_layout(registry.build(name, **options))
