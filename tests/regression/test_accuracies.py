"""Verdicts on accuracies whose differences and intervals can be worked out by hand."""

from dataclasses import replace
from math import nan, sqrt

import numpy as np
import pytest
from scipy import stats

from reidbench.regression.accuracies import judge_accuracy, spreads
from reidbench.regression.pairing import Pair
from reidbench.regression.verdicts import Limits
from reidbench.spec import Quantity, Record

MEAN = Quantity("mAP", "%", "higher", 1, 100, "", "mean", "ap", by="identity")
LIMITS = Limits(points=0.03)
PEOPLE = np.arange(40.0)


def record(values: list[float] | np.ndarray, seed: int = 0, split: int | None = None, **samples: list[float]) -> Record:
    dataset = {
        "name": "d",
        "fingerprint": "f",
        "options": {"split": split} if split else {},
        "splits": 10 if split else 0,
    }
    cell = {"settings": {"dataset": dataset, "seed": seed}}
    own = {"ap": [float(x) for x in values], "identity": PEOPLE[: len(values)].tolist(), **samples}
    return Record(cell, "k", "row", "ok", {}, own, {}, "machine", {}, "2026", 1.0)


def pair(gap: float | np.ndarray, seeds: int = 3, **changes: object) -> Pair:
    """Rows whose seeds are all alike, and whose queries all differ by a gap, or each by its own."""
    easy = np.linspace(0.2, 0.6, 40)
    here, there = (tuple(record(easy + extra, seed) for seed in range(seeds)) for extra in (gap, 0.0))
    return replace(Pair("Slim", "accuracy.mAP", "mAP", MEAN, "accuracy", here, there), **changes)


def test_the_spread_of_a_column_is_that_of_all_its_rows_and_sides_around_their_own_means() -> None:
    first = Pair("A", "accuracy.mAP", "mAP", MEAN, "accuracy", (record([0.1]), record([0.3])), (record([0.9]),))
    second = replace(first, row="B", here=(record([0.5]), record([0.6]), record([0.7])), there=())
    other = replace(second, title="mAP, other data")
    found = spreads([first, second, other])
    assert found["accuracy.mAP", "mAP"] == (pytest.approx(sqrt((2 * 0.1**2 + 2 * 0.1**2) / 3)), 3)
    assert found["accuracy.mAP", "mAP, other data"] == (pytest.approx(0.1), 2)


def test_the_spread_within_a_split_is_not_that_between_splits() -> None:
    records = tuple(record([0.2 * split + 0.1 * seed], seed, split) for split in (1, 2) for seed in (0, 1))
    found = spreads([Pair("A", "accuracy.mAP", "mAP", MEAN, "accuracy", records)])
    assert found["accuracy.mAP", "mAP"] == (pytest.approx(0.1 / sqrt(2)), 2)


@pytest.mark.parametrize(
    ("gap", "word"), [(0.05, "better"), (-0.05, "worse"), (0.02, "same"), (-0.02, "same"), (0.0299, "cannot tell")]
)
def test_a_difference_that_hardly_scatters_is_called_by_the_limit_alone(gap: float, word: str) -> None:
    found = judge_accuracy(pair(gap), LIMITS, (0.002, 100), 0.99)
    reach = stats.t.ppf(0.975, 100) * 0.002 * sqrt(2 / 3)
    assert found["word"] == word and found["change"] == pytest.approx(gap)
    assert (found["before"], found["after"]) == pytest.approx((0.4, 0.4 + gap))
    assert (found["low"], found["high"]) == pytest.approx((gap - reach, gap + reach), abs=0.1 * reach)


