"""Diverse attentions against frame-by-frame code that shares nothing with them."""

from __future__ import annotations

import math

import pytest
import torch
from reidbench.models.attention import (
    ParallelAttention,
    PixelAttention,
    RowAttention,
    dot_product_divergence,
    overlap_divergence,
)
from torch import Tensor, nn


def attend_frame_by_frame(module: ParallelAttention, x: Tensor) -> Tensor:
    """Frame k > 0 by slices of the grouped weights, each a plain linear map; evaluation mode."""
    positions = x.shape[3]
    maps = [x[:, 0].mean(1).softmax(-1)]
    for k in range(x.shape[1] - 1):
        rows = slice(k * positions, (k + 1) * positions)
        weight = module.score.weight[k, :, 0]
        score = torch.einsum("ncp,c->np", x[:, k + 1], weight) + module.score.bias[k]
        mixed = score @ module.mix.weight[rows, :, 0].T + module.mix.bias[rows]
        if isinstance(module.norm, nn.BatchNorm1d):
            norm = module.norm
            mixed = (mixed - norm.running_mean[rows]) / (norm.running_var[rows] + norm.eps).sqrt()
            mixed = mixed * norm.weight[rows] + norm.bias[rows]
        maps.append(mixed.softmax(-1))
    return torch.stack(maps, 1)


@pytest.mark.parametrize("frames", [1, 2, 4])
@pytest.mark.parametrize("normalised", [True, False])
@torch.no_grad()
def test_modules_side_by_side_equal_one_after_the_other(frames: int, normalised: bool) -> None:
    module = ParallelAttention(6, 5, frames, normalised=normalised)
    for values in [*module.parameters(), *(b for b in module.buffers() if b.ndim)]:
        nn.init.uniform_(values, 0.5, 1.5)
    x = torch.randn(3, frames, 6, 5)
    torch.testing.assert_close(module.eval()(x).exp(), attend_frame_by_frame(module, x))


@pytest.mark.parametrize("height", [4, 8])
@torch.no_grad()
def test_row_attention_adds_one_vector_to_the_whole_map_of_its_frame(height: int) -> None:
    module = RowAttention(6, 4, 3).eval()
    maps = torch.randn(2 * 3, 6, height, 2)
    assert torch.equal(module(maps)[0], maps)
    nn.init.ones_(module.norm.weight)
    out, attention = module(maps)
    assert attention.shape == (2, 3, 4, 1)
    rows = maps.view(2, 3, 6, 4, height // 4, 2).mean((4, 5))
    expected = torch.einsum("nfcr,nfr->nfc", rows, attention.exp().squeeze(3)) / math.sqrt(1 + 1e-5)
    torch.testing.assert_close(out - maps, expected.view(6, 6, 1, 1).expand_as(maps), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_pixel_attention_reweights_every_position() -> None:
    module = PixelAttention(6, (4, 2), 3).eval()
    maps = torch.randn(2 * 3, 6, 4, 2)
    out, attention = module(maps)
    assert attention.shape == (2, 3, 4, 2)
    torch.testing.assert_close(attention.exp().sum((2, 3)), torch.ones(2, 3))
    torch.testing.assert_close(out, maps * (1 + attention.exp().view(6, 1, 4, 2)))


def log_maps(frames: int) -> Tensor:
    return torch.randn(3, frames, 4, 2).double().flatten(2).log_softmax(-1).view(3, frames, 4, 2)


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_overlap_is_the_norm_of_the_gram_matrices_of_all_pairs(frames: int) -> None:
    attention = log_maps(frames)
    maps, terms = attention.exp().flatten(2), []
    for k in range(frames):
        for other in range(k):
            pair = torch.stack((maps[:, other], maps[:, k]), 1).sqrt()
            gram = pair @ pair.transpose(1, 2) - torch.eye(2)
            terms.append((gram.flatten(1).norm(dim=1) / 4).mean())
    torch.testing.assert_close(overlap_divergence(attention), torch.stack(terms).mean())


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_dot_products_follow_equation_5(frames: int) -> None:
    attention = log_maps(frames)
    maps, clips = attention.exp().flatten(2), []
    for clip in maps:
        outer = 0.0
        for k in range(1, frames):
            outer += sum(1 - torch.dot(clip[k], clip[other]).item() for other in range(k)) / k
        clips.append(-outer / (frames - 1))
    assert dot_product_divergence(attention).item() == pytest.approx(sum(clips) / 3)


@pytest.mark.parametrize("loss", [overlap_divergence, dot_product_divergence])
def test_equal_maps_cost_more_than_disjoint_ones(loss) -> None:  # type: ignore[no-untyped-def]
    equal = torch.zeros(1, 2, 4, 1).log_softmax(2)
    disjoint = torch.tensor([[[9.0, 9, -9, -9], [-9, -9, 9, 9]]])[..., None].log_softmax(2)
    assert loss(equal) > loss(disjoint)


def test_overlap_leaves_the_self_attention_alone_and_survives_underflow() -> None:
    scores = torch.tensor([[[200.0, 0.0], [300.0, 0.0], [0.0, 0.0]]])[..., None].requires_grad_()
    overlap_divergence(scores.log_softmax(2)).backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert not scores.grad[:, 0].any()
    assert scores.grad[:, 2].any()
