"""The most that this machine can do, as this project measures it: large products and copies of memory.

A matrix product is not enough: torch has it done by another library than convolutions, which may be half as fast."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import conv2d

from reidbench.precision import PRECISIONS, without_tf32
from reidbench.profiling.latency import check_device, check_precision, clock_of

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Rows and columns of the square matrix products that are tried."""

Convolution = tuple[int, int, int, int, int]
"""Of frames [N, C, H, W] to as many channels: N, C, H, W and the sides of the kernel."""

CONVOLUTIONS: dict[str, tuple[Convolution, ...]] = {
    "cpu": ((8, 512, 32, 16, 1), (8, 64, 64, 32, 3), (8, 256, 32, 16, 3)),
    "cuda": ((256, 1024, 32, 16, 1), (256, 256, 32, 16, 3)),
}
"""Those that are tried: as large as the stages of the models here, on CUDA larger, so that they fill it."""

COPIED = 256 * 2**20
"""Bytes of the buffer that is copied: more than the caches of a processor hold."""

SECONDS = 0.5
"""How long each of them and the copy are repeated."""


@dataclass(frozen=True)
class Peak:
    """`flops` are operations a second, two for each multiply-accumulate, of what was the fastest: `product`.

    `bandwidth` is in bytes a second, read and written, of the best copy. Measured with torch's `threads`. `rounded`:
    the products of float32 were computed in TF32.
    """

    flops: float
    bandwidth: float
    device: str
    precision: str
    threads: int
    rounded: bool = False
    product: str = "matrix product"

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
    sides: Sequence[int] | None = None,
    convolutions: Sequence[Convolution] | None = None,
    copied: int = COPIED,
    seconds: float = SECONDS,
) -> Peak:
    """The best of square matrix products and channels_last convolutions, and of copies, with the threads torch has now.

    Each is repeated for `seconds`. On CUDA matrix products round to TF32 where torch lets convolutions do so.

    Raises UserError for a device that is not there or an unknown precision.
    """
    check_device(device)
    check_precision(precision)
    without_tf32(precision)
    kind, rates = torch.device(device).type, []
    with _rounding_as_convolutions(), torch.inference_mode():
        for side in SIDES[kind] if sides is None else sides:
            took = _best(_product(side, device, precision), device, seconds)
            rates.append((2 * side**3 / took, "matrix product"))
        for shape in CONVOLUTIONS[kind] if convolutions is None else convolutions:
            frames, channels, height, width, kernel = shape
            took = _best(_convolution(shape, device, precision), device, seconds)
            operations = 2 * frames * height * width * channels**2 * kernel**2
            rates.append((operations / took, f"{kernel}x{kernel} convolution"))
    flops, product = max(rates)
    source = torch.ones(copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy = _best(lambda: target.copy_(source), device, seconds)
    rounded = kind == "cuda" and precision == "fp32" and torch.backends.cudnn.allow_tf32
    return Peak(flops, 2 * copied / copy, device, precision, torch.get_num_threads(), rounded, product)


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


def _convolution(shape: Convolution, device: str, precision: str) -> Callable[[], object]:
    """Zeros around the frames count as operations, as counters have it."""
    frames, channels, height, width, kernel = shape
    generator = torch.Generator().manual_seed(0)
    maps, weights = (
        torch.randn(size, generator=generator).to(device, PRECISIONS[precision], memory_format=torch.channels_last)
        for size in ((frames, channels, height, width), (channels, channels, kernel, kernel))
    )
    return lambda: conv2d(maps, weights, padding=kernel // 2)


def _best(run: Callable[[], object], device: str, seconds: float) -> float:
    """The shortest of the runs that `seconds` hold, after one to warm up, and of three at least.

    What takes longer than that is run once more only: a matrix product in fp16 takes seconds on most CPUs.
    """
    clock = clock_of(device)
    run()
    found: list[float] = []
    began = time.perf_counter()
    while len(found) < 3 or time.perf_counter() - began < seconds:
        found.append(clock(run))
        if found[0] > seconds > 0:
            break
    return min(found)
