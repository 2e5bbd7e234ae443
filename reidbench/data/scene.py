"""Cameras and takes: where, when and how a walker is filmed, which is everything that does not stay with the person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reidbench.data.canvas import Canvas, Colour, Draws, Floats, on_grid
from reidbench.data.walkers import Person, draw_walker

LEVELS = 1024
"""Entries of a camera's tone curve."""

HALF = 0.5
"""The share of a pixel from which on it counts as that of what covers it."""


@dataclass(frozen=True)
class Camera:
    """`gain` a channel, `gamma`, `blur` (share of a pixel given to its four neighbours), `yaw` (1: from the side), and
    a background of two colours in soft diagonal bands (`slope` pixels across a pixel down, `pitch` frame widths)."""

    gain: Colour
    gamma: float
    blur: float
    yaw: float
    colours: tuple[Colour, Colour]
    slope: float
    pitch: float


@dataclass(frozen=True)
class Occluder:
    """A striped thing in front of the walker in frames first..last-1: a "post" passing by, a "wall" or a "person".
    `cover` is the share it hides of the frame's width (a wall: height), `drift` in widths from frame to frame."""

    kind: str
    first: int
    last: int
    cover: float
    start: float
    drift: float
    colours: tuple[Colour, Colour]


@dataclass(frozen=True)
class Take:
    """The circumstances of one tracklet. `left`, `top` and `scale` `[T]` are in frame widths, heights and heights;
    `rate` is the frame rate relative to the default; `phase` is where in the gait it begins; `noise` is in levels of
    255; `seed` is that of the noise."""

    facing: int
    left: NDArray[np.float64]
    top: NDArray[np.float64]
    scale: NDArray[np.float64]
    rate: float
    phase: float
    noise: float
    background: float
    quality: int
    occluder: Occluder | None
    seed: int

    @property
    def frames(self) -> int:
        return len(self.left)

    @property
    def elapsed(self) -> NDArray[np.float64]:
        """`[T]`, the time since the first frame; its unit is that from one frame to the next at rate 1."""
        return np.arange(self.frames) / self.rate


def draw_cameras(draws: Draws, count: int, shift: float) -> list[Camera]:
    """`shift` scales how far cameras differ from each other: 0 gives every camera the same image, except for its
    background."""

    def around(value: float, spread: float) -> float:
        return value + shift * draws.number(-spread, spread)

    found = []
    for _ in range(count):
        exposure = around(1.0, 0.22)
        r, g, b = (exposure * around(1.0, 0.12) for _ in range(3))
        found.append(
            Camera(
                gain=(r, g, b),
                gamma=max(0.2, around(1.0, 0.22)),
                blur=max(0.0, around(0.04, 0.04)),
                yaw=min(1.0, around(0.9, 0.1)),
                colours=(_tint(draws), _tint(draws)),
                slope=draws.number(-0.6, 0.6),
                pitch=draws.number(0.15, 0.4),
            )
        )
    return found


def draw_take(draws: Draws, frames: int, occlusion: float, *, rate: float = 1.0, misalignment: float = 1.0) -> Take:
    """The circumstances of a tracklet of `frames` frames, hidden in part with probability `occlusion`.

    At `rate` r whatever moves goes 1/r times as far between frames, and an occluder stays for r times as many of them,
    the whole tracklet at most. `misalignment` scales how far the box strays: its offset and its size, drawn once, and
    its jitter from frame to frame. Neither changes what is drawn later: takes that differ in them alone are comparable.
    """
    seed = draws.below(2**32)
    facing = 1 if draws.chance(0.5) else -1
    jitter = draws.uniform(-0.0087, 0.0087, 2 * frames).reshape(2, frames)
    left = 0.5 + misalignment * draws.number(-0.035, 0.035) + misalignment * jitter[0]
    scale = np.full(frames, 0.87 * (1 + misalignment * (draws.number(0.92, 1.08) - 1)))
    top = (1 - scale) / 2 + misalignment * draws.number(-0.02, 0.02) + misalignment * jitter[1] / 2
    phase, noise, background = draws.number(0, 1), draws.number(1.5, 4), draws.number(0, 1)
    quality = 80 + draws.below(16)
    hidden = draws.chance(occlusion)
    occluder = _occluder(draws, frames, rate)
    return Take(facing, left, top, scale, rate, phase, noise, background, quality, occluder if hidden else None, seed)


def render(person: Person, take: Take, camera: Camera, height: int, width: int) -> NDArray[np.uint8]:
    """The frames of a tracklet, uint8 `[T, height, width, 3]`, before JPEG."""
    canvas = _canvas(person, take, height, width)
    _background(canvas, camera, take)
    _perform(canvas, person, take, camera)
    return _expose(canvas.planes, camera, take)


