"""How often the gate cries wolf and what it misses: its own verdicts on repeated real measurements of one machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import sqrt
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reidbench.program import program
from reidbench.regression.judging import Circumstances, judge
from reidbench.regression.pairing import Pair
from reidbench.regression.times import log_ratios
from reidbench.regression.verdicts import Limits
from reidbench.scatter import FILE, MOST_NOISE, LogRatios, Noise, noise_by_device, noise_of
from reidbench.soundness import tree_fault
from reidbench.spec import Record, UserError

Thing = TypeVar("Thing")

NAME = "calibration"

FAULTS = {
    "pooling": "only the first frame of a clip is pooled",
    "labels": "the clips of a batch are shuffled and their labels are not",
    "neck": "the batch norm before the classifier is dropped",
}
"""What a model may have wrong (`faults.mistaken`) that its trial before a training does not find."""

ANY = "all quantities"
"""Of a trial that counts the verdicts of a whole check."""

SPLITS = ((1, 1), (2, 2), (4, 4), (8, 8))
"""Sessions here and there of the comparisons that are tried."""

EFFECTS = (0.0, 0.05, 0.10)
"""By how much the rows here are made slower."""

HALVES = ("cost", "accuracy")
"""What `--only` leaves of a calibration."""

LEFT = 6
"""Sessions at least that a comparison leaves over: from these the scatter between sessions is known to it, and from
fewer it is known so badly that none could tell anything."""

COMPARISONS = 500
"""Comparisons of one kind at least."""


@dataclass(frozen=True)
class Trial:
    """Comparisons of one kind and what they ended in.

    `what` is "time", or of accuracies a quantity's title or `ANY`. Of times `here` and `there` count sessions, of
    accuracies seeds; `effect` is by how much the rows here were made slower, `divisors` by how many rows each was
    divided, and `fault` what was wrong with the model here. `words` counts verdicts, of which there are `comparisons`;
    `alarms` counts the checks, of all rows at once, in which any was worse, of `checks`. `changes` are the median, the
    lowest and the highest change that was measured.
    """

    what: str
    here: int
    there: int
    comparisons: int
    words: Mapping[str, int]
    checks: int
    alarms: int
    changes: tuple[float, float, float]
    effect: float = 0.0
    fault: str = ""
    divisors: int = 1

    def share(self, word: str) -> float:
        return self.words.get(word, 0) / self.comparisons


@dataclass(frozen=True)
class Calibration:
    """What a machine's calibration found. `noise` is the scatter between sessions, `within` that of the rounds in one.

    Both are standard deviations of the logarithm of a row's ratio to the reference row. `about` says on what it was
    measured.
    """

    noise: float | None
    within: float | None
    limits: Limits
    trials: tuple[Trial, ...]
    about: Mapping[str, Any]
    log_ratios: LogRatios


def recorded(folder: Path) -> Calibration | None:
    """The calibration that lies in a machine's folder, or None. Raises UserError where it is damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        trials = tuple(Trial(**{**trial, "changes": tuple(trial["changes"])}) for trial in content["trials"])
        found = Calibration(**{**content, "limits": Limits(**content["limits"]), "trials": trials})
        sound = not tree_fault(content) and all(map(_is_sound, trials)) and isinstance(found.about, Mapping)
        sound &= found.noise is None or (found.noise is not True and 0 <= found.noise <= MOST_NOISE)
        if sound:  # ValueError where its rows do not have the same sessions, or no readings
            noise_of(found.log_ratios)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        sound = False
    if not sound:
        raise UserError(f"{path}: damaged; move it away and calibrate again ({program()} calibrate)")
    return found


def _is_sound(trial: Trial) -> bool:
    """Whether a trial from a file counts as one that was carried out does."""
    counts = (trial.here, trial.there, trial.checks, trial.alarms, *trial.words.values())
    numbers = (trial.effect, *trial.changes)
    return (
        isinstance(trial.comparisons, int)
        and trial.comparisons > 0
        and all(isinstance(count, int) and count >= 0 for count in counts)
        and len(trial.changes) == 3
        and all(isinstance(number, (int, float)) for number in numbers)
        and all(isinstance(text, str) for text in (trial.what, trial.fault))
    )


def commands_by_half(about: Mapping[str, Any]) -> dict[str, str]:
    """The command lines that made the halves "cost" and "accuracy"; of an older calibration only the last is known."""
    if "commands" in about or not about.get("command"):
        return dict(about.get("commands", {}))
    last = str(about["command"])
    return {half: last for half in HALVES if not any(f"--only {other}" in last for other in HALVES if other != half)}


def session_noise(folder: Path) -> dict[str, Noise]:
    """The noise between sessions on each device that a machine's folder holds a calibration of.

    Raises UserError where that is damaged.
    """
    return noise_by_device(folder) if recorded(folder) else {}


def noise_between(pairs: Sequence[Pair]) -> dict[str, Noise]:
    """The noise on each device between the sessions of some pairs themselves, where their rows share two on a side.

    It is known from these few sessions alone, and says so.
    """
    groups: dict[tuple[str, str, str], list[Pair]] = {}
    for pair in pairs:
        if pair.kind == "time" and pair.quantity.over and not pair.reason and pair.row != pair.reference:
            groups.setdefault((pair.device, pair.name, pair.title), []).append(pair)
    noises: dict[str, list[Noise]] = {}
    freedom: dict[str, float] = {}
    for (device, *_), alike in groups.items():
        known = 0.0
        for records in ([pair.here for pair in alike], [pair.there for pair in alike]):
            readings = [
                {one.started: found for one in each if (found := readings_of(pair, one))}
                for pair, each in zip(alike, records, strict=True)
            ]
            shared = sorted(set.intersection(*map(set, readings)))
            noise = noise_of(
                {pair.row: [own[started] for started in shared] for pair, own in zip(alike, readings, strict=True)}
            )
            if noise:
                noises.setdefault(device, []).append(noise)
                known += noise.freedom
        if known:
            freedom[device] = min(known, freedom.get(device, known))
    return {device: replace(_mean(each), freedom=freedom[device]) for device, each in noises.items()}