def test_look_alikes_count_for_themselves() -> None:
    uneven = pair(0.05 + 0.08 * np.tile([1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0], 5))
    sides = [tuple(replace(r, samples={**r.samples, "group": (PEOPLE // 8).tolist()}) for r in uneven.here)]
    sides.append(tuple(replace(r, samples={**r.samples, "group": (PEOPLE // 8).tolist()}) for r in uneven.there))
    alone = judge_accuracy(uneven, LIMITS, (0.002, 100), 0.99)
    assert judge_accuracy(replace(uneven, here=sides[0], there=sides[1]), LIMITS, (0.002, 100), 0.99) == alone
    assert alone["word"] == "better"


@pytest.mark.parametrize(
    ("gap", "spread", "note"),
    [
        # Seeds alone scatter: a reach of t(100 degrees) x spread x sqrt(2 / seeds), with t 1.984 or, strictly, 2.626.
        (1e-5, 0.033, "about 10 seeds a side would tell (now 3 here, 3 there)"),  # 3 (0.0535 / 0.03)^2 = 9.5
        (0.01, 0.022, "about 10 seeds a side would tell (now 3 here, 3 there)"),  # 3 (0.0356 / 0.02)^2 = 9.5
        (-0.01, 0.022, "about 10 seeds a side would tell (now 3 here, 3 there)"),
        (0.06, 0.05, "about 10 seeds a side would tell (now 3 here, 3 there)"),  # 3 (0.1072 / 0.06)^2 = 9.6
        (-0.06, 0.05, "about 10 seeds a side would tell (now 3 here, 3 there)"),
        (1e-5, 0.0191, "about 4 seeds a side would tell (now 3 here, 3 there)"),
        (1e-5, 0.1, "it would take more than 30 seeds a side (now 3 here, 3 there)"),
    ],
)
def test_what_it_takes_to_tell_follows_from_the_spread_over_seeds(gap: float, spread: float, note: str) -> None:
    found = judge_accuracy(pair(gap), LIMITS, (spread, 100), 0.99)
    assert (found["word"], found["note"]) == ("cannot tell", note)


def test_where_persons_alone_leave_it_open_more_seeds_are_not_asked_for() -> None:
    two_each = [{"identity": (PEOPLE // 2).tolist()}] * 3
    made = pair(0.5 * (-1.0) ** (np.arange(40) // 2))
    here, there = (
        tuple(replace(r, samples={**r.samples, **own}) for r, own in zip(side, two_each, strict=True))
        for side in (made.here, made.there)
    )
    found = judge_accuracy(replace(made, here=here, there=there), LIMITS, (0.001, 100), 0.99)
    assert found["note"] == "the choice of the 20 query identities alone leaves it open: it takes more of them"


def test_seeds_make_narrower_only_what_persons_leave() -> None:
    """Both add in quadrature: persons leave 2.02 x 0.06 / sqrt(39) = 0.019 of the 0.03, seeds 0.0324 with 3 of them."""
    found = judge_accuracy(pair(0.06 * (-1.0) ** np.arange(40)), LIMITS, (0.02, 100), 0.99)
    assert found["note"] == "about 7 seeds a side would tell (now 3 here, 3 there)"


def test_what_persons_leave_is_taken_at_the_strict_level_where_the_difference_is() -> None:
    """Persons leave 2.71 x 0.12 / sqrt(39) = 0.052 of the 0.06, seeds 0.064 with 3 of them; at 95 % it would be 6."""
    found = judge_accuracy(pair(0.06 + 0.12 * (-1.0) ** np.arange(40)), LIMITS, (0.03, 100), 0.99)
    assert found["note"] == "about 14 seeds a side would tell (now 3 here, 3 there)"


def test_the_side_with_fewer_seeds_says_how_many_more_it_takes() -> None:
    made = pair(0.0)
    found = judge_accuracy(replace(made, there=made.there[:2]), LIMITS, (0.03, 100), 0.99)
    assert found["note"] == "about 7 seeds a side would tell (now 3 here, 2 there)"


@pytest.mark.parametrize(("gap", "note"), [(0.0001, "; train 3 or more (--seeds 3)"), (0.5, "")])
def test_an_assumed_spread_is_said_and_seeds_are_asked_for_where_it_leaves_it_open(gap: float, note: str) -> None:
    found = judge_accuracy(pair(gap, seeds=1), LIMITS, (nan, 0), 0.99)
    assert found["note"] == "one seed a side: trainings are taken to scatter by 8 points" + note
    reach = stats.norm.ppf(0.975) * 0.08 * sqrt(2)
    assert found["high"] - found["low"] == pytest.approx(2 * reach, rel=0.1)


def test_only_marked_queries_count() -> None:
    marked = replace(MEAN, where="counts")
    counts = [1.0] * 20 + [0.0] * 20
    here, there = (
        tuple(record([value] * 20 + [0.0] * 20, seed, counts=counts) for seed in range(3)) for value in (0.7, 0.5)
    )
    made = Pair("Slim", "accuracy.mAP_x", "mAP", marked, "accuracy", here, there)
    found = judge_accuracy(made, LIMITS, (0.001, 100), 0.99)
    assert (found["before"], found["after"], found["change"]) == pytest.approx((0.5, 0.7, 0.2))


def test_the_same_values_of_other_seeds_are_not_the_same_trainings() -> None:
    made = pair(0.0)
    assert judge_accuracy(made, LIMITS, (0.001, 100), 0.99)["note"] == "equal for every query and seed"
    others = tuple(record(each.samples["ap"], seed + 5) for seed, each in enumerate(made.here))
    assert "note" not in judge_accuracy(replace(made, here=others), LIMITS, (0.001, 100), 0.99)


@pytest.mark.parametrize(("level", "word"), [(0.95, "better"), (0.99, "cannot tell")])
def test_over_splits_the_spread_of_their_differences_decides(level: float, word: str) -> None:
    """0.05 of 3 splits with a standard deviation of 0.0122: t(2 degrees) is 4.30, strictly 9.92."""
    easy = np.linspace(0.2, 0.6, 40)
    gaps = {1: 0.05 - 0.0122, 2: 0.05, 3: 0.05 + 0.0122}
    here, there = (tuple(record(easy + sign * gap, split=split) for split, gap in gaps.items()) for sign in (1, 0))
    found = judge_accuracy(pair(0.0, here=here, there=there), LIMITS, (nan, 0), level)
    reach = 4.303 * 0.0122 / sqrt(3)
    assert found["word"] == word and found["change"] == pytest.approx(0.05)
    assert (found["before"], found["after"]) == pytest.approx((0.4, 0.45))
    assert (found["low"], found["high"]) == pytest.approx((0.05 - reach, 0.05 + reach), abs=0.1 * reach)


def test_splits_with_other_queries_are_not_compared() -> None:
    here, there = ([record([0.5] * n, split=split) for split in (1, 2)] for n in (3, 4))
    found = judge_accuracy(pair(0.0, here=(*here,), there=(here[0], there[1])), LIMITS, (nan, 0), 0.99)
    assert found["word"] == "not comparable"


def test_one_person_over_several_splits_cannot_tell() -> None:
    here, there = (tuple(record([value], split=split, identity=[7.0]) for split in (1, 2, 3)) for value in (0.7, 0.5))
    found = judge_accuracy(pair(0.0, here=here, there=there), LIMITS, (nan, 0), 0.99)
    assert (found["word"], found["note"]) == (
        "cannot tell",
        "one identity",
    ) and "low" not in found
