"""Which persons of the synthetic data look alike, by their numbers. Imports no NumPy: records are read without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

SYNTHETIC = "synthetic"
"""The dataset whose options tell who looks alike."""

EMBLEM, TEMPO, FLAP = "emblem", "tempo", "flap"
GROUP_SIZE = {EMBLEM: 4, TEMPO: 2, FLAP: 4}


class Filmed(Protocol):
    """What a tracklet says of its person (`tracklets.Tracklet`)."""

    @property
    def identity(self) -> int: ...

    @property
    def traits(self) -> Mapping[str, str | int]: ...


def whose(query: Sequence[Filmed]) -> dict[str, list[float]]:
    """The samples of a record that say whose each query is: `identity` `[n]`, and where look-alikes are known `group`,
    the least identity of those who look alike with this one, its own where it has none."""
    samples = {"identity": [float(each.identity) for each in query]}
    first: dict[str | int, int] = {}
    for group, identity in ((each.traits.get("group", ""), each.identity) for each in query):
        first[group] = min(identity, first.get(group, identity))
    alike = [first[t.traits["group"]] if t.traits.get("group") else t.identity for t in query]
    return {**samples, "group": [float(each) for each in alike]} if set(first) - {""} else samples


def factor_counts(count: int, detail: float, gait: float) -> dict[str, int]:
    """How many of `count` persons of the synthetic data are told from a twin by each factor, whole groups.

    The rest, under "", have no twin. `detail` and `gait` are the shares that its options ask for.
    """
    counts: dict[str, int] = {}
    for factor, share in ((EMBLEM, detail), (TEMPO, gait)):
        size, left = GROUP_SIZE[factor], count - sum(counts.values())
        counts[factor] = min(round(count * share / size), left // size) * size
    return {**counts, "": count - sum(counts.values())}


def groups_by_number(
    identities: Sequence[float], *, train_ids: int, test_ids: int, detail: float, gait: float
) -> list[float]:
    """The first identity of the group of look-alikes of each query `[n]` of the synthetic data, by its options.

    Test persons are numbered after those to train on, factor by factor and group by group. Empty where nobody has a
    look-alike, and for a number that no test person has.
    """
    counts = factor_counts(test_ids, detail, gait)
    if counts[""] == test_ids or any(not 0 < identity - train_ids <= test_ids for identity in identities):
        return []
    groups = []
    for identity in identities:
        start = train_ids + 1
        for factor, count in counts.items():
            size = GROUP_SIZE.get(factor, 1)
            if identity < start + count:
                groups.append(float(start + (identity - start) // size * size))
                break
            start += count
    return groups


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
