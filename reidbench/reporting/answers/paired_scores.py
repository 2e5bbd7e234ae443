"""What one file of features scores less another one of the same queries, as JSON values and as text. No torch."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from reidbench import registry
from reidbench.clusters import paired_difference
from reidbench.reporting.answers.scores import WIDTH, score_values, scored_values
from reidbench.reporting.documents.block import text_lines
from reidbench.reporting.findings.differences import DIFFERENCE
from reidbench.reporting.tables.comparison import paired_values
from reidbench.reporting.tables.intervals import ALIKE, difference_text
from reidbench.spec import Outcome, Quantity
from reidbench.statistics import Estimate

if TYPE_CHECKING:
    from reidbench.experiments.scoring import Scored

PRINTED = ("mAP", "top1")
"""The accuracies whose differences people are shown; JSON has all."""

MEANS = (
    "In brackets a 95 % interval over query identities, the same for both files, look-alikes as one. It covers the "
    "choice of persons, not how much either model would change if it were trained again."
)

NOT_APART = f"{ALIKE}: every person scores the same by both, which does not say how far others would differ."


def paired_differences(one: Outcome, other: Outcome) -> dict[str, Estimate]:
    """Every accuracy that both outcomes hold, of the second less the first, in SI units, with its 95 % interval over
    query identities. None are paired where the queries that count are not the same. Where every person scores the same
    by both there is no interval: that does not say how far others would differ."""
    held = [score_values(outcome) for outcome in (one, other)]
    quantities = _quantities()
    pairs = {name: paired_values(quantities[name], [[other]], [[one]]) for name in held[0] if name in held[1]}
    gaps = {name: paired_difference(*pair) for name, pair in pairs.items() if pair}
    return {name: Estimate(0.0) if gap.value == gap.low == gap.high == 0 else gap for name, gap in gaps.items()}


def paired_json(first: Sequence[Scored], second: Sequence[Scored]) -> list[dict[str, Any]]:
    """What the second file scores under each protocol, with `less_first`: each accuracy less that of the first file."""
    lines, quantities = scored_values(second), _quantities()
    for line, one, other in zip(lines, first, second, strict=True):
        if one.outcome and other.outcome:
            line["less_first"] = {
                name: {end: getattr(gap, end) * quantities[name].scale for end in ("value", "low", "high")}
                for name, gap in paired_differences(one.outcome, other.outcome).items()
            }
    return lines


def paired_text(first: Sequence[Scored], second: Sequence[Scored], title: str) -> str:
    """A table of at most 80 columns: under each protocol mAP and top-1 of both files, and their difference."""
    rows = [["protocol", "accuracy", "first", "this", f"this - first ({DIFFERENCE})"]]
    notes, quantities = [], _quantities()
    for one, other in zip(first, second, strict=True):
        name = other.protocol.name
        if not (one.outcome and other.outcome):
            notes.append(f"{name}: not compared: {(other.reason or one.reason).removeprefix(f'protocol {name}: ')}.")
            continue
        values = [score_values(outcome) for outcome in (one.outcome, other.outcome)]
        gaps = paired_differences(one.outcome, other.outcome)
        for accuracy in (accuracy for accuracy in PRINTED if accuracy in gaps):
            quantity = quantities[accuracy]
            shown = [f"{value[accuracy]['value']:.{quantity.digits}f}" for value in values]
            label = f"{quantity.title} ({quantity.unit})"
            alike = f" {ALIKE}" if isnan(gaps[accuracy].low) else ""
            rows.append([name, label, *shown, difference_text(quantity, gaps[accuracy]) + alike])
            if alike and NOT_APART not in notes:
                notes.append(NOT_APART)
    paragraphs = [textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in notes]
    table = text_lines(rows) if len(rows) > 1 else []
    return "\n".join([textwrap.fill(title, WIDTH), "", *table, "", textwrap.fill(MEANS, WIDTH), *paragraphs])


def _quantities() -> dict[str, Quantity]:
    return dict(registry.measurements()["accuracy"].quantities)
