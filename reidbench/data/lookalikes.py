"""Which persons of the synthetic data look alike, by their numbers. Imports no NumPy: records are read without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EMBLEM, TEMPO, FLAP = "emblem", "tempo", "flap"
GROUP_SIZE = {EMBLEM: 4, TEMPO: 2, FLAP: 4}


def groups_by_factor(samples: Mapping[str, Sequence[float]]) -> list[float]:
    """The first identity of the group of look-alikes of each query `[n]`, by `identity` and the masks `factor:<name>`.

    `walkers.population` numbers them so: those of one factor in order, group by group. Empty without a factor that it
    knows.
    """
    first: dict[float, float] = {}
    for factor, size in GROUP_SIZE.items():
        marks = samples.get(f"factor:{factor}", ())
        persons = sorted({identity for identity, mark in zip(samples["identity"], marks, strict=False) if mark == 1})
        first |= {identity: persons[place // size * size] for place, identity in enumerate(persons)}
    return [first.get(identity, identity) for identity in samples["identity"]] if first else []
