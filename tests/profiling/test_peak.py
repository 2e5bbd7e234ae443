"""The machine's measured peak, and the roofline that it makes."""

from __future__ import annotations

import pytest
import torch

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
    found = measure_peak(sides=(8, 4), copied=100, seconds=0)
    assert (found.flops, found.bandwidth) == (2 * 8**3, 200)


@pytest.mark.parametrize("allowed", [True, False])
def test_products_round_as_convolutions_may(allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before, found = torch.backends.cuda.matmul.allow_tf32, []
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    monkeypatch.setattr(torch, "mm", lambda *_, out: found.append(torch.backends.cuda.matmul.allow_tf32))
    measure_peak(sides=(8,), copied=100, seconds=0)
    assert set(found) == {allowed} and torch.backends.cuda.matmul.allow_tf32 == before


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_measures_something_here(precision: str) -> None:
    found = measure_peak(precision=precision, sides=(64,), copied=1 << 20, seconds=0.01)
    assert found.flops > 1e6 and found.bandwidth > 1e6
    assert (found.device, found.precision) == ("cpu", precision) and found.threads >= 1


def test_refuses_a_device_that_there_is_not() -> None:
    with pytest.raises(UserError, match="unknown"):
        measure_peak("tpu")
