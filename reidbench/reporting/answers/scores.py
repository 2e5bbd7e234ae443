"""What features score under one protocol or several, as JSON values and as text for a terminal. Imports no torch."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from reidbench import registry
from reidbench.clusters import means_difference
from reidbench.estimates import IDENTITY, estimate, groups_of
from reidbench.reporting.findings.differences import DIFFERENCE
from reidbench.reporting.tables.intervals import ALIKE, ALIKE_MEANS, difference_text, estimate_text
from reidbench.reporting.tables.terminal import text_tables
from reidbench.retrieval.protocols import in_full
from reidbench.spec import Outcome, Quantity, Record
from reidbench.statistics import Estimate

if TYPE_CHECKING:
    from reidbench.experiments.scoring import Scored

WIDTH = 80
CMC = ("top1", "top5", "top10", "top20")
"""The quantities of the second table; the first has the mAP, how far it moves, and the mINP."""


def score_values(outcome: Outcome | Record) -> dict[str, dict[str, float]]:
    """Every accuracy that an outcome or a record holds, as value, low and high in the unit shown, not rounded.

    Low and high are NaN where all persons have the same value.
    """
    known = {name: (quantity, estimate(quantity, name, [outcome])) for name, quantity in _quantities().items()}
    return {name: _bounds(quantity, found) for name, (quantity, found) in known.items() if found is not None}


def printed_scores(scores: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Accuracies by their titles with units, with their intervals, rounded as tables are, for people."""
    known = _quantities()
    return {column_title(name): _range_text(bounds, known[name].digits) for name, bounds in scores.items()}


def scored_values(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """One object a protocol: its name and what it is, the queries that count, every accuracy, and `difference`.

    That is the mAP less that of the first protocol, by the identities of both.
    """
    found = []
    for one in scored:
        line: dict[str, Any] = {"protocol": one.protocol.name, "about": in_full(one.protocol.about)}
        if one.outcome is None:
            line["reason"] = one.reason
        else:
            moved = difference(one, scored[0])
            line |= {**one.outcome.context, **score_values(one.outcome)}
            line["difference"] = _bounds(_quantities()["mAP"], moved) if moved else None
        found.append(line)
    return found


def difference(one: Scored, other: Scored) -> Estimate | None:
    """The mAP under one protocol less that under another; None where one of them is not known."""
    if one.outcome is None or other.outcome is None:
        return None
    first, second = one.outcome.samples, other.outcome.samples
    return means_difference(first["ap"], groups_of(first, IDENTITY), second["ap"], groups_of(second, IDENTITY))


def scored_text(scored: Sequence[Scored], title: str) -> str:
    """Two tables in pieces of at most 80 columns and what each protocol is; what cannot be scored says why below."""
    moved = [["protocol", "queries", "mAP (%)", f"mAP - {scored[0].protocol.name} ({DIFFERENCE})", "mINP (%)"]]
    ranks = [["protocol", *map(column_title, CMC)]]
    for one in scored:
        if one.outcome is None:
            moved.append([one.protocol.name, *"----"])
            continue
        gap = difference(one, scored[0]) if one is not scored[0] else None
        away = difference_text(_quantities()["mAP"], gap) if gap else "-"
        counted = str(one.outcome.context["queries"])
        name, mean, last = one.protocol.name, _text(one.outcome, "mAP"), _text(one.outcome, "mINP")
        moved.append([name, counted, mean, away, last])
        ranks.append([name, *(_text(one.outcome, rank) for rank in CMC)])
    intervals = (
        "After ± half a 95 % interval, in brackets a 95 % interval, both over query identities, look-alikes as one; "
        "in a difference each counts once for both protocols. Queries are those that have a match."
    )
    if any(ALIKE in text for line in (*moved, *ranks) for text in line):
        intervals += f" {ALIKE_MEANS}"
    notes = [f"{one.protocol.name}: {_not_scored(one) or in_full(one.protocol.about)}." for one in scored]
    paragraphs = [_wrapped(text, "  ") for text in notes]
    tables = ("\n".join([*lines, ""]) for rows in (moved, ranks) for lines in text_tables(rows, WIDTH))
    return "\n".join([_wrapped(title), "", *tables, _wrapped(intervals), *paragraphs])


def column_title(name: str) -> str:
    """The title of an accuracy with its unit."""
    quantity = _quantities()[name]
    return f"{quantity.title} ({quantity.unit})"


def _text(outcome: Outcome, name: str) -> str:
    known = estimate(_quantities()[name], name, [outcome])
    return estimate_text(_quantities()[name], known) if known else "-"


def _range_text(bounds: Mapping[str, float], digits: int) -> str:
    value, low, high = (f"{bounds[end]:.{digits}f}" for end in ("value", "low", "high"))
    return (
        f"{value} (no interval: all persons score the same)" if isnan(bounds["low"]) else f"{value} ({low} to {high})"
    )


def _quantities() -> dict[str, Quantity]:
    return dict(registry.measurements()["accuracy"].quantities)


def _not_scored(one: Scored) -> str:
    reason = one.reason.removeprefix(f"protocol {one.protocol.name}: ")
    return f"not scored: {reason}" if reason else ""


def _bounds(quantity: Quantity, known: Estimate) -> dict[str, float]:
    bounds = {"value": known.value, "low": known.low, "high": known.high}
    return {end: bound * quantity.scale for end, bound in bounds.items()}


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent)
