"""What every model ends with: maps pooled to vectors, the batch-norm neck, the identity classifier.

Bag of Tricks and a Strong Baseline for Deep Person Re-Identification, Luo et al., CVPR Workshops 2019.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def max_pool(maps: Tensor) -> Tensor:
    """Maps `[N, C, h, w]` to the maximum of each channel `[N, C]`.

    A pooling operator, as in the authors' release, not `amax`: among equal maxima (all zero after a ReLU, often) its
    gradient goes to one of them, and counters that count pooling see it.
    """
    return F.max_pool2d(maps, maps.shape[2:]).flatten(1)


def batch_norm_neck(features: int) -> nn.BatchNorm1d:
    """The neck `[B, features] -> [B, features]`, its scale drawn from N(1, 0.02)."""
    neck = nn.BatchNorm1d(features)
    nn.init.normal_(neck.weight, 1.0, 0.02)
    return neck


def identity_classifier(features: int, classes: int) -> nn.Linear:
    """The classifier `[B, features] -> [B, classes]`, near zero at first: N(0, 0.001), its bias 0."""
    classifier = nn.Linear(features, classes)
    nn.init.normal_(classifier.weight, std=0.001)
    nn.init.zeros_(classifier.bias)
    return classifier
