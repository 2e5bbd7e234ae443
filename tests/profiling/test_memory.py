"""Peak memory: that it holds what was allocated, and forgets what came before."""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reidbench.profiling import memory
from reidbench.profiling.latency import Run, inference
from reidbench.profiling.memory import Memory, added_privately, give_back, peak_memory, peak_resident, resident
from reidbench.spec import UserError

MB = 1_000_000
WEIGHTS, ACTIVATIONS = 64 * MB, 128 * MB
SHAPE = (1, 1, 3, 8, 8)
can_forget = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the platform keeps the peak of the whole process"
)


class Heavy(nn.Module):
    """64 MB of weights, 128 MB of activations that live for one line."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WEIGHTS // 4))

    def forward(self, clips: Tensor) -> Tensor:
        return torch.ones(ACTIVATIONS // 4).sum() + clips.sum()


def heavy_after_more() -> Memory:
    older = torch.ones(600 * MB // 4)
    assert peak_resident() > 600 * MB
    del older
    give_back()
    return peak_memory(lambda: inference(Heavy(), SHAPE))


@can_forget
def test_peak_holds_weights_and_activations_and_nothing_older() -> None:
    """In a fresh process, as it asks for: what other tests left running in this one would count."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(heavy_after_more).result()
    assert 0.98 * (WEIGHTS + ACTIVATIONS) < found.added < WEIGHTS + ACTIVATIONS + 60 * MB
    assert found.peak == found.before + found.added
    assert found.reserved == 0


def test_what_a_call_adds_is_its_own_memory_and_not_the_pages_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "file.npy", np.ones(200 * MB // 8))
    held: list[float] = []

    def run() -> None:
        own = np.ones(100 * MB // 8)
        mapped = np.load(tmp_path / "file.npy", mmap_mode="r")
        held.append(float(mapped.sum() + own.sum()))
        time.sleep(0.05)

    give_back()
    added = added_privately(run)
    assert held == [300 * MB / 8]
    if sys.platform == "linux":
        assert added is not None and 95 * MB < added < 150 * MB
    monkeypatch.setattr(memory, "_linux_status", dict)
    assert added_privately(lambda: None) is None


@can_forget
def test_half_precision_halves_the_weights() -> None:
    class Light(Heavy):
        def forward(self, clips: Tensor) -> Tensor:
            return clips.sum()

    give_back()
    before = resident()
    model = Light()
    peak_memory(lambda: inference(model, SHAPE, precision="bf16"))
    give_back()
    assert model.weight.dtype == torch.bfloat16
    assert resident() - before < 0.75 * WEIGHTS


def test_the_peak_is_never_below_the_present() -> None:
    assert peak_resident() >= 0.99 * resident() > 10 * MB


@pytest.mark.skipif(sys.platform == "win32", reason="no getrusage")
def test_without_proc_the_peak_comes_from_getrusage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same within a factor: a wrong unit would be off by 1024."""
    exact = peak_resident()
    monkeypatch.setattr(memory, "_linux_status", dict)
    assert exact / 20 < peak_resident() < 20 * exact


def test_added_is_what_lies_above_the_start() -> None:
    assert Memory(peak=10, before=4).added == 6


def test_an_unknown_device_is_refused_before_anything_is_started() -> None:
    def start() -> Run:
        raise AssertionError("started")

    with pytest.raises(UserError, match="device 'tpu' is unknown"):
        peak_memory(start, device="tpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_cuda_the_allocator_is_read() -> None:
    found = peak_memory(
        lambda: inference(nn.Sequential(nn.Flatten(), nn.Linear(192, 4096)), SHAPE, device="cuda"), device="cuda"
    )
    assert 192 * 4096 * 4 <= found.added < 4 * MB + 192 * 4096 * 4
    assert found.reserved >= found.added


def test_a_peak_that_the_system_counts_late_is_not_below_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "peak_resident", lambda: 0)
    found = memory.peak_memory(lambda: lambda: None)
    assert found.peak == found.before > 0 and found.added == 0