def _mean(noises: Sequence[Noise]) -> Noise:
    """The root of the mean squares."""
    return Noise(*(sqrt(np.mean([getattr(each, part) ** 2 for each in noises])) for part in ("shared", "own")))


def readings_of(pair: Pair, record: Record) -> list[float]:
    """The logarithms of the ratio to the reference row that a record of a pair holds itself."""
    return log_ratios(record, None, pair.quantity).get("", [])


def try_times(pairs: Sequence[Pair], limits: Limits) -> list[Trial]:
    """Compares drawn sessions with drawn other ones of the same code, as they are and with the rows here made slower.

    Each pair holds all sessions of one row as those here, the rows in the same order of sessions. A row is divided by
    all of its divisors, as if it alone had changed, by the first two, and by the first, the reference row, alone. A
    comparison knows the noise between sessions from those alone that it does not use. Times are made slower by
    multiplying what was measured.
    """
    sessions = min((len(pair.here) for pair in pairs), default=0)
    counts = sorted({1, 2, *(len(pair.divisors) for pair in pairs)}, reverse=True)
    ways = [
        [replace(pair, divisors=pair.divisors[:count]) for pair in pairs] for count in counts if len(pairs) >= count
    ]
    trials = []
    for over, (here, there), effect in product(ways, SPLITS, EFFECTS):
        if here + there + LEFT > sessions:
            continue
        generator = np.random.default_rng([0, here, there])
        results = []
        for _ in range(-(-COMPARISONS // len(pairs))):
            order = generator.permutation(sessions).tolist()
            mine, theirs, rest = order[:here], order[here : here + there], order[here + there :]
            noise = noise_of({pair.row: _series(pair, rest) for pair in pairs})
            drawn = [_drawn(pair, mine, theirs, 1 + effect) for pair in over]
            results.append(judge(drawn, limits, Circumstances(noise={pairs[0].device: noise} if noise else {})))
        trials.append(_counted("time", here, there, results, effect=effect, divisors=len(over[0].divisors)))
    return trials


def try_accuracies(sound: Sequence[Pair], faulty: Mapping[str, Sequence[Pair]], limits: Limits) -> list[Trial]:
    """Compares halves of the seeds of a sound model with the other halves, and each faulty model with every half.

    Pairs hold all seeds of a model as those here, one pair a quantity. A check judges all quantities at once; of a
    fault there is also a trial for each.
    """
    trials = []
    seeds = min((len(pair.here) for pair in sound), default=0)
    half = seeds // 2
    chosen = list(combinations(range(seeds), half)) if half else []
    halves = [(mine, tuple(i for i in range(seeds) if i not in mine)) for mine in chosen]
    results = [
        judge([replace(p, here=_pick(p.here, a), there=_pick(p.here, b)) for p in sound], limits, Circumstances())
        for a, b in halves
    ]
    if results:
        trials.append(_counted(ANY, half, seeds - half, results))
    for fault, pairs in faulty.items():
        results = [
            judge(
                [replace(ours, there=_pick(theirs.here, mine)) for ours, theirs in zip(pairs, sound, strict=True)],
                limits,
                Circumstances(),
            )
            for mine, _ in halves
        ]
        trials += [_counted(ANY, len(pairs[0].here), half, results, fault=fault)] if results else []
        for index, pair in enumerate(pairs):
            single = [[verdicts[index]] for verdicts in results]
            if single:
                trials.append(_counted(pair.quantity.title, len(pair.here), half, single, fault=fault))
    return trials


def _counted(what: str, here: int, there: int, results: Sequence[Sequence[Any]], **more: Any) -> Trial:
    verdicts = [verdict for found in results for verdict in found]
    changes = np.array([verdict.change for verdict in verdicts if verdict.change is not None])
    spread = (float(np.median(changes)), float(changes.min()), float(changes.max())) if changes.size else (0.0,) * 3
    words = dict(Counter(verdict.word for verdict in verdicts))
    alarms = sum(any(verdict.word == "worse" for verdict in found) for found in results)
    return Trial(what, here, there, len(verdicts), words, len(results), alarms, spread, **more)


def _drawn(pair: Pair, mine: Sequence[int], theirs: Sequence[int], factor: float) -> Pair:
    """The pair of some sessions with some others; `factor` multiplies the row's own readings here."""
    name = pair.quantity.sample
    here = [
        replace(record, samples={**record.samples, name: [factor * seconds for seconds in record.samples[name]]})
        for record in _pick(pair.here, mine)
    ]
    beside = pair.beside_here
    return replace(
        pair,
        here=tuple(here),
        there=_pick(pair.here, theirs),
        beside_here=_pick(beside, mine),
        beside_there=_pick(beside, theirs),
    )


def _series(pair: Pair, chosen: Sequence[int]) -> list[list[float]]:
    return [readings_of(pair, record) for record in _pick(pair.here, chosen)]


def _pick(things: Sequence[Thing], chosen: Sequence[int]) -> tuple[Thing, ...]:
    return tuple(things[index] for index in chosen)
