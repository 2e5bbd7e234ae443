"""Inference of one 8-frame clip at the paper's scale.

The release's layout, ours in eager torch, and the backends on the same weights, side by side. Run it alone with
`pytest tests/benchmarks/test_inference.py --benchmark-only -s`.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from release_layout import release_clips, release_layout

from reidbench.deployment.backends import BACKENDS, missing
from reidbench.profiling import session
from reidbench.profiling.latency import Run, inference, interleave, random_clips
from reidbench.running.runner import KEEP_FREED_MEMORY
from reidbench.spec import COST_SHAPE
from reidbench.statistics import ratio_interval

MODELS = ("baseline", "bicnet_tks")
COMPARED = (("eager", "fp32"), ("compile", "fp32"), ("onnxruntime", "fp32"), ("openvino", "fp32"))


@pytest.fixture(scope="module", autouse=True)
def as_workers_are() -> None:
    """glibc reads these when a process starts, so they must have been set before."""
    if not set(KEEP_FREED_MEMORY) <= set(os.environ):
        variables = " ".join(f"{name}={value}" for name, value in KEEP_FREED_MEMORY.items())
        print(f"\nunlike the suites' workers: to keep freed memory, run this under {variables}")


@pytest.mark.parametrize("name", MODELS)
def test_ours_against_the_release_layout(name: str, benchmark: Any, tell: Callable[[str], None]) -> None:
    model = session.build(name, {})
    reference = release_layout(model).eval()
    clips = release_clips(random_clips(COST_SHAPE, 0))

    def release() -> object:
        with torch.inference_mode():
            return reference(clips)

    runs: dict[str, Run] = {"release's layout": release, "ours": inference(model, COST_SHAPE)}
    found = _timed(benchmark, runs, tell, f"{name}, fp32", slow="release's layout", fast="ours")
    assert found > 1


@pytest.mark.parametrize("backend", [name for name, _ in COMPARED[1:]])
@pytest.mark.parametrize("name", MODELS)
def test_a_backend_against_the_release_layout(
    name: str, backend: str, benchmark: Any, tell: Callable[[str], None]
) -> None:
    """The means to the end: at least twice as fast as the release's layout by the best backend."""
    if lacking := missing(BACKENDS[backend].packages, BACKENDS[backend].extra):
        pytest.skip(lacking)
    reference = release_layout(session.build(name, {})).eval()
    clips = release_clips(random_clips(COST_SHAPE, 0))

    def release() -> object:
        with torch.inference_mode():
            return reference(clips)

    subject = session.Subject.of(name, {}, {"device": "cpu", "precision": "fp32", "backend": backend})
    runs = {"release's layout": release, backend: subject.start(COST_SHAPE)}
    _timed(benchmark, runs, tell, f"{name}, fp32", slow="release's layout", fast=backend)


@pytest.mark.parametrize(("backend", "precision"), [*COMPARED, ("openvino", "bf16"), ("openvino", "int8")])
def test_bicnet_tks_to_base_b(backend: str, precision: str, benchmark: Any, tell: Callable[[str], None]) -> None:
    """The operations say 0.47, and the paper's GPU 0.55."""
    if lacking := missing(BACKENDS[backend].packages, BACKENDS[backend].extra):
        pytest.skip(lacking)
    settings = {"device": "cpu", "precision": precision, "backend": backend}
    runs = {name: session.Subject.of(name, {}, settings).start(COST_SHAPE) for name in MODELS}
    found = _timed(benchmark, runs, tell, f"{backend}, {precision}", slow="baseline", fast="bicnet_tks")
    assert found > 1


def _timed(
    benchmark: Any, runs: Mapping[str, Run], tell: Callable[[str], None], title: str, *, slow: str, fast: str
) -> float:
    """How many times as fast the one is as the other, told with its interval."""
    timings = benchmark.pedantic(partial(interleave, runs, rounds=15), rounds=1)
    ratio = ratio_interval(timings.seconds[slow], timings.seconds[fast])
    milliseconds = {name: round(1e3 * statistics.median(seconds), 1) for name, seconds in timings.seconds.items()}
    benchmark.extra_info |= {"times_as_fast": ratio.value, "interval": (ratio.low, ratio.high), "ms": milliseconds}
    interval = f"[{ratio.low:.2f}, {ratio.high:.2f}]"
    times = ", ".join(f"{name} {spent:.1f} ms" for name, spent in milliseconds.items())
    share = f"{1 / ratio.value:.2f} of its time"
    tell(f"{title}: {fast} {ratio.value:.2f} {interval} times as fast as {slow}, {share}; {times}")
    return ratio.value
