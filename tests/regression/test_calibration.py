"""The calibration on made-up sessions whose noise is known: the rates it reports are those that were put in."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sides_made_up import two_sides

from reidbench.regression.calibration import (
    ANY,
    FAULTS,
    Calibration,
    Trial,
    _counted,
    commands_by_half,
    noise_between,
    recorded,
    session_noise,
    try_accuracies,
    try_times,
)
from reidbench.regression.calibration_report import summary, text
from reidbench.regression.judging import Circumstances, judge
from reidbench.regression.pairing import Pair, pairs_of
from reidbench.regression.sides import Side
from reidbench.regression.verdicts import Limits, Verdict
from reidbench.scatter import noise_by_device, noise_of
from reidbench.spec import UserError


def timed(folder: Path, count: int, **changes: Any) -> Pair:
    new, old = two_sides(folder, **changes)
    for session in range(1, count):
        new.save(only=["latency"], session=session)
    found = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
    return next(pair for pair in found if pair.row == "Slim" and pair.name == "latency.ratio")


def test_quiet_sessions_raise_no_alarm_and_catch_a_slower_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reidbench.regression.calibration.COMPARISONS", 100)
    trials = try_times([timed(tmp_path, 10, scatter=0.01)], Limits())
    assert {trial.divisors for trial in trials} == {1}, "there is no other row to divide by"
    by = {(trial.here, trial.there, trial.effect): trial for trial in trials}
    assert len(by) == len(trials)
    assert set(by) == {(here, there, effect) for here, there in ((1, 1), (2, 2)) for effect in (0, 0.05, 0.1)}
    quiet, slower = by[1, 1, 0.0], by[1, 1, 0.1]
    assert quiet.comparisons == 100 and quiet.words == {"same": quiet.comparisons} and quiet.alarms == 0
    assert slower.share("worse") == 1 and slower.alarms == slower.checks == slower.comparisons
    middle, low, high = slower.changes
    assert middle == pytest.approx(0.1, abs=0.01) and 0.08 < low < middle < high < 0.12


def test_a_comparison_knows_the_scatter_from_the_sessions_that_it_does_not_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = set()

    def noted(pairs: list[Pair], limits: Limits, under: Circumstances) -> list[Verdict]:
        known.add((len(pairs[0].here), len(pairs[0].there), under.noise["cpu"].freedom))
        return judge(pairs, limits, under)

    monkeypatch.setattr("reidbench.regression.calibration.judge", noted)
    monkeypatch.setattr("reidbench.regression.calibration.COMPARISONS", 2)
    try_times([timed(tmp_path, 11)], Limits())
    assert known == {(1, 1, 9 - 1), (2, 2, 7 - 1)}, "of 11 sessions, one of which tells nothing"


def test_too_few_sessions_are_no_trial(tmp_path: Path) -> None:
    assert try_times([timed(tmp_path, 3)], Limits()) == []


def test_sessions_that_are_compared_tell_their_own_scatter(tmp_path: Path) -> None:
    single = timed(tmp_path / "single", 1)
    assert noise_between([single]) == {}
    quiet = timed(tmp_path / "quiet", 6)
    assert noise_between([quiet])["cpu"].own < 0.01
    assert noise_between([quiet])["cpu"].freedom == sum(len(side) - 1 for side in (quiet.here, quiet.there) if side)
    assert noise_between([loud(timed(tmp_path / "loud", 6), 1.1)])["cpu"].own > 0.1


def test_what_sessions_scatter_on_one_device_says_nothing_of_another(tmp_path: Path) -> None:
    quiet = timed(tmp_path / "cpu", 6)
    cuda = {**quiet.here[0].cell, "settings": {"device": "cuda"}}
    here = [
        replace(r, cell=cuda, samples={**r.samples, "per_frame": [x * 1.1**i for x in r.samples["per_frame"]]})
        for i, r in enumerate(quiet.here)
    ]
    found = noise_between([quiet, replace(quiet, here=tuple(here))])
    assert found["cpu"].own < 0.01 and found["cuda"].own > 0.1


def test_only_times_beside_a_reference_row_tell_the_scatter_and_of_unlike_series_the_shorter_says_how_well(
    tmp_path: Path,
) -> None:
    pair = loud(timed(tmp_path, 6), 1.1)
    known = noise_between([pair])
    itself, refused = replace(pair, row=pair.reference), replace(pair, row="Other", here=pair.here[:1], reason="stale")
    rate = replace(pair, title="rate", quantity=replace(pair.quantity, over=""))
    assert noise_between([pair, itself, refused, rate]) == known and known["cpu"].own > 0.1
    shorter = replace(pair, title="of another size", here=pair.here[:3])
    assert [noise_between(each)["cpu"].freedom for each in ([pair, shorter], [shorter, pair])] == [2, 2]
    joined, own = noise_between([pair, shorter])["cpu"].own, noise_between([shorter])["cpu"].own
    assert joined == pytest.approx(((known["cpu"].own ** 2 + own**2) / 2) ** 0.5) and own < known["cpu"].own


def loud(pair: Pair, factor: float) -> Pair:
    """The pair whose sessions here go up by a factor, one after the other."""
    here = [
        replace(r, samples={**r.samples, "per_frame": [x * factor**i for x in r.samples["per_frame"]]})
        for i, r in enumerate(pair.here)
    ]
    return replace(pair, here=tuple(here))


def test_a_check_of_several_rows_is_an_alarm_where_any_is_worse() -> None:
    made = [Verdict("row", "q", "Q", "time", word, change=0.1 * n) for n, word in enumerate(("worse", "same", "same"))]
    found = _counted("time", 1, 2, [[made[0], made[1]], [made[2], made[1]]])
    assert (found.comparisons, found.words, found.checks, found.alarms) == (4, {"worse": 1, "same": 3}, 2, 1)
    assert found.changes == pytest.approx((0.1, 0.0, 0.2)), "the median, the lowest and the highest"


def trained(folder: Path, ap: float, seeds: int, source: str) -> list[Pair]:
    new, old = two_sides(folder)
    new = replace(new, ap=ap, seeds=seeds, source=source)
    new.save(only=["accuracy"])
    found = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
    return [pair for pair in found if pair.row == "Slim" and pair.kind == "accuracy"]


def test_a_fault_is_caught_and_the_same_model_is_not(tmp_path: Path) -> None:
    sound = trained(tmp_path / "sound", 0.0, 6, "new")
    bad = trained(tmp_path / "bad", -0.2, 3, "bad")
    quiet, whole, caught = try_accuracies(sound, {"pooling": bad}, Limits())
    assert quiet.fault == "" and quiet.comparisons == 20 and quiet.share("worse") == 0
    assert whole.fault == "pooling" and whole.what == ANY and whole.alarms == whole.checks == 20
    assert caught.fault == "pooling" and caught.what == "mAP" and caught.share("worse") == 1
    assert caught.changes[0] == pytest.approx(-0.2, abs=0.02)
    assert try_accuracies([replace(pair, here=pair.here[:1]) for pair in sound], {"pooling": bad}, Limits()) == []


def made_up(*trials: Trial) -> Calibration:
    about = {
        "machine": "here",
        "rows": ["Slim"],
        "reference": "Base",
        "sessions": 9,
        "device": "cpu",
        "first": "a",
        "last": "b",
    }
    return Calibration(0.02, 0.05, Limits(), trials, {**about, "recipe": "Preset tiny."}, {})


def test_the_report_says_from_how_many_sessions_on_the_target_is_met() -> None:
    changes = (0.0, -0.1, 0.1)
    quiet = Trial("time", 1, 1, 500, {"same": 497, "worse": 3}, 500, 3, changes, divisors=3)
    slower = Trial("time", 1, 1, 500, {"worse": 480, "cannot tell": 20}, 500, 480, changes, effect=0.1, divisors=3)
    missed = replace(slower, words={"worse": 400, "cannot tell": 100})
    more = [replace(trial, here=3, there=3) for trial in (quiet, slower)]
    fault = Trial("mAP", 3, 3, 20, {"worse": 20}, 20, 20, (-0.3, -0.4, -0.2), fault="neck")
    words = text(made_up(quiet, slower, fault, replace(fault, what=ANY)))
    assert "the reference row and 2 others that did not change: rows 10% slower were caught in 96.0% by one" in words
    assert (
        "3 of 500 comparisons said worse, in 3 of 500 whole checks (were these independent, at most 1.5% of all, "
        "with 95% confidence)" in words
    )
    assert "is reached from one session a side on in this sample" in words
    assert "Fault neck: 20 of 20 checks failed, called worse by mAP in 100%." in words and FAULTS["neck"] in words
    found = made_up(quiet, missed, *more)
    assert "is reached from 3 sessions a side on" in text(found) and "from 3 sessions" in " ".join(summary(found))
    assert "is not reached" in text(made_up(quiet, missed))
    false = replace(more[0], words={"worse": 6, "same": 494})
    assert "is not reached" in text(made_up(quiet, slower, false, more[1])), "more sessions must not do worse"
    both = made_up(quiet, slower, *(replace(trial, divisors=1) for trial in (quiet, missed)))
    assert "the reference row alone: rows 10% slower were caught in 80.0%" in text(both)


def test_the_report_tells_what_all_rows_have_in_common_from_the_rest() -> None:
    """Two rows that go up and down together by 10 % and against each other by 1 %."""
    together = [0.0, 0.1] * 10
    log_ratios = {
        name: [[x + sign * 0.005 * (-1) ** (i // 2)] for i, x in enumerate(together)]
        for name, sign in (("A", 1), ("B", -1))
    }
    words = text(replace(made_up(), log_ratios=log_ratios))
    assert "By 5.1% all rows move together, and the reference row not with them; by 0.7% each by itself" in words


def test_the_report_names_a_command_for_each_half() -> None:
    changes = (0.0, -0.1, 0.1)
    times = Trial("time", 1, 1, 500, {"same": 500}, 500, 0, changes)
    sound = Trial(ANY, 3, 3, 100, {"same": 100}, 20, 0, changes)
    about = {**made_up().about, "recipe": "Preset tiny: a quarter."}
    older = replace(made_up(times, sound), about={**about, "command": "bench calibrate --only cost"})
    rebuilt = "bench calibrate --only cost\npython bench.py calibrate --only accuracy --preset tiny --seeds 6\n"
    assert rebuilt in text(older)
    commands = {"cost": "one --only cost", "accuracy": "two --only accuracy"}
    assert "one --only cost\ntwo --only accuracy\n" in text(replace(older, about={**about, "commands": commands}))
    both = replace(older, about={**about, "command": "bench calibrate"})
    assert commands_by_half(both.about) == dict.fromkeys(("cost", "accuracy"), "bench calibrate")
    assert "two" not in text(replace(made_up(times), about={**about, "commands": commands}))


def write(folder: Path, found: Calibration) -> None:
    (folder / "calibration.json").write_text(json.dumps(asdict(found)))


def test_the_noise_is_read_from_a_machines_folder(tmp_path: Path) -> None:
    assert session_noise(tmp_path) == {} and recorded(tmp_path) is None
    trial = Trial("time", 1, 1, 500, {"same": 500}, 500, 0, (0.0, -0.1, 0.1))
    series = {"Slim": [[0.1, 0.2], [0.2, 0.3], [0.5, 0.6]]}
    found = replace(made_up(trial), log_ratios=series)
    write(tmp_path, found)
    assert session_noise(tmp_path) == noise_by_device(tmp_path) == {"cpu": noise_of(series)}
    assert recorded(tmp_path) == found
    write(tmp_path, replace(made_up(trial), noise=None, within=None))
    assert session_noise(tmp_path) == {}, "a calibration of accuracies alone"


@pytest.mark.parametrize("damage", ["[]", "{", "{}", '{"noise": 0.1}', '{"noise": Infinity}', "null"])
def test_a_damaged_calibration_is_named(damage: str, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(damage)
    with pytest.raises(UserError, match=r"calibration.json: damaged"):
        session_noise(tmp_path)


@pytest.mark.parametrize("noise", [-1.0, "x", True, 6.0])
def test_a_noise_that_is_none_is_named(noise: object, tmp_path: Path) -> None:
    write(tmp_path, replace(made_up(), noise=noise))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="damaged"):
        session_noise(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"comparisons": 0},
        {"comparisons": 1.5},
        {"checks": -1},
        {"words": {"same": 2.5}},
        {"changes": (0.0, 0.1)},
        {"changes": (0.0, "-", 0.1)},
        {"fault": 3},
    ],
)
def test_a_trial_that_cannot_have_been_is_named(wrong: dict[str, Any], tmp_path: Path) -> None:
    trial = Trial("time", 1, 1, 500, {"same": 500}, 500, 0, (0.0, -0.1, 0.1))
    write(tmp_path, made_up(trial))
    assert recorded(tmp_path)
    write(tmp_path, made_up(replace(trial, **wrong)))
    with pytest.raises(UserError, match="damaged"):
        recorded(tmp_path)
