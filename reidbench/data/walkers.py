"""Articulated walkers: who they are, which of them look alike, and how one is drawn in a moment of the gait.

Look-alikes make one factor at a time decide. An emblem group is four persons who differ in a small chest emblem only
(every emblem lights half of its cells, so the mean colour is no help); a tempo pair differs in the period of its gait
only. Everybody's coat has a pale flap that opens and closes with the gait, so that tempo shows in appearance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reidbench.data.canvas import Canvas, Colour, Draws, on_grid
from reidbench.data.lookalikes import EMBLEM, FLAP, GROUP_SIZE, TEMPO

PERIODS = (4.0, 14.0)
"""Frames a gait cycle at rate 1, of the quick and of the slow walkers.

At another frame rate r a cycle has r times as many. From r = 0.5 down a quick cycle has two frames or fewer and is
aliased: at 0.5 its flap flickers, by an amount that depends on where in the gait the tracklet begins; below, it seems
to go backwards and ever slower; at 0.32 as fast as the slow walker's, 4.5 frames a cycle; at 0.25 it stands almost
still. At 4 a quick cycle has 16 frames and a slow one 56, of which a tracklet of 16 shows less than a third.
"""
FLAP_STATES = (0.0, 0.33, 0.67, 1.0)

SKIN: tuple[Colour, ...] = ((0.96, 0.80, 0.69), (0.87, 0.67, 0.50), (0.66, 0.46, 0.33), (0.42, 0.28, 0.20))
HAIR: tuple[Colour, ...] = ((0.10, 0.08, 0.07), (0.35, 0.22, 0.12), (0.78, 0.62, 0.32), (0.58, 0.57, 0.58))
CLOTH: tuple[Colour, ...] = (
    (0.80, 0.16, 0.14),
    (0.16, 0.36, 0.78),
    (0.14, 0.52, 0.28),
    (0.84, 0.68, 0.16),
    (0.46, 0.22, 0.58),
    (0.70, 0.42, 0.16),
    (0.20, 0.22, 0.26),
    (0.56, 0.58, 0.60),
    (0.20, 0.62, 0.66),
    (0.82, 0.46, 0.60),
)
BLACK: Colour = (0.04, 0.04, 0.04)
WHITE: Colour = (0.96, 0.96, 0.96)

EMBLEM_CELL = 1.7 / 64
"""Width and height of an emblem's cell in statures: about 1.5 pixels in a frame of 64 rows, 0.75 in one of 32."""


@dataclass(frozen=True)
class Person:
    """Everything that stays with an identity. Lengths are in statures; `emblem` holds the lit cells of the left half
    of a 4x4 mirror-symmetric glyph, row by row; `period` is in frames at rate 1; `flap` holds the coat flap still at
    that opacity (None: it follows the gait)."""

    group: int
    factor: str
    stature: float
    girth: float
    swing: float
    skin: Colour
    hair: Colour
    hat: bool
    top: Colour
    stripes: int
    stripe_colour: Colour
    long_sleeves: bool
    trousers: Colour
    shoes: Colour
    bag: str
    bag_colour: Colour
    flap_colour: Colour
    emblem: tuple[bool, ...]
    period: float
    flap: float | None = None


def population(draws: Draws, counts: dict[str, int]) -> list[Person]:
    """Persons in groups of look-alikes: `counts[factor]` of each factor ("" for persons who have no twin).

    A last group that the count cuts short stays smaller. Groups are numbered from 0.
    """
    persons: list[Person] = []
    group = 0
    for factor, count in counts.items():
        size = GROUP_SIZE.get(factor, 1)
        for first in range(0, count, size):
            persons += _group(draws, group, factor)[: min(size, count - first)]
            group += 1
    return persons


def _group(draws: Draws, group: int, factor: str) -> list[Person]:
    person = _stranger(draws, group, factor)
    if factor == EMBLEM:
        return [replace(person, emblem=emblem) for emblem in _distinct_emblems(draws, GROUP_SIZE[EMBLEM])]
    if factor == TEMPO:
        return [replace(person, period=period) for period in _periods(draws)]
    if factor == FLAP:
        return [replace(person, flap=FLAP_STATES[i]) for i in draws.order(len(FLAP_STATES))]
    return [person]


def _stranger(draws: Draws, group: int, factor: str) -> Person:
    return Person(
        group=group,
        factor=factor,
        stature=draws.number(0.93, 1.05),
        girth=draws.number(0.85, 1.20),
        swing=draws.number(0.38, 0.58),
        skin=_shade(draws, SKIN, 0.03),
        hair=_shade(draws, HAIR, 0.04),
        hat=draws.chance(0.25),
        top=_shade(draws, CLOTH, 0.07),
        stripes=(0, 0, 3, 5)[draws.below(4)],
        stripe_colour=_shade(draws, CLOTH, 0.07),
        long_sleeves=draws.chance(0.5),
        trousers=_shade(draws, CLOTH, 0.07),
        shoes=_shade(draws, CLOTH, 0.07),
        bag=("", "hand", "back")[draws.below(3)],
        bag_colour=_shade(draws, CLOTH, 0.07),
        flap_colour=_shade(draws, (WHITE,), 0.08),
        emblem=_distinct_emblems(draws, 1)[0],
        period=_periods(draws)[draws.below(2)],
    )


def _shade(draws: Draws, palette: tuple[Colour, ...], spread: float) -> Colour:
    base = palette[draws.below(len(palette))]
    r, g, b = (min(1.0, max(0.0, value + draws.number(-spread, spread))) for value in base)
    return r, g, b


def _periods(draws: Draws) -> list[float]:
    return [period * draws.number(0.94, 1.06) for period in PERIODS]


