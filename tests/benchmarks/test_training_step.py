"""A training step against the release's layout.

Run it with `pytest tests/benchmarks/test_training_step.py --benchmark-only -s`; REIDBENCH_ROUNDS sets the rounds
(default 8). Forward, losses, backward and optimiser, as the trainer takes them, on one batch that is loaded and
augmented already, in turns. The release's layout has the same weights, losses and recipe, and Adam as torch's default
runs it, parameter by parameter on a CPU; ours in that way too is the third, so that the layout's part in the ratio and
the optimiser's can be told apart. Ours and the release's then in bf16, as a recipe of that precision has it. At the
quick scale on one thread, as the suites train there, at the paper's on all cores.

No layout passes the processor's limit, so each step's operations a second stand beside its time: those of its
convolutions and matrix products, forward and backward.
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
from speed_page import Tell, with_interval
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from reidbench import machine, registry
from reidbench.precision import PRECISIONS
from reidbench.presets import QUICK
from reidbench.profiling.latency import interleave
from reidbench.profiling.load import Load
from reidbench.profiling.session import threads_of
from reidbench.spec import Recipe
from reidbench.statistics import ratio_interval
from reidbench.training.trainer import objective, parameter_groups
from reidbench.trunks import RESNET, SLIM

ROUNDS = int(os.environ.get("REIDBENCH_ROUNDS", "8"))
PAPER = replace(Recipe(), identities=2, clips_per_identity=2)
SCALES: dict[str, tuple[Recipe, dict[str, Any], dict[str, Any]]] = {
    "quick": (QUICK, dict(SLIM[RESNET]), {"small": "input", "tks_scale": 1.0}),
    "paper": (PAPER, {}, {}),
}
"""The recipe, with a small batch at the paper's size, the options of all models, and those of BiCnet-TKS."""

PAIRS = (
    *(("fp32", "authors', fp32"), ("fp32, plain Adam", "authors', fp32")),
    *(("bf16", "authors', bf16"), ("bf16", "authors', fp32")),
)
"""What is told of, and against which of the authors'."""

MODELS = {"Base-B": "baseline", "BiCnet-TKS": "bicnet_tks"}

CLASSES = 625
"""Training identities of MARS."""


@pytest.mark.parametrize("name", MODELS)
def test_the_two_are_one_network(name: str) -> None:
    model, clips, _ = subject(name, "quick")
    assert_same(model, release_layout(model), clips)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", MODELS)
def test_training_step(name: str, scale: str, benchmark: Any, tell: Tell) -> None:
    recipe = SCALES[scale][0]
    model, clips, labels = subject(name, scale)
    reference = release_layout(model)
    assert_same(model, reference, clips)

    def step(of: nn.Module, given: Tensor, *, fused: bool, precision: str = "fp32") -> Callable[[], float]:
        return step_of(copy.deepcopy(of), given, labels, replace(recipe, precision=precision), fused=fused)

    load = Load()
    with threads_of(1 if scale == "quick" else machine.physical_cores()) as threads:
        runs = {
            "fp32": step(model, clips, fused=True),
            "fp32, plain Adam": step(model, clips, fused=False),
            "authors', fp32": step(reference, release_clips(clips), fused=False),
            "bf16": step(model, clips, fused=True, precision="bf16"),
            "authors', bf16": step(reference, release_clips(clips), fused=False, precision="bf16"),
        }
        with FlopCounterMode(display=False) as counter:
            runs["fp32"]()
        timings = benchmark.pedantic(lambda: interleave(runs, rounds=ROUNDS, warmup=1, load=load), rounds=1)
    benchmark.extra_info["other_load"] = load.cores
    for run, against in PAIRS:
        own, theirs = timings.seconds[run], timings.seconds[against]
        spent = statistics.median(own)
        tell(
            "A training step against the authors' layout",
            network=f"{name}, {scale} scale, {threads} of {machine.physical_cores()} cores",
            run=run,
            against=against,
            authors_ms=f"{1e3 * statistics.median(theirs):.1f}",
            ms=f"{1e3 * spent:.1f}",
            GFLOP_a_second=f"{counter.get_total_flops() / spent / 1e9:.0f}",
            times_as_fast=with_interval(ratio_interval(theirs, own)),
        )
    assert counter.get_total_flops() > 0


def subject(name: str, scale: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A network to train, with norms that are not all alike, a batch of clips and their labels."""
    recipe, options, own = SCALES[scale]
    options = {**options, **(own if MODELS[name] == "bicnet_tks" else {}), "size": recipe.size, "classes": CLASSES}
    torch.manual_seed(0)
    clips = torch.randn(recipe.identities * recipe.clips_per_identity, recipe.frames, 3, *recipe.size)
    clips = clips.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    labels = torch.arange(recipe.identities).repeat_interleave(recipe.clips_per_identity)
    model = registry.build(MODELS[name], **options).train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model, clips, labels


@torch.no_grad()
def assert_same(model: nn.Module, reference: nn.Module, clips: Tensor) -> None:
    """To rounding, which batch norm over few values carries along: the same in double precision to 1e-7."""
    doubled, other = copy.deepcopy(model).double(), copy.deepcopy(reference).double()
    ours, theirs = doubled(clips[:2].double()), other(release_clips(clips[:2].double()))
    torch.testing.assert_close(theirs.logits, ours.logits)
    torch.testing.assert_close(theirs.embeddings, ours.embeddings)


def step_of(model: nn.Module, clips: Tensor, labels: Tensor, recipe: Recipe, *, fused: bool) -> Callable[[], float]:
    """A step as `trainer.take_step` does it."""
    groups = parameter_groups(model, recipe)
    adam = torch.optim.Adam(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused or None)

    def step() -> float:
        with torch.autocast("cpu", PRECISIONS[recipe.precision], enabled=recipe.precision != "fp32"):
            loss = objective(model(clips), labels, recipe)
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss.item()

    return step
