"""Anti-aliased drawing of simple shapes into a few frames at once, bit-identical on every machine.

Pixels see only float32 additions, products, quotients, roots, minima and maxima, which IEEE 754 defines to the last
bit; random numbers come from raw PCG64 output, whose stream NumPy guarantees. Sines are taken of a few numbers a frame
and rounded to a grid, so that another mathematical library draws the same picture.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]

GRID = 2.0**16


class Draws:
    """A stream of random numbers that depends on its integer key alone, not on NumPy's version or the machine."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def uniform(self, low: float, high: float, size: int) -> NDArray[np.float64]:
        """`[size]` numbers, evenly spread over [low, high)."""
        raw = np.asarray(self._bits.random_raw(size), dtype=np.uint64)
        return low + (high - low) * ((raw >> np.uint64(32)) / 2.0**32)

    def number(self, low: float, high: float) -> float:
        return float(self.uniform(low, high, 1)[0])

    def chance(self, probability: float) -> bool:
        return self.number(0, 1) < probability

    def below(self, count: int) -> int:
        """A whole number in [0, count)."""
        return int(self.number(0, count))

    def order(self, count: int) -> list[int]:
        """The numbers 0..count-1 shuffled."""
        return [int(i) for i in np.argsort(self.uniform(0, 1, count), kind="stable")]

    def normal(self, shape: tuple[int, ...]) -> Floats:
        """About normal with mean 0 and variance 1 (the sum of four uniform bytes), float32."""
        count = math.prod(shape)
        raw = np.asarray(self._bits.random_raw((count + 1) // 2), dtype="<u8")
        low = np.uint64(0x00FF00FF00FF00FF)
        two_bytes = ((raw & low) + ((raw >> np.uint64(8)) & low)).view("<u2")
        total = (two_bytes[0::2] + two_bytes[1::2])[:count].astype(np.int32)
        deviation = math.sqrt(4 * (256**2 - 1) / 12)
        return ((total - 510).astype(np.float32) / np.float32(deviation)).reshape(shape)


def on_grid(values: ArrayLike) -> Floats:
    """Values rounded to multiples of 2^-16, which hides the last-bit differences of mathematical libraries."""
    return (np.rint(np.asarray(values, dtype=np.float64) * GRID) / GRID).astype(np.float32)


class Canvas:
    """T frames of height x width pixels, addressed in the body's own coordinates.

    One unit is the walker's height; x points the way the walker goes, y down, and the crown of the head is at (0, 0).
    `left`, `top` (pixels of the crown) and `scale` (pixels a unit) are given per frame `[T]`; `facing` is 1 (to the
    right) or -1. `planes` is float32 `[3, T, height, width]`, in 0..1.
    """

    def __init__(self, height: int, width: int, left: ArrayLike, top: ArrayLike, scale: ArrayLike, facing: int) -> None:
        self.left, self.top, self.scale = on_grid(left), on_grid(top), on_grid(scale)
        self.facing = np.float32(facing)
        self.planes = np.zeros((3, len(self.left), height, width), dtype=np.float32)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height, width."""
        frames, height, width = self.planes.shape[1:]
        return frames, height, width

    def capsule(
        self, ax: ArrayLike, ay: ArrayLike, bx: ArrayLike, by: ArrayLike, radius: float, colour: Colour
    ) -> None:
        """A segment from a to b with round ends."""
        a, b = self._pixels(ax, ay), self._pixels(bx, by)
        r = np.float32(radius) * self.scale
        (x0, y0), (x1, y1) = a, b
        area = self._area(
            np.minimum(x0, x1) - r, np.maximum(x0, x1) + r, np.minimum(y0, y1) - r, np.maximum(y0, y1) + r
        )
        if area is None:
            return
        rows, columns, px, py = area
        dx, dy = (x1 - x0)[:, None, None], (y1 - y0)[:, None, None]
        qx, qy = px - x0[:, None, None], py - y0[:, None, None]
        along = np.clip((qx * dx + qy * dy) / np.maximum(dx * dx + dy * dy, np.float32(1e-6)), 0, 1)
        ex, ey = qx - along * dx, qy - along * dy
        cover = np.clip(r[:, None, None] - np.sqrt(ex * ex + ey * ey) + np.float32(0.5), 0, 1)
        self._paint(rows, columns, cover, colour)

    def ellipse(self, x: ArrayLike, y: ArrayLike, rx: float, ry: float, colour: Colour) -> None:
        cx, cy = self._pixels(x, y)
        ax, ay = np.float32(rx) * self.scale, np.float32(ry) * self.scale
        area = self._area(cx - ax, cx + ax, cy - ay, cy + ay)
        if area is None:
            return
        rows, columns, px, py = area
        u, v = (px - cx[:, None, None]) / ax[:, None, None], (py - cy[:, None, None]) / ay[:, None, None]
        inside = (1 - np.sqrt(u * u + v * v)) * np.minimum(ax, ay)[:, None, None]
        self._paint(rows, columns, np.clip(inside + np.float32(0.5), 0, 1), colour)

    def box(
        self, x0: ArrayLike, x1: ArrayLike, y0: ArrayLike, y1: ArrayLike, colour: Colour, alpha: ArrayLike = 1.0
    ) -> None:
        """An upright rectangle; each pixel is covered by its exact share, times `alpha` (one or `[T]`)."""
        a, b = self._pixels(x0, y0), self._pixels(x1, y1)
        self.pixel_box(np.minimum(a[0], b[0]), np.maximum(a[0], b[0]), a[1], b[1], colour, alpha)

    def pixel_box(
        self, left: Floats, right: Floats, top: Floats, bottom: Floats, colour: Colour, alpha: ArrayLike = 1.0
    ) -> None:
        """The same with its sides `[T]` in pixels."""
        area = self._area(left, right, top, bottom)
        if area is None:
            return
        rows, columns, px, py = area
        strength = np.broadcast_to(on_grid(alpha), left.shape)[:, None, None]
        self._paint(rows, columns, _share(px, left, right) * _share(py, top, bottom) * strength, colour)

    def cells(
        self, x: ArrayLike, y: ArrayLike, pitch: tuple[float, float], lit: NDArray[np.bool_], colour: Colour
    ) -> None:
        """A glyph: the `lit` cells of a grid `[rows, columns]` centred at (x, y), each `pitch` = (width, height)."""
        cx, cy = self._pixels(x, y)
        height, width = lit.shape
        w, h = np.float32(pitch[0]) * self.scale, np.float32(pitch[1]) * self.scale
        left, top = cx - w * np.float32(width / 2), cy - h * np.float32(height / 2)
        area = self._area(left, left + w * width, top, top + h * height)
        if area is None:
            return
        rows, columns, px, py = area
        across = [_share(px, left + w * c, left + w * (c + 1)) for c in range(width)]
        cover = np.zeros((len(cx), py.shape[1], px.shape[2]), dtype=np.float32)
        for r in range(height):
            line = sum((across[c] for c in range(width) if lit[r, c]), start=np.zeros_like(across[0]))
            cover += _share(py, top + h * r, top + h * (r + 1)) * line
        self._paint(rows, columns, np.minimum(cover, 1), colour)

    def _pixels(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Body coordinates (one number, or `[T]`) as pixels `[T]`."""
        return self.left + self.facing * on_grid(x) * self.scale, self.top + on_grid(y) * self.scale

    def _area(
        self, left: Floats, right: Floats, top: Floats, bottom: Floats
    ) -> tuple[slice, slice, Floats, Floats] | None:
        """The rows and columns that a shape touches in any frame, and the centres of their pixels."""
        _, height, width = self.shape
        c0, c1 = max(0, math.floor(left.min()) - 1), min(width, math.ceil(right.max()) + 1)
        r0, r1 = max(0, math.floor(top.min()) - 1), min(height, math.ceil(bottom.max()) + 1)
        if c0 >= c1 or r0 >= r1:
            return None
        px = np.arange(c0, c1, dtype=np.float32)[None, None, :] + np.float32(0.5)
        py = np.arange(r0, r1, dtype=np.float32)[None, :, None] + np.float32(0.5)
        return slice(r0, r1), slice(c0, c1), px, py

    def _paint(self, rows: slice, columns: slice, cover: Floats, colour: Colour) -> None:
        for plane, value in zip(self.planes, colour, strict=True):
            region = plane[:, rows, columns]
            region += cover * (np.float32(value) - region)


def _share(centres: Floats, low: Floats, high: Floats) -> Floats:
    """The share of each unit pixel that lies between `low` and `high` `[T]`."""
    half = np.float32(0.5)
    first = np.maximum(centres - half, low[:, None, None])
    last = np.minimum(centres + half, high[:, None, None])
    return np.clip(last - first, 0, 1)
