"""The machine's measured peak, and the roofline that it makes."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch

from reidbench.precision import PRECISIONS
from reidbench.profiling import peak as module
from reidbench.profiling.peak import Peak, measure_peak
from reidbench.spec import UserError

PEAK = Peak(flops=100.0, bandwidth=10.0, device="cpu", precision="fp32", threads=2)


def test_the_roof_is_the_lower_of_the_two_limits() -> None:
    assert [PEAK.attainable(intensity) for intensity in (1, 10, 100)] == [10, 100, 100]
    assert PEAK.least_seconds(flops=200, moved=10) == 2
    assert PEAK.least_seconds(flops=200, moved=40) == 4
    assert PEAK.least_seconds(flops=0, moved=5) == 0.5


def test_counts_two_operations_a_product_and_reading_with_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were every run to take a second."""
    monkeypatch.setattr(module, "clock_of", lambda device: lambda run: (run(), 1.0)[1])
    found = measure_peak(sides=(8, 4), convolutions=(), copied=100, seconds=0)
    assert (found.flops, found.bandwidth, found.product) == (2 * 8**3, 200, "matrix product")
    found = measure_peak(sides=(), convolutions=((2, 4, 8, 6, 3), (2, 4, 8, 6, 1)), copied=100, seconds=0)
    assert (found.flops, found.product) == (2 * (2 * 8 * 6) * 4 * 4 * 9, "3x3 convolution")


def test_the_peak_is_that_of_convolutions_where_these_are_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """On some CPUs torch leaves matrix products to a library that does half of what the convolutions' does."""
    taking: list[float] = []

    def clock(run: Callable[[], object]) -> float:
        taking.clear()
        run()
        return taking[0] if taking else 1.0

    mm, conv2d = torch.mm, module.conv2d
    monkeypatch.setattr(module, "clock_of", lambda device: clock)
    monkeypatch.setattr(torch, "mm", lambda *given, out: (taking.append(2.0), mm(*given, out=out)))
    monkeypatch.setattr(module, "conv2d", lambda *given, padding: (taking.append(1.0), conv2d(*given, padding=padding)))
    same = {"sides": (16,), "convolutions": ((16, 16, 1, 1, 1),), "copied": 100, "seconds": 0}
    assert (measure_peak(**same).flops, measure_peak(**same).product) == (2 * 16**3, "1x1 convolution")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_convolutions_are_computed_as_a_deployed_models(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found, maps, conv2d = [], [], module.conv2d

    def noted(*given: torch.Tensor, padding: int) -> None:
        found.extend(given)
        maps.append(conv2d(*given, padding=padding))

    monkeypatch.setattr(module, "conv2d", noted)
    measure_peak(precision=precision, sides=(), convolutions=((2, 4, 8, 6, 3),), copied=100, seconds=0)
    assert found and all(one.is_contiguous(memory_format=torch.channels_last) for one in found)
    assert {one.dtype for one in found} == {PRECISIONS[precision]}
    assert {one.shape for one in maps} == {(2, 4, 8, 6)}, "as large as what came in, as many as are counted"


@pytest.mark.parametrize(("seconds", "runs", "least"), [(0, 3, 2.0), (2.5, 7, 1.0)])
def test_the_shortest_of_the_runs_that_the_time_holds_counts(
    seconds: float, runs: int, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which half a second passes between two looks, from the third run on; runs take what is listed."""
    ran: list[str] = []
    now, taken = itertools.count(7.0, 0.5), itertools.cycle([2.4, 2.0, 2.3, 2.2, 1.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(now))
    monkeypatch.setattr(module, "clock_of", lambda device: lambda run: (run(), next(taken) if ran else 9.0)[1])
    monkeypatch.setattr(torch, "mm", lambda *_, out: ran.append("mm"))
    found = measure_peak(sides=(8,), convolutions=(), copied=100, seconds=seconds)
    assert len(ran) == 1 + runs and found.flops == 2 * 8**3 / least


def test_what_takes_long_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    monkeypatch.setattr(module, "clock_of", lambda device: lambda run: (run(), 9.0)[1])
    monkeypatch.setattr(torch, "mm", lambda *_, out: runs.append("mm"))
    measure_peak(sides=(8,), convolutions=(), copied=100, seconds=0.1)
    assert runs == ["mm", "mm"]


@pytest.mark.parametrize("allowed", [True, False])
def test_products_round_as_convolutions_may(allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before, found = torch.backends.cuda.matmul.allow_tf32, []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    monkeypatch.setattr(torch, "mm", lambda *_, out: found.append(torch.backends.cuda.matmul.allow_tf32))
    measure_peak(sides=(8,), convolutions=(), copied=100, seconds=0)
    assert set(found) == {allowed} and torch.backends.cuda.matmul.allow_tf32 == before


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_measures_something_here(precision: str) -> None:
    found = measure_peak(
        precision=precision, sides=(64,), convolutions=((1, 16, 16, 8, 3),), copied=1 << 20, seconds=0.01
    )
    assert found.flops > 1e6 and found.bandwidth > 1e6
    assert (found.device, found.precision) == ("cpu", precision) and found.threads >= 1
    assert not found.rounded, "which only CUDA does"


def test_refuses_a_device_that_there_is_not() -> None:
    with pytest.raises(UserError, match="unknown"):
        measure_peak("tpu")
    with pytest.raises(UserError, match="precision"):
        measure_peak(precision="fp12")
