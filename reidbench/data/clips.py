"""Clips: which frames of a tracklet they take, and how a batch of them is augmented and normalised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's, for RGB in 0..1."""

ERASED = (0.4914, 0.4822, 0.4465)
"""What an erased pixel holds after normalisation, as in the authors' release."""

FLOAT = torch.float32
"""What clips are normalised to."""

IN_CACHE = 3 << 20
"""Bytes that a CPU normalises at a time, an 8-frame clip of 256x128: they are in its cache from one operation to the
next."""

ERASED_AREA = (0.02, 0.4)
ERASED_ASPECT = (0.3, 1 / 0.3)
ERASING_ATTEMPTS = 100


@dataclass(frozen=True)
class Augmentation:
    """What is done to each clip of a batch: `flips` bool [B], `boxes` int64 [B, 4] as top, left, height, width.

    A box of height 0 erases nothing. All frames of a clip are treated alike.
    """

    flips: np.ndarray
    boxes: np.ndarray


def training_clip(length: int, frames: int, stride: int, rng: np.random.Generator) -> np.ndarray:
    """The frames of one training clip of a tracklet of `length` frames, int64 [frames], as in the authors' release.

    Every `stride`-th frame from a random start where the tracklet has at least `frames * stride`; else `frames`
    distinct ones in order; else `frames` drawn with repetition, in order.
    """
    if length >= frames * stride:
        start = rng.integers(length - (frames - 1) * stride)
        return start + stride * np.arange(frames)
    return np.sort(rng.choice(length, size=frames, replace=length < frames)).astype(np.int64)


def restricted_clip(length: int, frames: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """One frame of each of `frames` equal parts of a tracklet of `length` frames, in order, int64 [frames].

    It is drawn from the part (restricted random sampling; Li et al., CVPR 2018), or without `rng` its first one. A
    tracklet with fewer frames than parts gives some of them again.
    """
    bounds = np.arange(frames + 1) * length // frames
    first = bounds[:-1]
    return first if rng is None else rng.integers(first, np.maximum(bounds[1:], first + 1))


def evaluation_clips(length: int, frames: int, clips: str = "all") -> np.ndarray:
    """The frames of the test clips of a tracklet of `length` frames, int64 [clips, frames].

    "all": every frame in contiguous chunks, the tracklet continued from its own start up to a multiple of `frames`.
    "first": the first of those chunks. "restricted": one clip, the first frame of each of `frames` equal parts.
    """
    if clips == "restricted":
        return restricted_clip(length, frames)[None]
    count = -(-length // frames) if clips == "all" else 1
    return (np.arange(count * frames) % length).reshape(count, frames)


def draw_augmentation(
    rng: np.random.Generator, batch: int, size: tuple[int, int], *, flip: float, erase: float
) -> Augmentation:
    """Draws for each of `batch` clips whether it is flipped and which rectangle of (height, width) `size` is erased.

    A rectangle covers 0.02 to 0.4 of the area at an aspect ratio (height to width) of 0.3 to 1/0.3, both uniform, and
    is drawn again, up to 100 times, until both sides are shorter than the frame's.
    """
    height, width = size
    flips = rng.random(batch) < flip
    erased = rng.random(batch) < erase
    area = rng.uniform(*ERASED_AREA, (batch, ERASING_ATTEMPTS)) * (height * width)
    aspect = rng.uniform(*ERASED_ASPECT, (batch, ERASING_ATTEMPTS))
    heights, widths = np.rint(np.sqrt(area * aspect)), np.rint(np.sqrt(area / aspect))
    fits = (heights < height) & (widths < width)
    first = fits.argmax(axis=1)
    rows = np.arange(batch)
    erased &= fits[rows, first]
    h = np.where(erased, heights[rows, first], 0).astype(np.int64)
    w = np.where(erased, widths[rows, first], 0).astype(np.int64)
    boxes = np.stack([rng.integers(height - h + 1), rng.integers(width - w + 1), h, w], axis=1)
    return Augmentation(flips, boxes)


def normalise(clips: Tensor) -> Tensor:
    """uint8 [B, T, H, W, 3] to float32 [B, T, 3, H, W] with ImageNet's mean and deviation.

    The result is a view: its memory keeps the channels last, so that frames folded into the batch are channels_last.
    Raises ValueError for clips of another type.
    """
    if clips.dtype != torch.uint8:
        raise ValueError(f"clips are {clips.dtype}; give uint8 pixels, 0 to 255")
    batch, frames, height, width, _ = clips.shape
    # Along whole rows of pixels: over the three channels alone, the loop of each operation is three numbers long.
    mean, std = _row_of_pixels(MEAN, width, clips.device), _row_of_pixels(STD, width, clips.device)
    lines = clips.reshape(-1, 3 * width)
    found = torch.empty(lines.shape, dtype=FLOAT, device=clips.device)
    piece = max(1, IN_CACHE // (12 * width)) if clips.device.type == "cpu" else max(1, len(lines))
    for pixels, floats in zip(lines.split(piece), found.split(piece), strict=True):
        floats.copy_(pixels).sub_(mean).div_(std)
    return found.view(batch, frames, height, width, 3).permute(0, 1, 4, 2, 3)


def augment(clips: Tensor, augmentation: Augmentation) -> Tensor:
    """Flips, normalises and erases: uint8 [B, T, H, W, 3] to float32 [B, T, 3, H, W], channels last in memory."""
    device = clips.device
    flips = _sent(augmentation.flips, device)
    clips = torch.where(flips[:, None, None, None, None], clips.flip(3), clips)
    top, left, height, width = _sent(augmentation.boxes, device).T[..., None]
    y = torch.arange(clips.shape[2], device=device)
    x = torch.arange(clips.shape[3], device=device)
    inside = ((y >= top) & (y < top + height))[:, :, None] & ((x >= left) & (x < left + width))[:, None, :]
    colour = _colour(ERASED, device)[:, None, None]
    return torch.where(inside[:, None, None], colour, normalise(clips))


@cache
def _colour(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Kept on the device, for what is copied there from ordinary memory waits until the device has nothing to do."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device)


@cache
def _row_of_pixels(values: tuple[float, ...], width: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return (255 * _colour(values, device)).repeat(width)


def _sent(values: np.ndarray, device: torch.device) -> Tensor:
    """An array on the device, to a GPU by way of pinned memory, so that nothing waits for it."""
    found = torch.from_numpy(values)
    return found.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else found
