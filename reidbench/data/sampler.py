"""Which tracklets make up each training batch: P identities x K clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reidbench.spec import UserError

Packs = list[np.ndarray]


@dataclass(frozen=True)
class BatchPlan:
    """All batches of a run: positions of `tracklets` int64 [steps, P * K], and the `epochs` int64 [steps] they are of.

    It follows from its arguments alone, so that a resumed run goes on with the very next batch.
    """

    tracklets: np.ndarray
    epochs: np.ndarray

    def __len__(self) -> int:
        return len(self.tracklets)


def plan_batches(
    identities: Sequence[int],
    *,
    per_batch: int,
    clips: int,
    seed: int,
    epochs: int,
    steps: int = 0,
    groups: Sequence[str] | None = None,
    epoch_of: str = "tracklets",
) -> BatchPlan:
    """Plans `epochs` epochs, or exactly `steps` batches where that is not 0, of `per_batch` identities x `clips` clips.

    `identities` holds each tracklet's; `groups`, where given, each tracklet's group of look-alikes ("": none), and
    then whole groups come into one batch. Each epoch follows from (seed, epoch); it is of all "tracklets", or with
    `epoch_of` "identities" of one pack of each.

    Raises UserError if the data cannot fill a batch.
    """
    rows: list[np.ndarray] = []
    numbers: list[int] = []
    epoch = 0
    while len(rows) < steps if steps else epoch < epochs:
        rng = np.random.default_rng([seed, epoch])
        batches = epoch_batches(identities, per_batch=per_batch, clips=clips, rng=rng, groups=groups, epoch_of=epoch_of)
        if not batches:
            raise UserError(
                f"{len(set(identities))} training identities in {len(identities)} tracklets do not fill a batch of "
                f"{per_batch} identities; use more data or a recipe with fewer identities a batch"
            )
        rows.extend(batches)
        numbers.extend([epoch] * len(batches))
        epoch += 1
    count = steps or len(rows)
    return BatchPlan(np.array(rows[:count]), np.array(numbers[:count]))


def epoch_batches(
    identities: Sequence[int],
    *,
    per_batch: int,
    clips: int,
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    epoch_of: str = "tracklets",
) -> list[np.ndarray]:
    """The batches of one epoch, each int64 [per_batch * clips] positions of tracklets.

    As the authors' release: an identity's tracklets are shuffled and dealt in packs of `clips`, what is left over is
    dropped, an identity with fewer is drawn from with repetition; all packs are shuffled and `per_batch` after another
    make a batch, which may so hold two packs of one identity. An incomplete last batch is dropped. With `epoch_of`
    "identities" only the first pack of each identity takes part.

    With `groups`, the n-th packs of all identities of a group form a bundle; shuffled bundles go each into the first
    batch that has room for the whole of it.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for position, identity in enumerate(identities):
        members[identity].append(position)
    dealt = {identity: _deal(members[identity], clips, rng) for identity in sorted(members)}
    if epoch_of == "identities":
        dealt = {identity: packs[:1] for identity, packs in dealt.items()}
    if groups is None:
        packs = [pack for of_identity in dealt.values() for pack in of_identity]
        bundles = [[packs[n]] for n in rng.permutation(len(packs))]
    else:
        bundles = _bundles(dealt, {i: groups[positions[0]] for i, positions in members.items()}, per_batch)
        bundles = [bundles[n] for n in rng.permutation(len(bundles))]
    return _fill(bundles, per_batch)


def _deal(positions: list[int], clips: int, rng: np.random.Generator) -> Packs:
    if len(positions) < clips:
        return [rng.choice(positions, size=clips, replace=True)]
    shuffled = rng.permutation(positions)
    return list(shuffled[: len(shuffled) // clips * clips].reshape(-1, clips))


def _bundles(dealt: dict[int, Packs], group_of: dict[int, str], per_batch: int) -> list[Packs]:
    groups: dict[str, list[Packs]] = defaultdict(list)
    for identity, packs in dealt.items():
        groups[group_of[identity] or f"identity {identity}"].append(packs)
    largest = max(groups, key=lambda name: len(groups[name]), default=None)
    if largest is not None and len(groups[largest]) > per_batch:
        raise UserError(
            f"group {largest} has {len(groups[largest])} look-alike identities, more than the {per_batch} of a batch; "
            "use a recipe with more identities a batch"
        )
    return [
        [packs[n] for packs in identities if n < len(packs)]
        for identities in groups.values()
        for n in range(max(len(packs) for packs in identities))
    ]


def _fill(bundles: list[Packs], per_batch: int) -> list[np.ndarray]:
    """Puts each bundle into the first batch with room for it; gives the full batches, in the order they filled up."""
    full: list[np.ndarray] = []
    filling: list[Packs] = []
    for bundle in bundles:
        batch = next((b for b in filling if len(b) + len(bundle) <= per_batch), None)
        if batch is None:
            filling.append(batch := [])
        batch.extend(bundle)
        if len(batch) == per_batch:
            full.append(np.concatenate(batch))
            filling = [b for b in filling if b is not batch]
    return full
