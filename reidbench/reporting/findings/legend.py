"""What the marks in the tables of a report mean: only those that stand in these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import isnan

from reidbench.estimates import GROUP, IDENTITY
from reidbench.reporting.findings.differences import DIFFERENCE
from reidbench.reporting.findings.family_text import POINTS
from reidbench.reporting.tables.comparison import is_timed
from reidbench.reporting.tables.intervals import ALIKE_MEANS, is_alike, is_lopsided
from reidbench.reporting.tables.layout import AGREES, agrees
from reidbench.reporting.tables.table import Entry, Heading, Table
from reidbench.spec import PAPER_SIZE, Record
from reidbench.statistics import FEWEST_READINGS

SEEDS = "(s): the standard deviation over training seeds. The interval does not contain it."
SPLITS = "(s): the standard deviation over random splits of the dataset, where a value is the mean over these."
BOLD = "Bold: best of its column by more than the noise, tested against each other row."
BOLD_TIMES = "Bold times: ahead by more than their rounds and the scatter between sessions explain, within one session."
HALF = "v ± h: a value, and half the width of its 95 % interval."
WHOLE = "v [l, u], where one side is more than twice the other, or ± would lead below 0 or beyond 100 %: the interval."
UNMARKED = "Counts and memory are never bold: a count has no noise, and that of memory is not measured."
ALONE = f"A time without an interval: the median of fewer than {FEWEST_READINGS} readings."
DIFFERENCES = "diff.: measured minus published, where the two are comparable."
SAME = f"{AGREES}: the same as the published value, rounded or cut to its digits."

SESSIONS = "those of ratios to the reference row also over sessions, where the machine is calibrated"

SIZE = re.compile(r"\d+x\d+")
"""Frames in the name of a row."""

SCALE = (
    "Names of rows: as in the paper, with the sizes of its scale, at which all costs are measured. A preset with "
    "smaller frames shrinks them by the same factors."
)


def legend(tables: Sequence[Table]) -> list[str]:
    """One line for each mark that the tables show."""
    return list(_lines(tables))


def _lines(tables: Sequence[Table]) -> Iterator[str]:
    shown = [
        (heading, entry)
        for table in tables
        for heading in table.headings
        for entry in table.column(heading).values()
        if entry.estimate
    ]
    yield from _intervals(shown)
    if any(heading.quantity.unit == DIFFERENCE for heading, _ in shown):
        yield POINTS
    if any(heading.training and not isnan(entry.estimate.sd) for heading, entry in shown if entry.estimate):
        yield SEEDS
    if any(table.plan.splits.several for table in tables):
        yield SPLITS
    bold = [heading for table in tables for heading in table.headings if heading.best]
    if bold:
        yield BOLD
    if any(is_timed(heading.quantity) for heading in bold):
        yield BOLD_TIMES
    if bold and any(heading.quantity.better and heading.quantity.statistic == "value" for heading, _ in shown):
        yield UNMARKED
    if any(entry.difference is not None for _, entry in shown):
        yield DIFFERENCES
    if any(agrees(heading.quantity, entry) for heading, entry in shown):
        yield SAME
    trained = [heading for heading, _ in shown if heading.training]
    small = any(tuple(h.settings.get("recipe", {}).get("size", PAPER_SIZE)) != PAPER_SIZE for h in trained)
    sized = any(SIZE.search(row.name) for table in tables for row in table.plan.suite.rows)
    if small and (sized or len(trained) < len(shown)):
        yield SCALE


def _intervals(shown: Sequence[tuple[Heading, Entry]]) -> Iterator[str]:
    """The forms of an interval, and what it is over, of accuracies and of times."""
    known = [(heading, entry.estimate) for heading, entry in shown if entry.estimate]
    bounded = {heading.training for heading, found in known if not isnan(found.low)}
    forms = {is_lopsided(heading.quantity, found) for heading, found in known if not isnan(found.low)}
    if False in forms:
        yield HALF
    if True in forms:
        yield WHOLE
    if bounded:
        words = {True: _persons([entry for heading, entry in shown if heading.training]), False: "rounds for times"}
        over = " and over ".join(text for trained, text in words.items() if trained in bounded)
        wider = any(heading.quantity.over == "reference" and not isnan(found.low) for heading, found in known)
        yield f"Intervals are over {over}{f'; {SESSIONS}' if wider else ''}."
    if any(is_alike(heading.quantity, found) for heading, found in known):
        yield ALIKE_MEANS
    if any(isnan(found.low) for heading, found in known if is_timed(heading.quantity)):
        yield ALONE


def persons_and_groups(records: Iterable[Record]) -> tuple[int, int | None]:
    """How many query identities the records of what is trained hold, and groups of look-alikes that count as one.

    Each is 0 where not all hold as many; None stands for groups where none holds any.
    """
    samples = [record.samples for record in records if record.samples.get(IDENTITY)]
    persons, groups = ({len(set(each.get(name, ()))) for each in samples} for name in (IDENTITY, GROUP))
    one_each = [counts.pop() if len(counts) == 1 else 0 for counts in (persons, groups)]
    return one_each[0], one_each[1] if any(GROUP in each for each in samples) else None


def _persons(entries: Sequence[Entry]) -> str:
    """Whose choice the intervals of what is trained cover, with how many they are where all have as many."""
    records = [record for entry in entries for record in entry.records]
    persons, groups = persons_and_groups(records)
    how_many = f"the {persons} " if persons else ""
    as_one = (
        f"look-alikes as one, which makes {groups}; " if groups else "" if groups is None else "look-alikes as one; "
    )
    return f"{how_many}query identities for what is trained ({as_one}seeds pooled)"
