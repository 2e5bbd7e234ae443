"""The most that this machine can do, as this project measures it: matrix products and copies of memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from reidbench.precision import PRECISIONS
from reidbench.profiling.latency import check_device, check_precision, clock_of

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Rows and columns of the square products that are tried."""

COPIED = 256 * 2**20
"""Bytes of the buffer that is copied: more than the caches of a processor hold."""

SECONDS = 0.5
"""How long each product and the copy are repeated."""


@dataclass(frozen=True)
class Peak:
    """`flops` are operations a second, two for each multiply-accumulate, in the best of the matrix products.

    `bandwidth` is in bytes a second, read and written, of the best copy. Measured with torch's `threads`. `rounded`:
    the products of float32 were computed in TF32.
    """

    flops: float
    bandwidth: float
    device: str
    precision: str
    threads: int
    rounded: bool = False

    def least_seconds(self, flops: float, moved: float) -> float:
        """The roofline: what so many operations on so many bytes take at least."""
        return max(flops / self.flops, moved / self.bandwidth)

    def attainable(self, intensity: float) -> float:
        """Operations a second at so many operations a byte: min(peak, intensity x bandwidth)."""
        return min(self.flops, intensity * self.bandwidth)


def measure_peak(
    device: str = "cpu",
    precision: str = "fp32",
    *,
    sides: tuple[int, ...] = (),
    copied: int = COPIED,
    seconds: float = SECONDS,
) -> Peak:
    """The best of square matrix products and of copies, each repeated for `seconds`, with the threads torch has now.

    On CUDA the products round to TF32 where torch lets convolutions do so, whose limit they are to be.

    Raises UserError for a device that is not there or an unknown precision.
    """
    check_device(device)
    check_precision(precision)
    sides = sides or SIDES[torch.device(device).type]
    with _rounding_as_convolutions():
        rates = [2 * side**3 / _best(_product(side, device, precision), device, seconds) for side in sides]
    source = torch.ones(copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy = _best(lambda: target.copy_(source), device, seconds)
    rounded = torch.device(device).type == "cuda" and precision == "fp32" and torch.backends.cudnn.allow_tf32
    return Peak(max(rates), 2 * copied / copy, device, precision, torch.get_num_threads(), rounded)


@contextlib.contextmanager
def _rounding_as_convolutions() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _product(side: int, device: str, precision: str) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(side, side, generator=generator).to(device, PRECISIONS[precision]) for _ in range(2))
    result = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=result)


def _best(run: Callable[[], object], device: str, seconds: float) -> float:
    """The shortest of the runs that `seconds` hold, after one to warm up, and of three at least."""
    clock = clock_of(device)
    run()
    found: list[float] = []
    began = time.perf_counter()
    while len(found) < 3 or time.perf_counter() - began < seconds:
        found.append(clock(run))
    return min(found)
