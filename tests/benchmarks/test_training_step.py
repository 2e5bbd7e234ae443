"""A training step against the release's layout.

Run it with `pytest tests/benchmarks/test_training_step.py --benchmark-only -s`; REIDBENCH_ROUNDS sets the rounds
(default 8). Forward, losses, backward and optimiser, as the trainer takes them, on one batch that is loaded and
augmented already, in turns. The release's layout has the same weights, losses and recipe, and Adam as torch's default
runs it, parameter by parameter on a CPU; ours in that way too is the third, so that the layout's part in the ratio and
the optimiser's can be told apart. Ours and the release's then in bf16, as a recipe of that precision has it, but where
the processor has none, for a step takes a minute there. At the quick scale on one thread, as the suites train there, at
the paper's on all cores.

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
from release_layout import release_clips, release_layout
from speed_page import Tell, with_interval
from steps import MODELS, SCALES, assert_same, step_of, subject
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from reidbench import machine
from reidbench.deployment.backends import not_in
from reidbench.profiling.latency import interleave
from reidbench.profiling.load import Load
from reidbench.profiling.session import threads_of
from reidbench.statistics import ratio_interval

ROUNDS = int(os.environ.get("REIDBENCH_ROUNDS", "8"))
PAIRS = (
    *(("fp32", "authors', fp32"), ("fp32, plain Adam", "authors', fp32")),
    *(("bf16", "authors', bf16"), ("bf16", "authors', fp32")),
)
"""What is told of, and against which of the authors'."""


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
        }
        if not not_in("openvino", "bf16"):
            runs["bf16"] = step(model, clips, fused=True, precision="bf16")
            runs["authors', bf16"] = step(reference, release_clips(clips), fused=False, precision="bf16")
        with FlopCounterMode(display=False) as counter:
            runs["fp32"]()
        timings = benchmark.pedantic(lambda: interleave(runs, rounds=ROUNDS, warmup=1, load=load), rounds=1)
    benchmark.extra_info["other_load"] = load.cores
    for run, against in [pair for pair in PAIRS if runs.keys() >= {*pair}]:
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