def visible(
    person: Person, take: Take, camera: Camera, height: int, width: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels show the walker and which the emblem, each bool `[T, height, width]`; an occluder shows neither.

    A pixel is the walker's where a change of background hardly shows, the emblem's where a change of its cells does.
    """

    def shown(backdrop: float, lit: bool) -> Floats:
        canvas = _canvas(person, take, height, width)
        canvas.planes[:] = backdrop
        _perform(canvas, replace(person, emblem=(lit,) * len(person.emblem)), take, camera)
        return canvas.planes

    covered = np.abs(shown(1, True) - shown(0, True)).max(0) < HALF
    emblem = np.abs(shown(0, True) - shown(0, False)).max(0) > HALF
    if take.occluder:
        black, white = (_canvas(person, take, height, width) for _ in range(2))
        white.planes[:] = 1
        for canvas in (black, white):
            _occlude(canvas, take.occluder)
        covered &= np.abs(white.planes - black.planes).max(0) >= HALF
    return covered, emblem


def _canvas(person: Person, take: Take, height: int, width: int) -> Canvas:
    scale = take.scale * height * person.stature
    return Canvas(height, width, take.left * width, take.top * height, scale, take.facing)


def _perform(canvas: Canvas, person: Person, take: Take, camera: Camera) -> None:
    """The walker, with what stands in front."""
    draw_walker(canvas, person, take.phase + take.elapsed / person.period, camera.yaw)
    if take.occluder:
        _occlude(canvas, take.occluder)


def _background(canvas: Canvas, camera: Camera, take: Take) -> None:
    """Bands that glide by as the walker goes."""
    _, height, width = canvas.shape
    x = (np.arange(width, dtype=np.float32) / np.float32(width))[None, None, :]
    y = (np.arange(height, dtype=np.float32) / np.float32(height))[None, :, None]
    glide = on_grid(take.background - 0.02 * take.facing * take.elapsed)[:, None, None]
    turns = (x + y * np.float32(on_grid(2 * camera.slope)) - glide) / np.float32(on_grid(camera.pitch))
    mix = np.abs(2 * (turns - np.floor(turns)) - 1) * np.float32(0.5) + y * np.float32(0.5)
    for plane, a, b in zip(canvas.planes, *camera.colours, strict=True):
        plane[:] = np.float32(a) + mix * np.float32(b - a)


def _occluder(draws: Draws, frames: int, rate: float) -> Occluder:
    kind = ("post", "wall", "person")[draws.below(3)]
    length = min(frames, max(1, round(frames * draws.number(0.3, 0.8) * rate)))
    first = draws.below(frames - length + 1)
    cover = draws.number(0.3, 0.6)
    start, drift = draws.number(0, 1 - cover), draws.number(-0.02, 0.02) / rate
    return Occluder(kind, first, first + length, cover, start, drift, (_tint(draws), _tint(draws)))


def _occlude(canvas: Canvas, occluder: Occluder) -> None:
    frames, height, width = canvas.shape
    time = np.arange(frames)
    seen = ((time >= occluder.first) & (time < occluder.last)).astype(np.float64)
    top, bottom = np.zeros(frames, np.float32), np.full(frames, height, np.float32)
    left, right = np.zeros(frames, np.float32), np.full(frames, width, np.float32)
    if occluder.kind == "wall":
        top = np.full(frames, (1 - occluder.cover) * height, np.float32)
    else:
        left = on_grid((occluder.start + occluder.drift * (time - occluder.first)) * width)
        right = left + np.float32(occluder.cover * width)
    if occluder.kind == "person":
        top = np.full(frames, 0.22 * height, np.float32)
        middle = (left + right) * np.float32(0.5)
        reach = np.float32(0.09 * height)
        canvas.pixel_box(middle - reach, middle + reach, top - np.float32(2) * reach, top, occluder.colours[1], seen)
    canvas.pixel_box(left, right, top, bottom, occluder.colours[0], seen)
    band = (bottom - top) * np.float32(1 / 7)
    for i in range(1, 7, 2):
        canvas.pixel_box(
            left, right, top + band * np.float32(i), top + band * np.float32(i + 1), occluder.colours[1], seen
        )


def _expose(planes: Floats, camera: Camera, take: Take) -> NDArray[np.uint8]:
    """What the camera makes of the scene: blur, gain and tone curve, noise, 8 bits."""
    planes = _blur(planes, camera.blur)
    scaled = planes * on_grid(camera.gain)[:, None, None, None] * np.float32(LEVELS - 1)
    tone = on_grid(255 * (np.arange(LEVELS) / (LEVELS - 1)) ** camera.gamma)
    levels = tone[np.rint(np.clip(scaled, 0, LEVELS - 1)).astype(np.int32)]
    levels += np.float32(take.noise) * Draws(take.seed).normal(levels.shape)
    return np.ascontiguousarray(np.rint(np.clip(levels, 0, 255)).astype(np.uint8).transpose(1, 2, 3, 0))


def _blur(planes: Floats, share: float) -> Floats:
    padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    around = padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1] + padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:]
    return planes + np.float32(share) * (around - 4 * planes)


def _tint(draws: Draws) -> Colour:
    r, g, b = (draws.number(0.1, 0.9) for _ in range(3))
    return r, g, b
