"""Decoding: from JPEGs to normalised clips.

Run it with `pytest tests/benchmarks/test_decoding.py --benchmark-only -s`. It tells how many frames a second a core
yields, and where its time goes. And it decides whether frames that do not fit the cache should be decoded by several
processes: they should where processes decode clearly more than as many threads, or leave clearly more to the thread
that feeds the GPU.
"""

from __future__ import annotations

import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from plain_loading import plain_clips
from speed_page import Tell, with_interval

from reidbench.data import jpeg
from reidbench.data.clips import normalise
from reidbench.data.frames import decode_frames
from reidbench.data.jpeg import content_of, decoder
from reidbench.machine import physical_cores
from reidbench.profiling.latency import interleave
from reidbench.statistics import ratio_interval

SIZE = (256, 128)
FRAMES = 512
"""As many as in a batch of the paper's recipe: 64 clips of 8 frames."""

ROUNDS = 8
NAMES = [f"{n}.jpg" for n in range(FRAMES)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEGs of about 15 kB, smooth with some noise, as those of persons are."""
    return write_frames(tmp_path_factory.mktemp("frames"), NAMES, quality=92)


def write_frames(folder: Path, names: list[str], quality: int) -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        coarse = Image.fromarray(rng.integers(0, 256, (32, 16, 3)).astype(np.uint8))
        fine = np.asarray(coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC)) + rng.normal(0, 6, (*SIZE, 3))
        Image.fromarray(fine.clip(0, 255).astype(np.uint8)).save(folder / name, quality=quality)
    return folder


def decode(root: Path, names: list[str], threads: int = 1) -> int:
    return len(decode_frames(root, names, SIZE, threads=threads))


@pytest.mark.parametrize("quality", [92, 60])
@pytest.mark.parametrize("decoder", ["simplejpeg", "Pillow"])
def test_one_core_against_a_loader_of_single_frames(
    quality: int,
    decoder: str,
    tmp_path: Path,
    benchmark: Any,
    tell: Tell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tracklet of 64 frames, 256x128, to normalised 8-frame clips: in all, and each of its steps."""
    if decoder == "Pillow":
        monkeypatch.setattr(jpeg, "_turbo", lambda: None)
    else:
        pytest.importorskip("simplejpeg")
    names = NAMES[:64]
    write_frames(tmp_path, names, quality)
    paths = [tmp_path / name for name in names]
    pixels = torch.from_numpy(decode_frames(tmp_path, names, SIZE, threads=1)).unflatten(0, (-1, 8))

    def ours() -> torch.Tensor:
        return normalise(torch.from_numpy(decode_frames(tmp_path, names, SIZE, threads=1)).unflatten(0, (-1, 8)))

    runs: dict[str, Callable[[], object]] = {
        "one by one": lambda: plain_clips(paths, 8, SIZE),
        "ours": ours,
        "read": lambda: [content_of(path) for path in paths],
        "read and decode": lambda: decode_frames(tmp_path, names, SIZE, threads=1),
        "normalise": lambda: normalise(pixels),
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.testing.assert_close(ours(), plain_clips(paths, 8, SIZE), rtol=1e-5, atol=1e-6)
        timings = benchmark.pedantic(lambda: interleave(runs, rounds=15, warmup=2), rounds=1)
    finally:
        torch.set_num_threads(threads)
    ratio = ratio_interval(timings.seconds["one by one"], timings.seconds["ours"])
    each = {name: 1e6 * statistics.median(seconds) / len(names) for name, seconds in timings.seconds.items()}
    size = sum(path.stat().st_size for path in paths) / len(paths)
    benchmark.extra_info |= {"times_as_fast": ratio.value, "microseconds_a_frame": each, "bytes": size}
    tell(
        "From JPEGs to normalised clips on one core, in microseconds a frame of 256x128",
        decoder=f"{decoder}, frames of {size / 1000:.1f} kB",
        times_as_fast=with_interval(ratio),
        **{name: f"{spent:.0f}" for name, spent in each.items()},
    )
    assert ratio.value > 1


def test_frames_a_second(root: Path, benchmark: Any, tell: Tell) -> None:
    cores = physical_cores()
    parts = [NAMES[n::cores] for n in range(cores)]
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(decode, root), [part[:4] for part in parts]))
        runs: dict[str, Callable[[], object]] = {
            "1 thread": partial(decode, root, NAMES, 1),
            f"{cores} threads": partial(decode, root, NAMES, cores),
            f"{4 * cores} threads": partial(decode, root, NAMES, 4 * cores),
            f"{cores} processes": lambda: list(pool.map(partial(decode, root), parts)),
        }
        timings = benchmark.pedantic(lambda: interleave(runs, rounds=ROUNDS, warmup=1), rounds=1)
    speeds = {name: FRAMES / statistics.median(seconds) for name, seconds in timings.seconds.items()}
    benchmark.extra_info["frames_per_second"] = speeds
    for name, speed in speeds.items():
        tell(f"Frames of 256x128 and about 15 kB decoded a second, by {decoder()}", by=name, frames=f"{speed:.0f}")
    assert all(speed > 0 for speed in speeds.values())


def test_what_is_left_to_the_thread_that_feeds_the_gpu(root: Path, benchmark: Any) -> None:
    """Its many small calls into torch take so many times as long while frames are decoded beside it."""
    runs = {
        "alone": small_calls,
        "beside threads": partial(beside, threading.Thread, threading.Event, root),
        "beside a process": partial(
            beside, multiprocessing.get_context("spawn").Process, multiprocessing.get_context("spawn").Event, root
        ),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}

    def measure() -> None:
        for _ in range(ROUNDS):
            for name, run in runs.items():
                found[name].append(run())

    benchmark.pedantic(measure, rounds=1)
    medians = {name: statistics.median(seconds) for name, seconds in found.items()}
    benchmark.extra_info["times_as_long"] = {name: median / medians["alone"] for name, median in medians.items()}
    assert medians["alone"] > 0


def small_calls() -> float:
    """Seconds."""
    values, began = torch.zeros(16), time.perf_counter()
    for _ in range(20_000):
        values = (values + 1) * 0.5
    return time.perf_counter() - began


def beside(start: Callable[..., Any], event: Callable[[], Any], root: Path) -> float:
    """Seconds that the small calls take while all cores but one decode."""
    begun, ended = event(), event()
    other = start(target=decode_until, args=(root, max(1, physical_cores() - 1), begun, ended))
    other.start()
    begun.wait()
    try:
        return small_calls()
    finally:
        ended.set()
        other.join()


def decode_until(root: Path, threads: int, begun: Any, ended: Any) -> None:
    while not ended.is_set():
        decode(root, NAMES[:64], threads)
        begun.set()
