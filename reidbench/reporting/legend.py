"""What the marks in the tables of a report mean: only those that stand in these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING

from reidbench.reporting.blocks import AGREES, agrees
from reidbench.reporting.comparison import is_timed
from reidbench.reporting.intervals import ALIKE_MEANS, is_alike, is_lopsided
from reidbench.spec import PAPER_SIZE
from reidbench.statistics import FEWEST_READINGS

if TYPE_CHECKING:
    from reidbench.reporting.tables import Entry, Heading, Table

SEEDS = "In parentheses: the standard deviation over training seeds, which the interval does not cover."
SPLITS = "Where a value is the mean over random splits of a dataset, the parentheses hold the one over the splits."
BOLD = "Bold: the best of its column by more than the measured noise, tested against each other row."
BOLD_TIMES = "Times are compared only among rows of one session, and a lead has to exceed twice what sessions differ."
UNMARKED = "Counts and memory are never bold: a count has no noise, and that of memory is not measured."
HALF = "After ± stands half the width of the 95 % interval"
INTERVALS = {
    (False, True): HALF,
    (True, True): f"{HALF}, in brackets the interval itself where one side of it is more than twice the other",
    (True, False): "In brackets stands the 95 % interval, as one side of it is more than twice the other",
}
"""How intervals are printed, by whether any is lopsided, and any is not."""

SIZE = re.compile(r"\d+x\d+")
"""Frames in the name of a row."""

SCALE = (
    "Rows and networks are named as in the paper, with the sizes of the paper's scale, at which all costs are "
    "measured; a preset with smaller frames shrinks them by the same factors."
)


def legend(tables: Sequence[Table]) -> list[str]:
    """One paragraph on all marks that the tables show, or none."""
    text = " ".join(_sentences(tables))
    return [text] if text else []


def _sentences(tables: Sequence[Table]) -> Iterator[str]:
    shown = [
        (heading, entry)
        for table in tables
        for heading in table.headings
        for entry in table.column(heading).values()
        if entry.estimate
    ]
    yield from _intervals(shown)
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
        yield "Published values are as printed; diff. is measured minus published, where the two are comparable."
    if any(agrees(heading.quantity, entry) for heading, entry in shown):
        yield f"{AGREES.capitalize()}: the same to the printed digits, rounded to them or cut after them."
    trained = [heading for heading, _ in shown if heading.training]
    small = any(tuple(h.settings.get("recipe", {}).get("size", PAPER_SIZE)) != PAPER_SIZE for h in trained)
    sized = any(SIZE.search(row.name) for table in tables for row in table.plan.suite.rows)
    if small and (sized or len(trained) < len(shown)):
        yield SCALE


def _intervals(shown: Sequence[tuple[Heading, Entry]]) -> Iterator[str]:
    """What stands after ± and in brackets, of accuracies and of times."""
    known = [(heading, entry.estimate) for heading, entry in shown if entry.estimate]
    wider = any(heading.quantity.over == "reference" for heading, _ in known)
    ratios = " (and over sessions for a ratio to the reference row, where the machine is calibrated)" if wider else ""
    sources = {True: "query identities for what is trained (seeds pooled)", False: f"rounds for a time{ratios}"}
    bounded = {heading.training for heading, found in known if not isnan(found.low)}
    over = [words for trained, words in sources.items() if trained in bounded]
    forms = {is_lopsided(heading.quantity, found) for heading, found in known if not isnan(found.low)}
    if over:
        yield f"{INTERVALS[True in forms, False in forms]}: over {', over '.join(over)}."
    if any(is_alike(heading.quantity, found) for heading, found in known):
        yield ALIKE_MEANS
    if any(isnan(found.low) for heading, found in known if is_timed(heading.quantity)):
        yield f"A median of fewer than {FEWEST_READINGS} readings has no interval and stands alone."
