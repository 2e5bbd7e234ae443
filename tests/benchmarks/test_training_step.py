"""A training step against the release's layout: `pytest tests/benchmarks/test_training_step.py --benchmark-only -s`.

Forward, losses, backward and optimiser, as the trainer takes them, on one batch that is loaded and augmented already;
interleaved, and the ratio of medians printed. The release's layout has the same weights, losses and recipe, and Adam
as torch's default runs it, parameter by parameter on a CPU; ours in that way too is the third, so that the layout's
part in the ratio and the optimiser's can be told apart. At the quick scale on one thread, as the suites train there, at
the paper's on all cores. REIDBENCH_ROUNDS sets the rounds (default 8).
"""

from __future__ import annotations

import copy
import os
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from release_layout import release_clips, release_layout
from torch import Tensor, nn

from reidbench import machine, registry
from reidbench.presets import QUICK, SLIM
from reidbench.profiling.latency import interleave
from reidbench.profiling.session import conditions
from reidbench.spec import Recipe
from reidbench.training.trainer import objective, parameter_groups

ROUNDS = int(os.environ.get("REIDBENCH_ROUNDS", "8"))
PAPER = replace(Recipe(), identities=2, clips_per_identity=2)
SCALES: dict[str, tuple[Recipe, dict[str, Any], dict[str, Any]]] = {
    "quick": (QUICK, SLIM, {"small": "input", "tks_scale": 1.0}),
    "paper": (PAPER, {}, {}),
}
"""The recipe, with a small batch at the paper's size, the options of all models, and those of BiCnet-TKS."""

CLASSES = 625
"""Training identities of MARS."""


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["baseline", "bicnet_tks"])
def test_training_step(name: str, scale: str, benchmark: Any) -> None:
    recipe, options, own = SCALES[scale]
    options = {**options, **(own if name == "bicnet_tks" else {}), "size": recipe.size, "classes": CLASSES}
    torch.manual_seed(0)
    clips = torch.randn(recipe.identities * recipe.clips_per_identity, recipe.frames, 3, *recipe.size)
    clips = clips.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    labels = torch.arange(recipe.identities).repeat_interleave(recipe.clips_per_identity)
    model = registry.build(name, **options).train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    reference, plain = release_layout(model), copy.deepcopy(model)
    assert_same(model, reference, clips)
    with conditions(1 if scale == "quick" else machine.physical_cores()) as under:
        runs = {
            "ours": step_of(model, clips, labels, recipe, fused=True),
            "ours, plain Adam": step_of(plain, clips, labels, recipe, fused=False),
            "release's layout": step_of(reference, release_clips(clips), labels, recipe, fused=False),
        }
        timings = benchmark.pedantic(lambda: interleave(runs, rounds=ROUNDS, warmup=1), rounds=1)
    milliseconds = {run: 1e3 * statistics.median(seconds) for run, seconds in timings.seconds.items()}
    ratios = {run: value / milliseconds["ours"] for run, value in milliseconds.items() if run != "ours"}
    benchmark.extra_info |= {"milliseconds": milliseconds, "ratios": ratios, "other_load": under.other_load}
    shown = ", ".join(f"{run} {value:.1f} ms" for run, value in milliseconds.items())
    print(f"\n{name}, {scale} scale, {under.threads} thread(s): {shown}")
    print("ratio of medians to ours: " + ", ".join(f"{run} {ratio:.2f}" for run, ratio in ratios.items()))
    print(f"cores that others used: {under.other_load}")
    assert all(ratio > 0 for ratio in ratios.values())


@torch.no_grad()
def assert_same(model: nn.Module, reference: nn.Module, clips: Tensor) -> None:
    """To rounding, which batch norm over few values carries along: the same in double precision to 1e-7."""
    doubled, other = copy.deepcopy(model).double(), copy.deepcopy(reference).double()
    ours, theirs = doubled(clips[:2].double()), other(release_clips(clips[:2].double()))
    torch.testing.assert_close(theirs.logits, ours.logits)
    torch.testing.assert_close(theirs.embeddings, ours.embeddings)


def step_of(model: nn.Module, clips: Tensor, labels: Tensor, recipe: Recipe, *, fused: bool) -> Callable[[], float]:
    """A step as `trainer.take_step` does it, in single precision."""
    groups = parameter_groups(model, recipe)
    adam = torch.optim.Adam(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused or None)

    def step() -> float:
        loss = objective(model(clips), labels, recipe)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss.item()

    return step
