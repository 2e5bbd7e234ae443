"""Whether what was exported computes what the model does: against eager torch in float64."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from reidbench.deployment.network import Infer, Network, clips_of

TRIALS = 3
"""Random batches of clips of each shape that the two are compared on."""


@dataclass(frozen=True)
class Agreement:
    """The worst over all clips: one minus the cosine of the two vectors, and their largest difference in a component,
    relative to the largest component. NaN where a vector is not finite."""

    cosine_error: float
    relative_error: float


def compare(network: Network, infer: Infer, shape: Sequence[int], *others: Sequence[int]) -> Agreement:
    """Compares on random clips of each shape `[B, T, 3, H, W]`; the network, on the CPU, stays as it is.

    The vectors that `infer` gives may lie on any device.
    """
    exact = copy.deepcopy(network).double().eval()
    cosine, relative = [], []
    for each, seed in itertools.product((shape, *others), range(TRIALS)):
        clips = clips_of(each, seed)
        with torch.inference_mode():
            wanted = exact(clips.double())
        found = infer(clips).double().cpu()
        units = [vectors / vectors.norm(dim=1, keepdim=True) for vectors in (wanted, found)]
        cosine.append(((units[0] - units[1]) ** 2).sum(1).max() / 2)
        relative.append((wanted - found).abs().max() / wanted.abs().max())
    # Unlike Python's, torch's maximum of what holds a NaN is NaN.
    return Agreement(float(torch.stack(cosine).max()), float(torch.stack(relative).max()))
