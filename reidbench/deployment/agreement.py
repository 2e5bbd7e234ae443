"""Whether what was exported computes what the model does: against eager torch in float64."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence

import torch

from reidbench.deployment.network import Infer, Network, clips_of

TRIALS = 3
"""Random batches of clips of each shape that the two are compared on."""


def cosine_error(network: Network, infer: Infer, shape: Sequence[int], *others: Sequence[int]) -> float:
    """One minus the cosine of the two's vectors, the worst over random clips of each shape `[B, T, 3, H, W]`.

    NaN where a vector is not finite. The network stays as it is.
    """
    exact = copy.deepcopy(network).double().eval()
    errors = []
    for each, seed in itertools.product((shape, *others), range(TRIALS)):
        clips = clips_of(each, seed)
        with torch.inference_mode():
            wanted = exact(clips.double())
        found = infer(clips).double()
        units = [vectors / vectors.norm(dim=1, keepdim=True) for vectors in (wanted, found)]
        errors.append(((units[0] - units[1]) ** 2).sum(1).max() / 2)
    # Unlike Python's, torch's maximum of what holds a NaN is NaN.
    return float(torch.stack(errors).max())
