"""Weights and clips by an exact integer rule: the same numbers everywhere, to compare networks across code bases.

And what a network costs, to compare it with what its authors' code counts.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def rule(count: int, seed: int) -> Tensor:
    """`count` numbers in [0, 1) that look random and are the same everywhere: a multiplicative integer hash."""
    bits = torch.arange(count).add_(7919 * seed).mul_(2654435761).bitwise_and_(0xFFFFFFFF)
    bits.bitwise_xor_(bits >> 15).mul_(2246822519).bitwise_and_(0xFFFFFFFF)
    return bits.bitwise_xor_(bits >> 13).double().div_(2**32)


def rule_weight(key: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """A tensor of a state dict in float64. No scale is zero, so that every module has its effect."""
    if not shape:
        return torch.tensor(7)
    values = rule(math.prod(shape), seed).view(shape)
    if key.endswith("running_var"):
        return 0.5 + values
    if len(shape) > 1:
        return (2 * values - 1) * math.sqrt(6 / (shape[0] * math.prod(shape[2:])))
    if key.endswith("weight"):
        return 0.25 + 0.5 * values
    return 0.2 * (values - 0.5)


def rule_model(model: nn.Module) -> nn.Module:
    """The model in float64 with the weights of the rule, each tensor's seed its place in the state dict."""
    state = model.double().state_dict()
    model.load_state_dict({k: rule_weight(k, tuple(v.shape), seed) for seed, (k, v) in enumerate(state.items())})
    return model


def rule_clips(frames: int, size: tuple[int, int] = (256, 128)) -> Tensor:
    """Two clips in [-1, 1), float64 `[2, frames, 3, *size]`."""
    shape = (2, frames, 3, *size)
    return 2 * rule(math.prod(shape), 1000).view(shape) - 1


def pick(feature: Tensor) -> list[float]:
    """The feature of the second clip at five places, and the norm over both clips."""
    places = torch.linspace(0, feature.shape[1] - 1, 5).long()
    return [*feature[1, places].tolist(), feature.norm().item()]


def digest(feature: Tensor) -> list[float]:
    """Of each clip's feature a sum that weighs every channel differently, and the norm over all clips."""
    return [*(feature @ rule(feature.shape[1], 2000)).tolist(), feature.norm().item()]


@torch.no_grad()
def costs(name: str, frames: int, /, **options: Any) -> tuple[nn.Module, int, int]:
    """A model at the paper's scale, without memory; its parameters, and the MACs of a clip of so many frames."""
    from reidbench import registry  # the rest of this file also runs where only the authors' code is

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = registry.build(name, **options).eval()
        model(torch.empty(1, frames, 3, 256, 128))
    return model, sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2
