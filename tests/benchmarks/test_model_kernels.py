"""The kernels of the models at the paper's scale, four clips at a time; CONTRIBUTING.md says how to compare commits.

Weights and maps are random, the same ones every time; maps are channels_last, as in the networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from reidbench.models.attention import RowAttention
from reidbench.models.resnet import Bottleneck
from reidbench.models.temporal import TemporalKernelSelection
from torch import Tensor, nn

from reidbench import registry

CLIPS = 4
RUN = (1, 3)
"""Big and small frames of a run, of which a clip of eight frames has two."""

RUNS = 2 * CLIPS

pytestmark = pytest.mark.benchmark(group="models", disable_gc=True)
passes = pytest.mark.parametrize("training", [False, True], ids=["forward", "forward and backward"])


def maps(frames: int, channels: int, height: int, width: int) -> Tensor:
    """Maps `[frames, channels, height, width]` in channels_last."""
    values = torch.randn(frames, channels, height, width, generator=torch.Generator().manual_seed(0))
    return values.contiguous(memory_format=torch.channels_last)


def seeded(make: Callable[[], nn.Module], *, training: bool) -> nn.Module:
    torch.manual_seed(0)
    return make().to(memory_format=torch.channels_last).train(training)  # type: ignore[call-overload,no-any-return]


def call(run: Callable[..., Any], inputs: tuple[Tensor, ...], *, training: bool) -> Callable[[], None]:
    """One forward pass, and in training the backward pass of all that it returns, down to its inputs."""

    def forward() -> None:
        with torch.inference_mode():
            run(*inputs)

    def both() -> None:
        leaves = [one.detach().requires_grad_() for one in inputs]
        found = run(*leaves)
        outputs = found if isinstance(found, tuple) else (found,)
        torch.autograd.backward(
            [one for one in outputs if one.requires_grad], [torch.ones_like(o) for o in outputs if o.requires_grad]
        )

    return both if training else forward


@passes
def test_trunk_block(training: bool, kernel: Any) -> None:
    """A bottleneck of stage 3, which the trunk has most of."""
    block = seeded(lambda: Bottleneck(1024, 256, 1), training=training)
    kernel(call(block, (maps(8 * CLIPS, 1024, 16, 8),), training=training))


@passes
def test_temporal_kernel_selection(training: bool, kernel: Any) -> None:
    """TKS after stage 2 with kernels of 3 and 5."""
    module = seeded(lambda: TemporalKernelSelection(512, (3, 5), "bottleneck", (4, 2), 1.0), training=training)
    inputs = (maps(RUNS * RUN[0], 512, 32, 16), maps(RUNS * RUN[1], 512, 16, 8))
    kernel(call(lambda big, small: module(big, small, CLIPS, RUN), inputs, training=training))


@passes
def test_row_attention(training: bool, kernel: Any) -> None:
    """DAO on the small frames, after stage 3."""
    module = seeded(lambda: RowAttention(1024, 8, RUN[1]), training=training)
    kernel(call(module, (maps(RUNS * RUN[1], 1024, 8, 4),), training=training))


@passes
def test_cross_scale_path(training: bool, kernel: Any) -> None:
    """CSP after stage 2, from the big frames to the small ones."""
    network = seeded(lambda: registry.build("bicnet", blocks=(1, 1, 1, 1)), training=training)
    path = network.csp["2"]
    inputs = (maps(RUNS * RUN[0], 512, 32, 16), maps(RUNS * RUN[1], 512, 16, 8))
    kernel(call(lambda big, small: network._cross(big, small, path), inputs, training=training))
