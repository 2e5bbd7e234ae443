"""A BiCnet-TKS small enough to be exported in a second or two; every one of its modules has an effect."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reidbench import registry

OPTIONS = {"size": (64, 32), "depth": 18, "width": 16, "blocks": (1, 1, 1, 1), "tks_scale": 1.0}
SHAPE = (1, 8, 3, 64, 32)


def tiny_model() -> nn.Module:
    torch.manual_seed(0)
    model = registry.build("bicnet_tks", **OPTIONS)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return model.eval()


def clips(batch: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(batch, *SHAPE[1:], generator=torch.Generator().manual_seed(seed))
