"""What the comparison of one cell can end in, and from which change on it counts. Imports only the standard library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WORDS = ("worse", "cannot tell", "better", "same", "unchanged", "not comparable")
"""The verdicts, those that need attention first. What is `same` was measured twice; `unchanged` is one measurement, for
the code is the same on both sides."""

MEASURED = WORDS[:4]
"""The verdicts on two measurements; the others say why there are no two to compare."""

KINDS = ("count", "time", "reading", "accuracy")
"""How a cell is judged: exactly, by a rank test, as one reading, over queries and seeds."""


@dataclass(frozen=True)
class Limits:
    """From which change on a cell is worse or better.

    `least` is a relative change, of times and memory; `points` a difference of accuracies, as a share of 1. `chance` is
    that of any false alarm among all cells of one kind: each of m cells is tested at `chance` / m (Bonferroni).
    """

    least: float = 0.05
    points: float = 0.03
    chance: float = 0.01


@dataclass(frozen=True)
class Verdict:
    """The verdict of one row in one quantity.

    `before` and `after` are the baseline's value and the one here, in `unit`. `change` is relative (0.1: a tenth more),
    for an accuracy a difference as a share of 1; `low` and `high` bound its 95 % interval where it has one. `note` says
    why the two are not compared, what it would take to tell, or what the verdict leaves out. `failed` marks a cell
    that was tried here and ended without a value. `divisors` are the rows whose times its own were divided by: both
    values then are ratios to their geometric mean. `exempt` marks a cell that no baseline could be compared with, such
    as the row that the others' times are divided by.
    """

    row: str
    quantity: str
    title: str
    kind: str
    word: str
    unit: str = ""
    digits: int = 2
    before: float | None = None
    after: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    failed: bool = False
    divisors: tuple[str, ...] = ()
    exempt: bool = False


@dataclass(frozen=True)
class Comparison:
    """All verdicts of a suite: `here` and `there` name what was compared, `notes` hold for all of it."""

    name: str
    title: str
    here: str
    there: str
    limits: Limits
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many verdicts there are of each word."""
        found = Counter(verdict.word for verdict in self.verdicts)
        return {word: found[word] for word in WORDS}

    def of(self, *words: str) -> list[Verdict]:
        """The verdicts of these words."""
        return [verdict for verdict in self.verdicts if verdict.word in words]


def word_of(change: float, better: str) -> str:
    """Whether a change that counts is one for the better."""
    return "better" if (change > 0) == (better == "higher") else "worse"


def by_column(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """The verdicts of each quantity with its title, in their order."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for each in verdicts:
        groups.setdefault((each.quantity, each.title), []).append(each)
    return list(groups.values())


def uncompared(verdicts: Iterable[Verdict]) -> list[list[Verdict]]:
    """Of each column that could be compared in no row, its verdicts but those that are exempt."""
    columns = [[each for each in column if not each.exempt] for column in by_column(verdicts)]
    return [column for column in columns if {each.word for each in column} == {"not comparable"}]


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """1 where something is worse; 2 where a cell failed here, a column could be compared in no row, or nothing could be
    compared; else 0."""
    words = {verdict.word for verdict in verdicts if not verdict.exempt}
    if "worse" in words:
        return 1
    compared = words.intersection({*MEASURED, "unchanged"})
    lacking = any(verdict.failed for verdict in verdicts) or uncompared(verdicts)
    return 2 if lacking or not compared else 0
