"""Weights and clips made by an exact integer rule, the same everywhere: what golden numbers are computed on."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def rule(count: int, seed: int) -> Tensor:
    """`count` float64 numbers in [0, 1) that look random: a multiplicative integer hash."""
    bits = (torch.arange(count) + 7919 * seed) * 2654435761 & 0xFFFFFFFF
    bits = (bits ^ bits >> 15) * 2246822519 & 0xFFFFFFFF
    return (bits ^ bits >> 13).double() / 2**32


def rule_made(model: nn.Module) -> nn.Module:
    """The model in float64 with weights by the rule, in the order of its state. No scale is zero."""
    state = model.double().state_dict()
    model.load_state_dict({key: _weight(key, value, seed) for seed, (key, value) in enumerate(state.items())})
    return model


def rule_clips(batch: int, frames: int, size: tuple[int, int]) -> Tensor:
    """Clips float64 `[batch, frames, 3, *size]` in [-1, 1)."""
    shape = (batch, frames, 3, *size)
    return 2 * rule(math.prod(shape), 1000).view(shape) - 1


def pick(feature: Tensor) -> list[float]:
    """Of a feature `[2, D]` the second row at five places, and the norm of both."""
    places = torch.linspace(0, feature.shape[1] - 1, 5).long()
    return [*feature[1, places].tolist(), feature.norm().item()]


def _weight(key: str, value: Tensor, seed: int) -> Tensor:
    if not value.ndim:
        return value
    numbers = rule(value.numel(), seed).view(value.shape)
    if key.endswith("running_var"):
        return 0.5 + numbers
    if value.ndim > 1:
        return (2 * numbers - 1) * math.sqrt(6 / (value.shape[0] * math.prod(value.shape[2:])))
    if key.endswith("weight"):
        return 0.25 + 0.5 * numbers
    return 0.2 * (numbers - 0.5)
