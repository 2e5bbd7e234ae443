"""Frames from disk to uint8 tensors, decoded once and kept in one memory-mapped file where they fit."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from reidbench.data.cache import cache_folder, leaves_room
from reidbench.data.images import AT_A_TIME, missing, read_image
from reidbench.data.jpeg import decode_jpeg
from reidbench.data.tracklets import Dataset, Tracklet
from reidbench.files import alone, replacing
from reidbench.resources import allowed_cores
from reidbench.spec import Advance

Made = TypeVar("Made")

CACHE_LIMIT = 8 << 30
"""Bytes of decoded frames that a cache file may take, unless the caller says otherwise."""

DECODER = "1: RGB, bicubic"
"""Names how pixels are made; a change makes every cache file anew."""

CHUNK = 1024
"""Frames between two writes to a cache file, and between two reports of how far a pass over them is."""


@dataclass(frozen=True)
class Frames:
    """The frames of a list of tracklets at one size, numbered through from the first tracklet to the last.

    `starts` int64 [N + 1] holds each tracklet's first number and, at the end, the total. `pixels` uint8
    [total, H, W, 3] holds them decoded; where it is None they are decoded whenever they are asked for.
    """

    root: Path
    paths: tuple[str, ...]
    starts: np.ndarray
    size: tuple[int, int]
    pixels: Tensor | None
    threads: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """That of `pixels`, whose bytes are as many as its elements."""
        return (len(self.paths), *self.size, 3)

    def gather(self, numbers: np.ndarray) -> Tensor:
        """The frames of these numbers, uint8 [*numbers.shape, H, W, 3], on the device that `pixels` is on.

        Raises UserError naming the first frame that is missing or damaged, where frames are decoded when asked for.
        """
        flat = numbers.reshape(-1)
        if self.pixels is not None:
            rows = torch.from_numpy(flat).to(self.pixels.device)
            found = self.pixels.index_select(0, rows)
        else:
            paths = [self.paths[number] for number in flat]
            found = torch.from_numpy(decode_frames(self.root, paths, self.size, threads=self.threads))
        return found.reshape(*numbers.shape, *self.size, 3)

    def on(self, device: torch.device) -> Frames:
        """The same frames held on a CUDA device, where they take at most a quarter of its free memory."""
        if self.pixels is None or device.type != "cuda":
            return self
        free, _ = torch.cuda.mem_get_info(device)
        return replace(self, pixels=self.pixels.to(device)) if self.pixels.nbytes <= free // 4 else self


def open_frames(
    dataset: Dataset,
    tracklets: Sequence[Tracklet],
    size: tuple[int, int],
    *,
    limit: int = CACHE_LIMIT,
    threads: int = 0,
    progress: Advance | None = None,
) -> Frames:
    """The frames of `tracklets` at `size` (height, width), from a cache file that is made if it is not there.

    The file is named by the dataset's fingerprint, the size, and every frame's path, length in bytes and time of
    change, so that it serves no other root and no overwritten frame. Frames that would take more than `limit` bytes,
    or the disk's last tenth, are decoded when asked for instead. `threads` decode in parallel (0: as many as torch may
    use), for the file at least one a core. `progress` is told how many frames have been looked at and decoded, which
    takes minutes for half a million.

    Raises UserError naming the first frame that is missing or damaged, and if the cache cannot be written.
    """
    frames = name_frames(dataset, tracklets, size, threads=threads)
    file = cache_file(dataset, frames, limit, progress)
    if file is None:
        return frames
    pixels = _map(file, frames.shape)
    if pixels is None:
        with alone(file):
            pixels = _map(file, frames.shape)
            if pixels is None:
                _write(file, frames, progress)
                pixels = _map(file, frames.shape)
    return replace(frames, pixels=pixels)


def name_frames(dataset: Dataset, tracklets: Sequence[Tracklet], size: tuple[int, int], *, threads: int = 0) -> Frames:
    """The frames of `tracklets`, to be decoded when asked for."""
    paths = tuple(chain.from_iterable(t.frames for t in tracklets))
    starts = np.cumsum([0, *(len(t.frames) for t in tracklets)], dtype=np.int64)
    return Frames(dataset.root, paths, starts, size, None, threads or torch.get_num_threads())


def cache_file(
    dataset: Dataset, frames: Frames, limit: int = CACHE_LIMIT, progress: Advance | None = None
) -> Path | None:
    """The file that keeps these frames decoded, whether it is there or not; None where they are not to be kept.

    Every frame is looked at for its name, which `progress` is told.

    Raises UserError naming the first frame that is missing.
    """
    need = int(np.prod(frames.shape))
    if not frames.paths or need > limit:
        return None
    height, width = frames.size
    name = f"{dataset.name}-{height}x{width}-{_key(frames, dataset.fingerprint, progress)}.npy"
    file = cache_folder() / "frames" / name
    return file if is_kept(file, frames) or leaves_room(cache_folder(), need) else None


def is_kept(file: Path, frames: Frames) -> bool:
    """Whether a cache file is there and whole."""
    return _map(file, frames.shape) is not None


def check_present(frames: Frames) -> None:
    """Raises UserError naming the first frame that is missing: one listing of each folder, no call a frame."""
    present: dict[str, set[str]] = {}
    for path in frames.paths:
        folder, _, name = path.rpartition("/")
        if folder not in present:
            present[folder] = _files(frames.root / folder)
        if name not in present[folder]:
            raise missing(frames.root / path)


def in_turn(make: Callable[[int], Made], numbers: range, device: torch.device) -> Iterator[tuple[int, Made]]:
    """Each number with what `make` makes of it; for a GPU the next is made in a thread while the last is used."""
    if device.type != "cuda" or not numbers:
        yield from ((number, make(number)) for number in numbers)
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make, numbers[0])
        for number, following in zip(numbers, [*numbers[1:], None], strict=True):
            made = coming.result()
            if following is not None:
                coming = pool.submit(make, following)
            yield number, made


def decode(path: Path | str, out: np.ndarray) -> None:
    """One JPEG or PNG into `out`, uint8 [H, W, 3] without gaps, resized bicubically where its size differs.

    Raises UserError naming the file if it is missing or damaged.
    """
    if decode_jpeg(path, out):
        return
    height, width, _ = out.shape
    rgb = read_image(Path(path))
    if rgb.size != (width, height):
        rgb = rgb.resize((width, height), Image.Resampling.BICUBIC)
    out[:] = np.asarray(rgb)


def decode_frames(root: Path, paths: Sequence[str], size: tuple[int, int], *, threads: int) -> np.ndarray:
    """Frames given by their paths below `root`, uint8 [len(paths), H, W, 3], decoded by `threads` threads.

    A path that is there several times is decoded once. Raises UserError naming the first frame that is missing or
    damaged.
    """
    out = np.empty((len(paths), *size, 3), dtype=np.uint8)
    first: dict[str, int] = {}
    for row, path in enumerate(paths):
        first.setdefault(path, row)
    rows = list(first.values())

    def fill(part: Sequence[int]) -> None:
        for row in part:
            # A Path for each frame takes a thirtieth of the time that decoding it does.
            decode(os.path.join(root, paths[row]), out[row])  # noqa: PTH118

    if threads <= 1 or len(rows) < 2 * threads:
        fill(rows)
    else:
        step = min(AT_A_TIME, math.ceil(len(rows) / threads))
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(fill, (rows[start : start + step] for start in range(0, len(rows), step))):
                pass
    for row, path in enumerate(paths):
        if first[path] != row:
            out[row] = out[first[path]]
    return out


def seconds_to_keep(frames: Frames) -> float:
    """How long decoding all frames into their cache file will take, by some from their middle."""
    middle = max(0, len(frames.paths) - CHUNK) // 2
    some = frames.paths[middle : middle + CHUNK]
    began = time.perf_counter()
    decode_frames(frames.root, some, frames.size, threads=_writers(frames))
    return (time.perf_counter() - began) * len(frames.paths) / len(some)


def _writers(frames: Frames) -> int:
    """Threads that decode a cache file: trainings on a CPU compute in one each, and all wait for the file."""
    return max(frames.threads, allowed_cores())


def _files(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except OSError:
        return set()


def _key(frames: Frames, fingerprint: str, progress: Advance | None) -> str:
    digest = hashlib.sha256(f"{DECODER}\n{fingerprint}\n{frames.size}\n".encode())
    for number, path in enumerate(frames.paths):
        try:
            found = (frames.root / path).stat()
        except OSError as error:
            raise missing(frames.root / path) from error
        digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
        if progress and number % CHUNK == 0:
            progress(number, len(frames.paths), "frames looked at")
    return digest.hexdigest()[:16]


def _map(file: Path, shape: tuple[int, ...]) -> Tensor | None:
    """The array of a cache file, or None if there is no whole one of that shape."""
    try:
        array = np.load(file, mmap_mode="c", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    return torch.from_numpy(array) if array.shape == shape and array.dtype == np.uint8 else None


def _write(file: Path, frames: Frames, progress: Advance | None) -> None:
    # Written in sequence, not through a memory map: there a full disk is a signal that kills the process.
    header = {"descr": "|u1", "fortran_order": False, "shape": frames.shape}
    with replacing(file) as temporary, temporary.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, header)
        for first in range(0, len(frames.paths), CHUNK):
            paths = frames.paths[first : first + CHUNK]
            out.write(decode_frames(frames.root, paths, frames.size, threads=_writers(frames)).data)
            if progress:
                progress(first + len(paths), len(frames.paths), "frames decoded to be kept")
