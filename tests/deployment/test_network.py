"""A model as a function of clips, and a backend in a model's place."""

from __future__ import annotations

import pytest
import torch
from exportable import clips, tiny_model
from torch import nn

from reidbench.deployment.network import Deployed, Network


@torch.no_grad()
def test_the_mean_of_vectors_is_the_neck_of_the_mean_feature() -> None:
    """What `export` writes gives a tracklet the same vector as the protocols do."""
    model = tiny_model().double()
    several = clips(4).double()
    vectors = Network(model, neck=True)(several).mean(0)
    torch.testing.assert_close(vectors, model.neck(Network(model)(several).mean(0, keepdim=True))[0])


@torch.no_grad()
def test_clips_go_through_one_batch_at_a_time() -> None:
    sizes: list[int] = []

    def infer(part: torch.Tensor) -> torch.Tensor:
        sizes.append(len(part))
        return part.flatten(1)[:, :2].bfloat16()

    given = clips(4)
    found = Deployed(infer, nn.Identity(), batch=2)(given).feature
    assert sizes == [2, 2] and found.dtype == torch.float32
    torch.testing.assert_close(found, given.flatten(1)[:, :2].bfloat16().float())
    with pytest.raises(ValueError, match="3 clips: this network takes 2 at a time"):
        Deployed(infer, nn.Identity(), batch=2)(clips(3))
