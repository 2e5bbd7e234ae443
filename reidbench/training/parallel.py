"""Training that several processes share: each computes its part of the batch, and all take the same step.

The losses see the whole batch: every process gathers the others' logits and embeddings, mines in all of them, and has
the gradient with respect to its own part; the sum over processes is the gradient of the whole. What a model computes
over a batch by itself it computes over its part: batch norm's statistics, unless they are synchronised.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from reidbench import distributed
from reidbench.recipes import Recipe
from reidbench.spec import Loss, Output, UserError


def check_shares(recipe: Recipe, sync_bn: bool) -> None:
    """Raises UserError if the batch cannot be dealt in equal parts that batch norm can work with."""
    world, clips = distributed.current().world, recipe.identities * recipe.clips_per_identity
    if clips % world:
        fitting = [str(n) for n in range(2, clips // 2 + 1) if clips % n == 0]
        raise UserError(
            f"a batch of {clips} clips cannot be shared evenly by {world} processes; start {' or '.join(fitting)}"
        )
    if clips == world > 1 and not sync_bn:
        raise UserError(
            f"a batch of {clips} clips leaves one clip to each of {world} processes, too few for batch norm; "
            "start fewer, or give --sync-bn"
        )


def of_all(output: Output) -> Output:
    """What the losses need of the whole batch: logits and embeddings of all parts, and the mean of each other loss.

    A model's own losses are taken for means over clips, so that the mean over equal parts is that over the batch.
    """
    if distributed.current().world == 1:
        return output
    return Output(
        output.feature,
        tuple(distributed.gathered(logits.float()) for logits in output.logits),
        tuple(distributed.gathered(embeddings.float()) for embeddings in output.embeddings),
        {
            name: Loss(loss.weight, distributed.gathered(loss.value.float()[None]).mean())
            for name, loss in output.losses.items()
        },
    )


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Makes each gradient that of the whole batch's loss."""
    distributed.sum_in_place([p.grad for p in parameters if p.grad is not None])


@torch.no_grad()
def average_statistics(model: nn.Module) -> None:
    """Makes running statistics the mean of all processes': each updated them by its part of the batch."""
    world = distributed.current().world
    distributed.sum_in_place([b for b in model.buffers() if b.is_floating_point()], 1 / world)


@torch.no_grad()
def start_alike(model: nn.Module) -> None:
    """Gives every process the first one's weights and buffers."""
    if distributed.current().world > 1:
        model.load_state_dict(distributed.from_first({name: t.cpu() for name, t in model.state_dict().items()}))


def synchronise_norms(model: nn.Module, device: torch.device) -> None:
    """Makes every batch norm of `model` take its statistics over all processes' parts; parameters stay the same ones.

    On a GPU by torch's `SyncBatchNorm`, which there is none of for a CPU.
    """
    if distributed.current().world == 1:
        return
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm):
                setattr(parent, name, SharedBatchNorm(child))


class SharedBatchNorm(nn.Module):
    """Batch norm `[B, C, ...]` over equal parts of a batch in all processes, with the parameters of a given one."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)
        self.eps = norm.eps
        self.momentum = norm.momentum
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            mean, variance = self.running_mean, self.running_var
            return functional.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        axes = [axis for axis in range(x.ndim) if axis != 1]
        variance, mean = torch.var_mean(x.float(), axes, correction=0)
        shared = distributed.average(mean)
        # Of equal parts: the mean of their variances and of how far their means lie from the common one.
        variance = distributed.average(variance + (mean - shared).square())
        self._keep(shared.detach(), variance.detach(), x.numel() // x.shape[1] * distributed.current().world)
        shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (x * scale.view(shape) + (self.bias - shared * scale).view(shape)).to(x.dtype)

    @torch.no_grad()
    def _keep(self, mean: Tensor, variance: Tensor, count: int) -> None:
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), momentum)
