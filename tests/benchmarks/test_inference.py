"""Inference of one 8-frame clip at the paper's scale.

The release's layout, ours in eager torch, and the backends on the same weights, side by side. Run it alone with
`pytest tests/benchmarks/test_inference.py --benchmark-only -s`.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from release_layout import release_inference
from speed_page import Tell, with_interval
from steps import MODELS

from reidbench.deployment.backends import BACKENDS, missing, not_in
from reidbench.deployment.network import clips_of
from reidbench.machine import physical_cores
from reidbench.profiling import session
from reidbench.profiling.artifact import artifact
from reidbench.profiling.latency import Run, Timings, inference, interleave
from reidbench.running.jobs import KEEP_FREED_MEMORY
from reidbench.spec import COST_SHAPE
from reidbench.statistics import ratio_interval

ROUNDS = 15
LAYOUT = "One clip of 8 frames against the authors' layout"
RATIO = "BiCnet-TKS and Base-B, one clip of 8 frames"
COMPARED = (
    ("eager", "fp32"),
    ("compile", "fp32"),
    ("onnxruntime", "fp32"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)


@pytest.fixture(scope="module", autouse=True)
def as_workers_are() -> None:
    """glibc reads these when a process starts, so they must have been set before."""
    if not set(KEEP_FREED_MEMORY) <= set(os.environ):
        variables = " ".join(f"{name}={value}" for name, value in KEEP_FREED_MEMORY.items())
        print(f"\nunlike the suites' workers: to keep freed memory, run this under {variables}")


@pytest.mark.parametrize("name", MODELS)
def test_ours_against_the_release_layout(name: str, benchmark: Any, tell: Tell) -> None:
    model = session.build(MODELS[name], {})
    release = release_inference(model)
    faster = _against(benchmark, tell, name, "eager, fp32", release, inference(model, COST_SHAPE))
    assert faster > 1


@pytest.mark.parametrize(("backend", "precision"), COMPARED[1:])
@pytest.mark.parametrize("name", MODELS)
def test_a_backend_against_the_release_layout(
    name: str, backend: str, precision: str, benchmark: Any, tell: Tell
) -> None:
    """The means to the end: at least twice as fast as the release's layout, in fp32, by the best backend."""
    _skip_if_lacking(backend, precision)
    release = release_inference(session.build(MODELS[name], {}))
    subject = session.Subject.of(MODELS[name], {}, {"device": "cpu", "precision": precision, "backend": backend})
    _against(benchmark, tell, name, f"{backend}, {precision}", release, subject.start(COST_SHAPE))


@pytest.mark.parametrize(("backend", "precision"), COMPARED)
def test_bicnet_tks_to_base_b(backend: str, precision: str, benchmark: Any, tell: Tell) -> None:
    """The operations say 0.47, and the paper's GPU 0.55."""
    _skip_if_lacking(backend, precision)
    settings = {"device": "cpu", "precision": precision, "backend": backend}
    runs = {name: session.Subject.of(model, {}, settings).start(COST_SHAPE) for name, model in MODELS.items()}
    seconds = _timed(benchmark, runs)
    ratio = ratio_interval(seconds["BiCnet-TKS"], seconds["Base-B"])
    times = {f"{name}_ms": f"{1e3 * statistics.median(spent):.1f}" for name, spent in seconds.items()}
    tell(RATIO, run_by=f"{backend}, {precision}", **times, ratio=with_interval(ratio))
    assert ratio.value < 1


def test_the_convolutions_alone(benchmark: Any, tell: Tell) -> None:
    """As OpenVINO times its own nodes: how near its kernels come to the ratio of the operations."""
    openvino = pytest.importorskip("openvino")
    settings = {"INFERENCE_NUM_THREADS": physical_cores(), "INFERENCE_PRECISION_HINT": "f32", "PERF_COUNT": True}
    clips = [clips_of(COST_SHAPE).numpy()]
    requests = {
        name: openvino.Core()
        .compile_model(artifact(model, {}, COST_SHAPE, "openvino", "fp32"), "CPU", settings)
        .create_infer_request()
        for name, model in MODELS.items()
    }
    spent: dict[str, dict[bool, list[float]]] = {name: {True: [], False: []} for name in MODELS}

    def measure() -> None:
        for _ in range(2 + ROUNDS):
            for name, request in requests.items():
                request.infer(clips)
                for kind in (True, False):
                    nodes = [n for n in request.profiling_info if (n.node_type == "Convolution") == kind]
                    spent[name][kind].append(1e3 * sum(n.real_time.total_seconds() for n in nodes))

    benchmark.pedantic(measure, rounds=1)
    found = {name: {kind: statistics.median(ms[2:]) for kind, ms in kinds.items()} for name, kinds in spent.items()}
    for kind, what in ((True, "its convolutions alone"), (False, "all its other nodes")):
        base, ours = (found[name][kind] for name in MODELS)
        times = {f"{name}_ms": f"{found[name][kind]:.1f}" for name in MODELS}
        tell(RATIO, run_by=f"openvino, fp32: {what}, by its own clock", **times, ratio=f"{ours / base:.2f}")
    assert 0 < found["BiCnet-TKS"][True] < found["Base-B"][True]


def _skip_if_lacking(backend: str, precision: str) -> None:
    if lacking := missing(BACKENDS[backend].packages, BACKENDS[backend].extra) or not_in(backend, precision):
        pytest.skip(lacking)


def _against(benchmark: Any, tell: Tell, name: str, run_by: str, release: Run, ours: Run) -> float:
    """How many times as fast as the authors' layout, told."""
    seconds = _timed(benchmark, {"theirs": release, "ours": ours})
    ratio = ratio_interval(seconds["theirs"], seconds["ours"])
    theirs, own = (f"{1e3 * statistics.median(seconds[who]):.1f}" for who in ("theirs", "ours"))
    tell(LAYOUT, network=name, run_by=run_by, authors_ms=theirs, ms=own, times_as_fast=with_interval(ratio))
    return ratio.value


def _timed(benchmark: Any, runs: Mapping[str, Run]) -> Mapping[str, list[float]]:
    timings: Timings = benchmark.pedantic(partial(interleave, runs, rounds=ROUNDS), rounds=1)
    return timings.seconds
