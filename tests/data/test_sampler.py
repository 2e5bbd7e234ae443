from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.data.sampler import epoch_batches, plan_batches
from reidbench.spec import UserError

sizes = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def tracklets(counts: list[int]) -> list[int]:
    """Identities 100, 101, ... with so many tracklets each, interleaved."""
    rows = [100 + i for i, count in enumerate(counts) for _ in range(count)]
    return list(np.random.default_rng(0).permutation(rows))


@given(sizes, st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32))
def test_an_epoch_deals_packs_as_the_release_does(counts: list[int], per_batch: int, clips: int, seed: int) -> None:
    identities = tracklets(counts)
    batches = epoch_batches(identities, per_batch=per_batch, clips=clips, rng=np.random.default_rng(seed))
    packs = [pack for batch in batches for pack in batch.reshape(-1, clips)]
    dealt = sum(max(1, count // clips) for count in counts)
    assert all(batch.shape == (per_batch * clips,) for batch in batches)
    assert len(packs) == dealt // per_batch * per_batch
    assert all(len({identities[row] for row in pack}) == 1 for pack in packs)
    used = Counter(int(row) for pack in packs for row in pack)
    assert all(n == 1 or counts[identities[row] - 100] < clips for row, n in used.items())


def test_packs_of_one_identity_spread_over_the_epoch() -> None:
    identities = [1] * 40 + [2] * 40
    (first, *_) = epoch_batches(identities, per_batch=4, clips=4, rng=np.random.default_rng(0))
    assert {identities[row] for row in first} == {1, 2}


@given(st.lists(st.integers(1, 4), min_size=4, max_size=12), st.integers(1, 5), st.integers(0, 2**32))
def test_groups_stay_together(group_sizes: list[int], tracklets_each: int, seed: int) -> None:
    identities, groups = [], []
    for number, size in enumerate(group_sizes):
        for member in range(size):
            identities += [10 * number + member] * tracklets_each
            groups += ["" if size == 1 else f"g{number}"] * tracklets_each
    batches = epoch_batches(identities, per_batch=4, clips=2, rng=np.random.default_rng(seed), groups=groups)
    for batch in batches:
        packs = Counter(identities[row] for row in batch[::2])
        assert sum(packs.values()) == 4
        for identity, count in packs.items():
            number = identity // 10
            assert all(packs[10 * number + member] == count for member in range(group_sizes[number]))
    assert sum(map(len, batches)) <= 2 * sum(max(1, tracklets_each // 2) * size for size in group_sizes)


@given(st.integers(0, 2**32))
def test_groups_that_fill_the_batches_lose_nobody(seed: int) -> None:
    identities = [i for i in range(24) for _ in range(4)]
    groups = [f"g{i // 4}" if i < 12 else f"h{i // 2}" for i in identities]
    batches = epoch_batches(identities, per_batch=8, clips=2, rng=np.random.default_rng(seed), groups=groups)
    assert len(batches) == 6
    assert sorted(np.concatenate(batches)) == list(range(96))


def test_look_alikes_of_unequal_length_lose_nobody() -> None:
    """The second pack of the one has no counterpart: it is a bundle by itself."""
    (batch,) = epoch_batches([1, 1, 1, 1, 2, 2], per_batch=3, clips=2, rng=np.random.default_rng(0), groups=["g"] * 6)
    assert sorted(batch) == list(range(6))


@given(sizes, st.integers(0, 2**32))
def test_which_identity_is_listed_first_makes_no_difference(counts: list[int], seed: int) -> None:
    identities = [i for i, count in enumerate(counts) for _ in range(count)]
    order = np.argsort(-np.array(identities), kind="stable")
    forth, back = (
        epoch_batches(listed, per_batch=2, clips=2, rng=np.random.default_rng(seed))
        for listed in (identities, [identities[row] for row in order])
    )
    assert [batch.tolist() for batch in forth] == [order[batch].tolist() for batch in back]


def test_a_plan_follows_from_seed_and_epoch() -> None:
    identities = tracklets([4] * 9)
    short = plan_batches(identities, per_batch=2, clips=2, seed=5, epochs=2)
    longer = plan_batches(identities, per_batch=2, clips=2, seed=5, epochs=4)
    other = plan_batches(identities, per_batch=2, clips=2, seed=6, epochs=2)
    assert len(short) == 18 and short.epochs.tolist() == [0] * 9 + [1] * 9
    assert np.array_equal(longer.tracklets[:18], short.tracklets)
    assert not np.array_equal(other.tracklets, short.tracklets)
    assert not np.array_equal(short.tracklets[:9], short.tracklets[9:])


@pytest.mark.parametrize("steps", [1, 9, 10, 25])
def test_steps_win_over_epochs(steps: int) -> None:
    plan = plan_batches(tracklets([4] * 9), per_batch=2, clips=2, seed=0, epochs=1, steps=steps)
    assert len(plan) == steps and plan.tracklets.shape == (steps, 4)
    assert plan.epochs.tolist() == [step // 9 for step in range(steps)]


def test_too_little_data_is_refused() -> None:
    with pytest.raises(UserError, match="3 training identities in 6 tracklets do not fill a batch of 16"):
        plan_batches([1, 1, 2, 2, 3, 3], per_batch=16, clips=2, seed=0, epochs=1)
    with pytest.raises(UserError, match="0 training identities in 0 tracklets do not fill a batch of 8"):
        plan_batches([], per_batch=8, clips=2, seed=0, epochs=1, groups=[])


def test_a_group_larger_than_a_batch_is_refused() -> None:
    with pytest.raises(UserError, match="group g has 3 look-alike identities, more than the 2 of a batch"):
        plan_batches(range(5), per_batch=2, clips=1, seed=0, epochs=1, groups=["a", "g", "g", "g", "z"])
