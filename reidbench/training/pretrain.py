"""Teaches the slim trunks that `quick` and `standard` start from: `python -m reidbench.training.pretrain OUT [KIND]`.

They play the part that ImageNet weights play in the paper: one start for every row on a kind of trunk. The shipped file
of the ResNet is made by the command above in about ten minutes on one CPU core, from identities and cameras that no
dataset of the suite holds; the other kinds (`reidbench.trunks`) see the same frames.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench import registry
from reidbench.data.canvas import Draws
from reidbench.data.clips import normalise
from reidbench.data.lookalikes import EMBLEM, FLAP
from reidbench.data.scene import draw_cameras, draw_take, render
from reidbench.data.synthetic import PRETRAINING_SEED
from reidbench.data.walkers import FLAP_STATES, Person, population
from reidbench.spec import UserError
from reidbench.training.checkpoint import save_model
from reidbench.training.losses import batch_hard_triplet
from reidbench.trunks import RESNET, SLIM

HEIGHT, WIDTH = 64, 32
PERSONS, CAMERAS, TAKES, FRAMES = 768, 6, 1, 6
GROUPS, SIZE, IMAGES = 6, 4, 4
"""A batch: whole groups of look-alikes, persons a group, images a person."""
WARMUP, DECAY = 50, 5e-4
MARGIN, TRIPLET = 0.3, 3.0


@dataclass(frozen=True)
class Pupil:
    """What carries a kind of trunk while it is taught: a registered model that takes clips of one frame, its options.

    `title` stands before "trunk" in texts. Where `fixed`, the trunk sees frames of one size, and those of half the size
    are enlarged again.
    """

    title: str
    model: str
    options: Mapping[str, Any]
    steps: int = 3000
    rate: float = 3e-3
    fixed: bool = True


PUPILS: Mapping[str, Pupil] = {
    RESNET: Pupil("shared", "baseline", {"size": (HEIGHT, WIDTH), **SLIM[RESNET]}, fixed=False),
    "inception": Pupil("Inception", "inception_baseline", SLIM["inception"], steps=1500),
    "vit": Pupil(
        "transformer",
        "vit_baseline",
        {"size": (HEIGHT, WIDTH), **SLIM["vit"]},
        rate=1e-3,  # In 200 steps it did as well at 3e-3, and learned next to nothing at 3e-4.
    ),
}
"""By the kind of its trunk."""


def taught(kind: str) -> str:
    """What a reader must know of every number that starts from the shipped trunk of a kind."""
    pupil = PUPILS[kind]
    # Records hold the text of the ResNet's as it is; it says nothing of steps.
    enlarged = f" and enlarged again, in {pupil.steps} steps" if pupil.fixed else ""
    return (
        f"The {pupil.title} trunk was taught to identify {PERSONS} other synthetic persons from single {HEIGHT}x{WIDTH}"
        f" frames of {CAMERAS} other cameras, half of them at {HEIGHT // 2}x{WIDTH // 2}{enlarged}. "
        "There the coat flap, whose rhythm tells tempo twins apart in the dataset, stood still, and "
        "its opacity identified the person, as did the emblem: the trunk knows both cues by sight, but no motion."
    )


def pretrain(kind: str, *, steps: int, persons: int = PERSONS, seed: int = PRETRAINING_SEED) -> nn.Module:
    """Renders, trains, and returns the registered model that carries the trunk, without its classifier."""
    torch.manual_seed(seed)
    images = pretraining_images(persons, seed)
    pupil = PUPILS[kind]
    model = registry.build(pupil.model, classes=persons, **pupil.options)
    optimiser = torch.optim.Adam(model.parameters(), lr=pupil.rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    draws = np.random.Generator(np.random.PCG64(seed))
    for step in range(steps):
        frames, labels = _batch(images, draws)
        small = F.avg_pool2d(frames[1::2], 2)
        if pupil.fixed:
            small = F.interpolate(small, scale_factor=2, mode="bilinear")
        features = [model(half[:, None]).feature for half in (frames[::2], small)]
        # One neck over both sizes: it must find the same person in a full and in a half-size frame.
        embeddings = model.neck(torch.cat(features))
        labels = torch.cat([labels[::2], labels[1::2]])
        entropy = F.cross_entropy(model.classifier(embeddings), labels)
        triplet = batch_hard_triplet(embeddings, labels, MARGIN)
        optimiser.zero_grad(set_to_none=True)
        (entropy + TRIPLET * triplet).backward()
        optimiser.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}/{steps}: cross entropy {entropy:.3f}, triplet {triplet:.3f}", flush=True)
    model.classifier = None
    return model


def pretraining_persons(count: int, seed: int) -> list[Person]:
    """Look-alikes in fours: half of the groups differ in the emblem, half in the coat flap, which stands still."""
    draws = Draws(seed, 1)
    emblem = count // 2 // SIZE * SIZE
    people = population(draws, {EMBLEM: emblem, FLAP: count - emblem})
    still = [FLAP_STATES[draws.below(len(FLAP_STATES))] for _ in range(people[-1].group + 1)]
    return [replace(person, flap=still[person.group]) if person.flap is None else person for person in people]


def pretraining_images(persons: int, seed: int) -> Tensor:
    """Frames of every person from every camera, uint8 `[persons, images, 64, 32, 3]`."""
    views = draw_cameras(Draws(seed, 3), CAMERAS, 1.0)

    def shoot(numbered: tuple[int, Person]) -> np.ndarray:
        number, person = numbered
        takes = [
            render(person, draw_take(Draws(seed, 4, number, camera, take), FRAMES, 0.2), view, HEIGHT, WIDTH)
            for camera, view in enumerate(views)
            for take in range(TAKES)
        ]
        return np.concatenate(takes)

    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        return torch.from_numpy(np.stack(list(pool.map(shoot, enumerate(pretraining_persons(persons, seed))))))


def _batch(images: Tensor, draws: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Normalised frames `[N, 3, 64, 32]`, half of them mirrored, and their persons `[N]`."""
    groups = draws.choice(len(images) // SIZE, GROUPS, replace=False)
    persons = (groups[:, None] * SIZE + np.arange(SIZE)).reshape(-1)
    chosen = np.stack([draws.choice(images.shape[1], IMAGES, replace=False) for _ in persons])
    labels = torch.from_numpy(np.repeat(persons, IMAGES))
    frames = normalise(images[labels, torch.from_numpy(chosen.reshape(-1))][:, None])[:, 0]
    mirrored = torch.from_numpy(draws.random(len(frames)) < 0.5)
    return torch.where(mirrored[:, None, None, None], frames.flip(3), frames), labels


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARMUP) * (1 + math.cos(math.pi * step / steps)) / 2


def save_trunk(path: Path, model: nn.Module, kind: str, *, steps: int, persons: int, seed: int) -> None:
    """Writes the trunk file: a model checkpoint in float16, half as large, with what it was taught in `about`."""
    about = {"taught": taught(kind), "steps": steps, "persons": persons, "seed": seed, "torch": str(torch.__version__)}
    pupil = PUPILS[kind]
    save_model(path, model.half(), name=pupil.model, options=pupil.options, about=about)


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        raise UserError("usage: python -m reidbench.training.pretrain OUT [KIND]")
    kind = arguments[1] if len(arguments) == 2 else RESNET
    pupil = registry.lookup("trunk", kind, PUPILS)
    size = {"steps": pupil.steps, "persons": PERSONS, "seed": PRETRAINING_SEED}
    save_trunk(Path(arguments[0]), pretrain(kind, **size), kind, **size)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        sys.exit(str(error))
