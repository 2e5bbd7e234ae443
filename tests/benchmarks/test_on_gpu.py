"""On a GPU: one clip and a training step at the paper's scale against the authors' layout.

Run it with `REIDBENCH_SPEED_PAGE=docs/speed-gpu.md pytest --benchmark-only tests/benchmarks/test_on_gpu.py`. The
authors' layout is run by eager torch, in fp32 as they ran it; its training step in bf16 stands beside that, and as the
CUDA graph that ours is in training: that tells the layout's part in the ratio from the graph's.
"""

from __future__ import annotations

import copy
import statistics
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from release_layout import release_clips, release_inference, release_layout
from speed_page import Tell, with_interval
from steps import MODELS, SCALES, step_of, subject
from torch import nn

from reidbench.profiling import session
from reidbench.profiling.latency import Run, Timings, interleave
from reidbench.spec import COST_SHAPE
from reidbench.statistics import ratio_interval

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

ROUNDS = 30
WAYS = [(backend, precision) for backend in ("eager", "cudagraph") for precision in ("fp32", "bf16")]
PAIRS = (
    *(("fp32", "authors', fp32"), ("bf16", "authors', fp32"), ("bf16", "authors', bf16")),
    *(("bf16, eager", "authors', bf16"), ("fp32", "authors', fp32, captured")),
)
"""Steps that are told of, and against which of the authors'."""

CLIP = "One clip of 8 frames against the authors' layout"
STEP = "A training step against the authors' layout"


@pytest.mark.parametrize("name", MODELS)
def test_a_clip_against_the_release_layout(name: str, benchmark: Any, tell: Tell) -> None:
    release = release_inference(session.build(MODELS[name], {}), device="cuda")
    runs = {"authors'": release, **{", ".join(way): start(name, *way) for way in WAYS}}
    seconds = timed(benchmark, runs)
    theirs = seconds.pop("authors'")
    for way, own in seconds.items():
        told = {"authors_ms": milliseconds(theirs), "ms": milliseconds(own)}
        tell(CLIP, network=name, run_by=way, **told, times_as_fast=with_interval(ratio_interval(theirs, own)))
    assert statistics.median(seconds["cudagraph, bf16"]) < statistics.median(theirs)


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_on_a_gpu(name: str, benchmark: Any, tell: Tell) -> None:
    """At half of the paper's batch."""
    model, clips, labels = subject(name, "paper", identities=8, clips_per_identity=4)
    recipe = SCALES["paper"][0]
    reference = release_layout(model)
    clips, labels = clips.cuda(), labels.cuda()
    theirs = release_clips(clips)

    def step(of: nn.Module, precision: str, *, captures: bool = False) -> Run:
        own = of is model
        given, alike = clips if own else theirs, replace(recipe, precision=precision)
        return step_of(copy.deepcopy(of).cuda(), given, labels, alike, fused=own, captures=captures)

    seconds = timed(
        benchmark,
        {
            "fp32": step(model, "fp32", captures=True),
            "bf16": step(model, "bf16", captures=True),
            "bf16, eager": step(model, "bf16"),
            "authors', fp32": step(reference, "fp32"),
            "authors', bf16": step(reference, "bf16"),
            "authors', fp32, captured": step(reference, "fp32", captures=True),
        },
        rounds=10,
    )
    for run, against in PAIRS:
        told = {"authors_ms": milliseconds(seconds[against]), "ms": milliseconds(seconds[run])}
        faster = with_interval(ratio_interval(seconds[against], seconds[run]))
        tell(STEP, network=f"{name}, {len(clips)} clips", run=run, against=against, **told, times_as_fast=faster)
    assert statistics.median(seconds["bf16"]) < statistics.median(seconds["authors', fp32"])


def start(name: str, backend: str, precision: str) -> Run:
    settings = {"device": "cuda", "precision": precision, "backend": backend}
    return session.Subject.of(MODELS[name], {}, settings).start(COST_SHAPE)


def timed(benchmark: Any, runs: dict[str, Run], rounds: int = ROUNDS) -> dict[str, list[float]]:
    timings: Timings = benchmark.pedantic(partial(interleave, runs, rounds=rounds, device="cuda"), rounds=1)
    return dict(timings.seconds)


def milliseconds(seconds: list[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.2f}"