def _distinct_emblems(draws: Draws, count: int) -> list[tuple[bool, ...]]:
    """Half glyphs of 8 cells, 4 of them lit, each pair different in at least 4 cells."""
    while True:
        chosen: list[tuple[bool, ...]] = []
        for _ in range(40):
            lit = set(draws.order(8)[:4])
            emblem = tuple(cell in lit for cell in range(8))
            if all(sum(a != b for a, b in zip(emblem, other, strict=True)) >= 4 for other in chosen):
                chosen.append(emblem)
            if len(chosen) == count:
                return chosen


def draw_walker(canvas: Canvas, person: Person, phase: NDArray[np.float64], yaw: float) -> None:
    """Draws the person from behind to front, at `phase` `[T]` (in gait cycles) seen at `yaw` (1: from the side)."""
    gait = np.sin(2 * math.pi * phase)
    bounce = on_grid(0.008 * np.cos(4 * math.pi * phase))
    near, far = person.swing * gait * yaw, -person.swing * gait * yaw
    lift_near, lift_far = (0.7 * yaw * np.maximum(0, s * np.cos(2 * math.pi * phase)) for s in (1, -1))
    half = 0.105 * person.girth

    if person.bag == "back":
        canvas.box(-half - 0.07, -half + 0.02, bounce + 0.20, bounce + 0.42, person.bag_colour)
    _arm(canvas, person, -far, bounce, dim=0.75, bag=False)
    _leg(canvas, person, far, lift_far, bounce, dim=0.75)
    _leg(canvas, person, near, lift_near, bounce, dim=1.0)
    _torso(canvas, person, phase, bounce, half)
    _head(canvas, person, bounce)
    _arm(canvas, person, -near, bounce, dim=1.0, bag=person.bag == "hand")


def _torso(
    canvas: Canvas, person: Person, phase: NDArray[np.float64], bounce: NDArray[np.float32], half: float
) -> None:
    canvas.box(-half, half, bounce + 0.18, bounce + 0.53, person.top)
    for stripe in range(person.stripes):
        x = half * (2 * (stripe + 0.5) / person.stripes - 1)
        canvas.box(x - 0.012, x + 0.012, bounce + 0.18, bounce + 0.53, person.stripe_colour)
    open_ = 0.5 + 0.5 * np.sin(2 * math.pi * phase) if person.flap is None else np.full(len(phase), person.flap)
    canvas.box(-half - 0.01, half + 0.01, bounce + 0.44, bounce + 0.57, person.flap_colour, open_)
    rows = np.array(person.emblem).reshape(4, 2)
    glyph = np.concatenate([rows, rows[:, ::-1]], axis=1)
    cell = (EMBLEM_CELL, EMBLEM_CELL)
    canvas.cells(0.015, bounce + 0.30, cell, np.ones((4, 4), dtype=bool), WHITE)
    canvas.cells(0.015, bounce + 0.30, cell, glyph, BLACK)


def _head(canvas: Canvas, person: Person, bounce: NDArray[np.float32]) -> None:
    canvas.box(-0.025, 0.03, bounce + 0.12, bounce + 0.19, person.skin)
    canvas.ellipse(0.0, bounce + 0.072, 0.058, 0.068, person.hair)
    canvas.ellipse(0.02, bounce + 0.09, 0.042, 0.05, person.skin)
    if person.hat:
        canvas.box(-0.065, 0.085, bounce + 0.015, bounce + 0.05, person.bag_colour)


def _arm(
    canvas: Canvas, person: Person, angle: NDArray[np.float64], bounce: NDArray[np.float32], *, dim: float, bag: bool
) -> None:
    sleeve = _dim(person.top, dim)
    fore = sleeve if person.long_sleeves else _dim(person.skin, dim)
    x, y = -0.06, 0.215
    elbow_x, elbow_y = x + 0.15 * np.sin(angle), y + 0.15 * np.cos(angle)
    hand_x, hand_y = elbow_x + 0.14 * np.sin(angle + 0.3), elbow_y + 0.14 * np.cos(angle + 0.3)
    canvas.capsule(elbow_x, elbow_y + bounce, hand_x, hand_y + bounce, 0.023, fore)
    canvas.capsule(np.full_like(angle, x), y + bounce, elbow_x, elbow_y + bounce, 0.03, sleeve)
    if bag:
        canvas.box(hand_x - 0.05, hand_x + 0.05, hand_y + bounce, hand_y + bounce + 0.09, person.bag_colour)
    else:
        canvas.ellipse(hand_x, hand_y + bounce, 0.024, 0.024, _dim(person.skin, dim))


def _leg(
    canvas: Canvas,
    person: Person,
    angle: NDArray[np.float64],
    lift: NDArray[np.float64],
    bounce: NDArray[np.float32],
    *,
    dim: float,
) -> None:
    cloth = _dim(person.trousers, dim)
    knee_x, knee_y = 0.225 * np.sin(angle), 0.50 + 0.225 * np.cos(angle)
    foot_x, foot_y = knee_x + 0.225 * np.sin(angle - lift), knee_y + 0.225 * np.cos(angle - lift)
    width = 0.042 * (0.5 + 0.5 * person.girth)
    canvas.capsule(np.zeros_like(angle), 0.50 + bounce, knee_x, knee_y + bounce, width * 1.15, cloth)
    canvas.capsule(knee_x, knee_y + bounce, foot_x, foot_y + bounce, width, cloth)
    canvas.capsule(foot_x, foot_y + 0.015, foot_x + 0.05, foot_y + 0.025, 0.025, _dim(person.shoes, dim))


def _dim(colour: Colour, by: float) -> Colour:
    r, g, b = colour
    return r * by, g * by, b * by
