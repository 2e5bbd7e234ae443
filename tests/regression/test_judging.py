"""Verdicts: each word for each kind of cell, from hand-made records of two versions of a code."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sides_made_up import Code, two_sides

from reidbench.regression.judging import Circumstances, judge
from reidbench.regression.pairing import Pair, pairs_of
from reidbench.regression.sides import Side
from reidbench.regression.verdicts import Limits, Verdict
from reidbench.scatter import Noise
from reidbench.spec import Quantity, Record, Row
from reidbench.store import Store


def verdicts(new: Code, old: Code, limits: Limits | None = None, **under: Any) -> dict[str, Verdict]:
    """Of the row Slim, by the measurement."""
    pairs = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
    found = judge(pairs, limits or Limits(), Circumstances(**under))
    return {verdict.quantity.partition(".")[0]: verdict for verdict in found if verdict.row == "Slim"}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, {"accuracy": "same", "complexity": "same", "latency": "same", "throughput": "same", "memory": "same"}),
        ({"params": 1e6 + 1}, {"complexity": "worse", "latency": "same"}),
        ({"params": 1e6 - 1}, {"complexity": "better"}),
        ({"slower": 1.2}, {"latency": "worse", "throughput": "worse", "memory": "same", "accuracy": "same"}),
        ({"slower": 0.8}, {"latency": "better", "throughput": "better"}),
        ({"slower": 1.005}, {"latency": "same", "throughput": "same"}),
        ({"memory": 4.5e8}, {"memory": "worse"}),
        ({"memory": 3.5e8}, {"memory": "better"}),
        ({"memory": 4.1e8}, {"memory": "same"}),
        ({"ap": -0.1}, {"accuracy": "worse", "latency": "same"}),
        ({"ap": 0.1}, {"accuracy": "better"}),
        ({"ap": -0.021}, {"accuracy": "cannot tell"}),
    ],
)
def test_a_change_has_its_verdict(changes: dict[str, float], word: dict[str, str], tmp_path: Path) -> None:
    found = verdicts(*two_sides(tmp_path, **changes))
    assert {name: found[name].word for name in word} == word


def test_changes_are_given_with_their_interval(tmp_path: Path) -> None:
    found = verdicts(*two_sides(tmp_path, slower=1.2, ap=-0.1))
    for name, change in (("latency", 0.2), ("throughput", 1 / 1.2 - 1), ("accuracy", -0.1)):
        verdict = found[name]
        assert verdict.low is not None and verdict.high is not None
        assert verdict.low < verdict.change < verdict.high and verdict.change == pytest.approx(change, abs=0.02)
    assert found["accuracy"].before == pytest.approx(60, abs=5) and found["latency"].after == pytest.approx(0.6, 0.05)


def test_too_few_readings_cannot_tell_and_say_what_would(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path, slower=1.2)
    old = replace(old, store=Store(tmp_path / "short", "machine"), rounds=2)
    new = replace(new, store=Store(tmp_path / "also", "machine"), rounds=2)
    old.save()
    new.save()
    found = verdicts(new, old)["latency"]
    assert found.word == "cannot tell" and "2 readings a side are too few" in found.note
    assert found.low is None and found.high is None


def test_noisy_readings_cannot_tell_and_count_the_sessions_it_takes(tmp_path: Path) -> None:
    found = verdicts(*two_sides(tmp_path, scatter=0.12))
    assert found["latency"].word == "cannot tell" and "sessions a side" in found["latency"].note


def test_the_scatter_between_sessions_widens_the_interval(tmp_path: Path) -> None:
    sides = two_sides(tmp_path, slower=1.1)
    known, unknown = verdicts(*sides, noise={"cpu": Noise(0.0, 0.05)})["latency"], verdicts(*sides)["latency"]
    other = verdicts(*sides, noise={"cuda": Noise(0.0, 0.05)})["latency"]
    assert unknown.word == other.word == "worse" and known.word == "cannot tell"
    assert known.change == unknown.change and known.high > unknown.high and known.low < unknown.low


def test_further_sessions_tell_what_one_could_not(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path, slower=1.1)
    assert verdicts(new, old, noise={"cpu": Noise(0.0, 0.03)})["latency"].word == "cannot tell"
    for session in range(1, 6):
        new.save(only=["latency"], session=session)
        old.save(only=["latency"], session=session)
    assert verdicts(new, old, noise={"cpu": Noise(0.0, 0.03)})["latency"].word == "worse"


SHARED = Noise(0.04, 0.005)
"""Of sessions in which all rows but the reference row move together."""


def beside_others(folder: Path, kept: tuple[str, ...], **changes: Any) -> tuple[Code, Code]:
    others = tuple(Row(name, "baseline", {"width": width}) for width, name in enumerate(("A", "B", "C"), 8))
    return two_sides(
        folder, rows=(Row("Base", "baseline"), Row("Slim", "baseline", {"width": 32}), *others), kept=kept, **changes
    )


@pytest.mark.parametrize(
    ("kept", "changes", "word"),
    [
        (("Base", "A", "B", "C"), {"slower": 1.1}, "worse"),
        (("Base", "A", "B", "C"), {}, "same"),
        (("A", "B", "C"), {"drift": 1.2}, "same"),
        (("Base",), {"slower": 1.1}, "cannot tell"),
        ((), {"slower": 1.1}, "cannot tell"),
    ],
)
def test_rows_that_did_not_change_tell_what_the_reference_row_alone_cannot(
    kept: tuple[str, ...], changes: dict[str, float], word: str, tmp_path: Path
) -> None:
    """One session a side; by the reference row alone it takes many."""
    found = verdicts(*beside_others(tmp_path, kept, **changes), noise={"cpu": SHARED})
    assert found["latency"].word == found["throughput"].word == word
    assert found["latency"].divisors == (kept or ("Base",))
    if word != "cannot tell":
        assert found["latency"].change == pytest.approx(changes.get("slower", 1.0) - 1, abs=0.02)


def test_both_values_of_a_time_are_ratios_to_the_mean_of_what_it_is_divided_by(tmp_path: Path) -> None:
    found = verdicts(*beside_others(tmp_path, ("Base", "A"), slower=1.5), noise={"cpu": SHARED})["latency"]
    mean = (0.4 * 0.3) ** 0.5
    assert found.before == pytest.approx(0.2 / mean, rel=0.03) and found.after == pytest.approx(0.3 / mean, rel=0.03)


def test_a_reference_row_that_changed_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    new, old = beside_others(tmp_path, ("A", "B", "C"), drift=1 / 1.3)
    found = judge(
        pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True),
        Limits(),
        Circumstances(noise={"cpu": Noise(0.01, 0.005)}),
    )
    words = {verdict.row: verdict.word for verdict in found if verdict.quantity == "latency.ratio"}
    assert words["Base"] == "worse" and words["Slim"] == "same", "all others are faster against it"


def test_one_seed_says_nothing_about_training_unless_it_is_the_same_bit_by_bit(tmp_path: Path) -> None:
    new, old = one_seed_a_side(tmp_path, ap=-0.2)
    verdict = verdicts(new, old)["accuracy"]
    assert verdict.word == "cannot tell" and "one seed" in verdict.note and "train 3 or more" in verdict.note
    assert verdict.low < -0.4 and verdict.high > 0, "it covers what trainings may scatter"
    twin = replace(old, store=new.store, source="old2")
    twin.save()
    equal = verdicts(twin, old)["accuracy"]
    assert equal.word == "same" and equal.change == 0 and "equal for every query" in equal.note


def one_seed_a_side(folder: Path, **changes: Any) -> tuple[Code, Code]:
    new, old = two_sides(folder, seeds=1, **changes)
    old.store.folder.rename(folder / "kept")
    old = replace(old, seeds=1)
    old.save()
    return new, old


@pytest.mark.parametrize(("ap", "word"), [(-0.5, "worse"), (0.5, "better"), (0.0, "cannot tell")])
def test_one_seed_tells_what_no_chance_of_training_explains(ap: float, word: str, tmp_path: Path) -> None:
    """A model that lost its head must not pass for want of seeds."""
    verdict = verdicts(*one_seed_a_side(tmp_path, ap=ap))["accuracy"]
    assert verdict.word == word and "trainings are taken to scatter by 8 points" in verdict.note


def test_the_memory_of_another_machine_is_not_compared(tmp_path: Path) -> None:
    found = verdicts(*two_sides(tmp_path), same_machine=False)["memory"]
    assert found.word == "not comparable" and found.exempt


def test_a_smaller_limit_makes_a_small_change_count(tmp_path: Path) -> None:
    sides = two_sides(tmp_path, memory=4.1e8)
    assert verdicts(*sides)["memory"].word == "same"
    assert verdicts(*sides, limits=Limits(least=0.01))["memory"].word == "worse"


def test_more_cells_of_a_kind_make_each_harder_to_call(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path, slower=1.13, scatter=0.08)
    pairs = [p for p in pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True) if p.kind == "time"]
    slim = [pair for pair in pairs if pair.row == "Slim" and pair.name == "latency.ratio"]
    (alone,) = judge(slim, Limits(chance=0.1), Circumstances())
    among = judge(slim * 500, Limits(chance=0.1), Circumstances())
    assert alone.word == "worse" and {verdict.word for verdict in among} == {"cannot tell"}


def test_cells_of_another_kind_or_not_compared_do_not_make_it_harder(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path, slower=1.13, scatter=0.08)
    pairs = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
    slim = next(pair for pair in pairs if pair.row == "Slim" and pair.name == "latency.ratio")
    others = [pair for pair in pairs if pair.kind == "count"] + [replace(slim, reason="missing here")]
    first, *_ = judge([slim, *others * 500], Limits(chance=0.1), Circumstances())
    assert first.word == "worse"


def test_the_seeds_of_what_is_not_compared_say_nothing_of_the_others(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path, ap=-0.05)
    pairs = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
    slim = next(pair for pair in pairs if pair.row == "Slim" and pair.kind == "accuracy")
    wild = [of_split(None, np.full(6, value), [1.0] * 6) for value in (0.0, 1.0)]
    (alone,) = judge([slim], Limits(), Circumstances())
    beside, _ = judge([slim, replace(slim, row="Base", here=tuple(wild), reason="stale")], Limits(), Circumstances())
    assert alone == beside and alone.word == "worse"


def counted(before: float, after: float, kind: str = "count", **versions: str) -> Verdict:
    """The verdict on one value a side, read on a GPU; `versions` are those here."""
    there, here = (
        replace(of_split(None, np.ones(1), [1.0]), values={"params": value}, versions=known)
        for value, known in ((before, {"torch": "2.13.0", "ptflops": "0.7.4"}), (after, versions))
    )
    for record in (there, here):
        record.cell["settings"]["device"] = "cuda"
    quantity = Quantity("Params", "M", "lower", 3, 1e-6)
    pair = Pair("Slim", "complexity.params", "Params", quantity, kind, (here,), (there,))
    (verdict,) = judge([pair], Limits(), Circumstances(same_machine=False))
    return verdict


def test_a_count_that_changed_names_the_packages_that_count_if_they_did() -> None:
    changed = counted(2e6, 3e6, torch="2.14.0", ptflops="0.7.4", numpy="2.0")
    assert (changed.word, changed.note) == ("worse", "counted with torch 2.14.0 (there 2.13.0)")
    assert (changed.before, changed.after, changed.change) == pytest.approx((2, 3, 0.5))
    assert (changed.unit, changed.digits) == ("M", 3)
    assert counted(2e6, 3e6, torch="2.13.0").note == "counted with ptflops none (there 0.7.4)"
    assert counted(2e6, 3e6, torch="2.13.0", ptflops="0.7.4").note == ""
    same = counted(2e6, 2e6, torch="2.14.0")
    assert (same.word, same.note, same.change) == ("same", "", 0)


@pytest.mark.parametrize(
    ("before", "after", "word", "change"),
    [
        (0, 0, "same", 0),
        (0, 5, "cannot tell", None),
        (100, 0, "better", -1),
        (100, 109, "same", 0.09),
        (100, 111, "worse", 0.11),
    ],
)
def test_a_reading_counts_as_changed_from_twice_the_limit_on(
    before: float, after: float, word: str, change: float | None
) -> None:
    found = counted(before, after, "reading")
    assert (found.word, found.change) == (word, None if change is None else pytest.approx(change))
    assert found.note == "a single reading a side"


def test_of_several_readings_the_smallest_counts_and_of_counts_the_last() -> None:
    records = [replace(of_split(None, np.ones(1), [1.0]), values={"params": value}) for value in (100.0, 130.0)]
    pair = Pair(
        "Slim",
        "complexity.params",
        "Params",
        Quantity("Params", "M", "lower", 3),
        "reading",
        *map(tuple, (records, records[:1])),
    )
    (verdict,) = judge([pair], Limits(), Circumstances())
    assert (verdict.word, verdict.before, verdict.after) == ("same", 100, 100)
    assert verdict.note == "the smallest of 2 readings (there 1)"
    (verdict,) = judge([replace(pair, kind="count")], Limits(), Circumstances())
    assert (verdict.word, verdict.after) == ("worse", 130)


def test_a_value_that_one_record_lacks_is_named(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    pairs = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
    pair = next(pair for pair in pairs if pair.name == "complexity.params" and pair.row == Row("Slim").name)
    without = replace(pair, there=(replace(pair.there[0], values={}),))
    (verdict,) = judge([without], Limits(), Circumstances())
    assert verdict.word == "not comparable" and "record there holds nothing" in verdict.note
    assert not verdict.exempt, "the baseline might have it"
    assert verdict.before is None and verdict.after == pair.here[0].values["params"] / 1e6
    (verdict,) = judge([replace(pair, here=without.there)], Limits(), Circumstances())
    assert verdict.word == "not comparable" and "record here holds nothing" in verdict.note and not verdict.exempt
    (verdict,) = judge([replace(without, here=without.there)], Limits(), Circumstances())
    assert verdict.word == "not comparable" and verdict.exempt, "no record could have it"


def test_one_identity_cannot_tell_whatever_the_seeds() -> None:
    here, there = ([of_split(None, np.full(6, value), [1.0] * 6)] * 3 for value in (0.3, 0.2))
    (verdict,) = judge([replace(PAIR, here=tuple(here), there=tuple(there))], Limits(), Circumstances())
    assert (verdict.word, verdict.note) == ("cannot tell", "one identity")


def test_queries_that_differ_or_of_which_none_counts_are_not_compared() -> None:
    record = of_split(None, np.linspace(0, 1, 6), [1.0, 2.0] * 3)
    marked = replace(record, samples={**record.samples, "counts": [0.0] * 6})
    counting = replace(PAIR, quantity=replace(PAIR.quantity, where="counts"))
    people = of_split(None, np.linspace(0, 1, 6), [1.0, 3.0] * 3)
    for pair in (replace(PAIR, here=(record,), there=(people,)), replace(counting, here=(marked,), there=(marked,))):
        (verdict,) = judge([pair], Limits(), Circumstances())
        assert (verdict.word, verdict.note) == ("not comparable", "the queries are not the same on both sides")


@pytest.mark.parametrize(
    ("ap", "scatter", "word"),
    [(-0.1, 0.0, "worse"), (0.1, 0.0, "better"), (0.0, 0.0, "same"), (-0.05, 0.1, "cannot tell")],
)
def test_a_difference_over_splits_has_its_verdict_also_with_one_seed(ap: float, scatter: float, word: str) -> None:
    """`scatter` is how far the difference of one split lies from that of another, as a standard deviation."""
    rng = np.random.default_rng(1)
    here, there = [], []
    for split in range(1, 11):
        easy, people = rng.random(40), [float(p) for p in rng.permutation(60)[:40]]
        gap = ap + rng.normal(0, scatter) + rng.normal(0, 0.02, 40)
        here.append(of_split(split, easy + gap, people))
        there.append(of_split(split, easy, people))
    (verdict,) = judge([replace(PAIR, here=tuple(here), there=tuple(there))], Limits(), Circumstances())
    assert verdict.word == word
    assert verdict.change == pytest.approx(ap, abs=0.02 + 2 * scatter)
    assert ("over 10 splits" in verdict.note) == (word == "cannot tell")


def test_equal_splits_are_the_same_and_other_queries_are_not_compared() -> None:
    records = tuple(of_split(split, np.linspace(0, 1, 8), [1.0, 2.0] * 4) for split in (1, 2))
    (verdict,) = judge([replace(PAIR, here=records, there=records)], Limits(), Circumstances())
    assert (verdict.word, verdict.note) == ("same", "equal for every query, seed and split")
    other = (records[0], of_split(2, np.linspace(0, 1, 6), [1.0, 2.0] * 3))
    (verdict,) = judge([replace(PAIR, here=records, there=other)], Limits(), Circumstances())
    assert (verdict.word, verdict.note) == ("not comparable", "the queries are not the same on both sides")


def of_split(split: int | None, values: np.ndarray, people: list[float]) -> Record:
    dataset = {"name": "ilids", "fingerprint": f"f{split}", "options": {"split": split}, "splits": 10}
    dataset |= {} if split else {"options": {}, "splits": 0}
    samples = {"ap": [float(x) for x in values], "identity": people}
    cell = {"settings": {"dataset": dataset, "seed": 0}}
    return Record(cell, f"{split}", "Slim", "ok", {}, samples, {}, "machine", {}, "2026-01-01", 1.0)


PAIR = Pair(
    "Slim",
    "accuracy.mAP",
    "mAP",
    Quantity("mAP", "%", "higher", 1, 100, "", "mean", "ap", by="identity"),
    "accuracy",
)
