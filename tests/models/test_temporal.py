"""Temporal kernel selection against three-dimensional convolutions and the equations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from reidbench.models.temporal import TemporalKernels, TemporalKernelSelection, check_kernels
from torch import Tensor


def path_in_3d(module: TemporalKernels, kernel: int, index: int, x: Tensor) -> Tensor:
    """Kernel 2i + 1 as three taps i frames apart, zeros outside the clip; x is `[B, C, T, R]`."""
    weight = module.paths[index].weight.unsqueeze(4)
    dilation = (kernel - 1) // 2
    return F.conv3d(x.unsqueeze(4), weight, padding=(dilation, 0, 0), dilation=(dilation, 1, 1)).squeeze(4)


@pytest.mark.parametrize("kernels", [(3,), (5,), (7,), (3, 5), (5, 7), (3, 5, 7)])
@pytest.mark.parametrize("fusion", ["mean", "bottleneck", "full"])
@torch.no_grad()
def test_paths_are_dilated_convolutions_fused_by_their_weights(kernels: tuple[int, ...], fusion: str) -> None:
    module = TemporalKernels(128, kernels, fusion).eval()
    x = torch.randn(2, 128, 8, 6)
    fused, weights = module(x)
    paths = [path_in_3d(module, kernel, i, x) for i, kernel in enumerate(kernels)]
    expected = sum(path * weights[:, i, :, None, None] for i, path in enumerate(paths))
    torch.testing.assert_close(fused, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 128))
    assert (weights == 1 / len(kernels)).all() == (fusion == "mean" or len(kernels) == 1)


@torch.no_grad()
def test_full_selection_follows_equations_6_and_7() -> None:
    module = TemporalKernels(4, (3, 5), "full").eval()
    x = torch.randn(2, 4, 8, 6)
    u = sum(path_in_3d(module, kernel, i, x) for i, kernel in enumerate((3, 5))).mean((2, 3))
    matrices = module.select.weight.view(2, 4, 4)
    gates = torch.stack([u @ matrices[i].T for i in range(2)], 1).exp()
    torch.testing.assert_close(module(x)[1], gates / gates.sum(1, keepdim=True))


@pytest.mark.parametrize("run", [(1, 3), (1, 1), (2, 6)])
@torch.no_grad()
def test_block_sees_the_frames_in_their_order_and_excites_region_by_region(run: tuple[int, int]) -> None:
    """Regions are made and written back clip by clip, frame by frame, without the branches' arrangement."""
    block = TemporalKernelSelection(4, (3, 5), "bottleneck", (4, 2), scale=None).eval()
    runs, batch, length = 4, 2, 2 * sum(run)
    big, small = torch.randn(runs * run[0], 4, 16, 8), torch.randn(runs * run[1], 4, 8, 4)
    frames = []
    for r in range(runs):
        frames += [big[r * run[0] + i] for i in range(run[0])] + [small[r * run[1] + i] for i in range(run[1])]
    regions = torch.stack([F.adaptive_avg_pool2d(frame, (4, 2)) for frame in frames])
    x = regions.view(batch, length, 4, 8).transpose(1, 2)
    fused, weights = block.kernels(x)
    cells = fused.transpose(1, 2).reshape(batch * length, 4, 4, 2)
    excited = [
        frame + cell.repeat_interleave(frame.shape[1] // 4, 1).repeat_interleave(frame.shape[2] // 2, 2)
        for frame, cell in zip(frames, cells, strict=True)
    ]
    expected_big = torch.stack([e for e in excited if e.shape[1] == 16])
    expected_small = torch.stack([e for e in excited if e.shape[1] == 8])
    out_big, out_small, out_weights = block(big, small, batch, run)
    torch.testing.assert_close(out_big, expected_big, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(out_small, expected_small, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(out_weights, weights)


@torch.no_grad()
def test_a_block_that_starts_at_zero_changes_nothing() -> None:
    block = TemporalKernelSelection(4, (3, 5), "bottleneck", (4, 2), scale=0.0)
    big, small = torch.randn(2, 4, 16, 8), torch.randn(6, 4, 8, 4)
    out_big, out_small, _ = block(big, small, 2, (1, 3))
    assert torch.equal(out_big, big) and torch.equal(out_small, small)


@pytest.mark.parametrize("kernels", [(), (3, 3), (4,), (3, 9)])
def test_other_kernels_are_refused(kernels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="kernels="):
        check_kernels(kernels)
