"""What a table says of the values that were published: how many agree with them, and in which order the rows come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from math import comb, isnan

import numpy as np

from reidbench.reporting.documents.block import titled
from reidbench.reporting.tables.comparison import compare, exceeds_noise
from reidbench.reporting.tables.layout import agrees, column_name
from reidbench.reporting.tables.matching import as_number
from reidbench.reporting.tables.table import Heading, Table

FEW = 4
"""Rows that are named with how far they are off; of more the furthest ones, and the number of the others."""

FEWEST = 3
"""Rows whose order says anything."""


def deviation_findings(table: Table) -> Iterator[str]:
    """How many of the comparable values agree with the published ones to their digits, and which are how far off."""
    for heading in table.headings:
        quantity = heading.quantity
        own = {name: e for name, e in table.column(heading).items() if e.difference is not None}
        misses = {name: e for name, e in own.items() if not agrees(quantity, e)}
        if not own:
            continue
        text = (
            f"{column_name(heading)} agrees with the published values to their printed digits (rounded or cut) in "
            f"{_share(len(own) - len(misses), len(own))}"
        )
        furthest = sorted(misses, key=lambda name: -abs(misses[name].difference or 0))[:FEW]
        told = [
            f"{name} {misses[name].difference:+z.{quantity.digits}f} (published {misses[name].published})"
            for name in misses
            if name in furthest
        ]
        rest = len(misses) - len(told)
        more = [f"{rest} other{'s' * (rest > 1)} by no more than these"] if rest else []
        yield f"{text}; {titled('off by', quantity.unit)}: {'; '.join([*told, *more])}." if told else f"{text}."


def agreement_findings(table: Table) -> Iterator[str]:
    """Whether the rows come in the published order, and how many pairs of them are told apart at all."""
    for heading in table.headings:
        published, reason = _published(table, heading)
        if not heading.training or len(published) < FEWEST:
            continue
        from scipy.stats import kendalltau  # here, for it takes a second, and most reports need none of it

        rows, quantity = table.fresh(heading), heading.quantity
        shown = [round(rows[name][0].value * quantity.scale, quantity.digits) for name in published]
        tau = kendalltau(shown, list(published.values())).statistic
        if isnan(tau):
            continue
        told: Counter[float] = Counter()
        for a, b in combinations(published, 2):
            gap = compare(quantity, rows[a], rows[b])
            if gap is not None and exceeds_noise(quantity, gap):
                told[np.sign(gap.value) * np.sign(published[a] - published[b])] += 1
        why = f" ({reason})" if reason else ""
        yield (
            f"{column_name(heading)}, order against the published one{why}: of {comb(len(published), 2)} pairs of rows "
            f"{_told_text(told)}; over all pairs Kendall's tau is {tau:z.2f}."
        )


def _told_text(told: Mapping[float, int]) -> str:
    """Of the pairs told apart how many come as published (1), the other way round (-1), or were published alike (0)."""
    count = sum(told.values())
    if not count:
        return "none is told apart here by more than the noise"
    where = ((1, "in the published order"), (-1, "in the opposite one"), (0, "published alike"))
    kinds = ", ".join(f"{told[sign]} {what}" for sign, what in where if told.get(sign))
    return f"{count} {'is' if count == 1 else 'are'} told apart here by more than the noise ({kinds})"


def _published(table: Table, heading: Heading) -> tuple[dict[str, float], str]:
    """The published values of a column's measured rows, and why they are not comparable ("": they are).

    Where the column itself has none, they are those of the first column that only shows what was published.
    """
    names = list(table.fresh(heading))
    found = _numbers(table, heading, names)
    if found:
        return found, next((e.incomparable for e in table.column(heading).values() if e.incomparable), "")
    others = [h for h in table.headings if h.column.quantity == heading.column.quantity and not table.fresh(h)]
    for other in others:
        if len(found := _numbers(table, other, names)) >= FEWEST:
            return found, f"another dataset: published on {other.column.dataset}"
    return {}, ""


def _numbers(table: Table, heading: Heading, names: Iterable[str]) -> dict[str, float]:
    numbers = {name: as_number(table.entries[name, heading.index].published) for name in names}
    return {name: number for name, number in numbers.items() if number is not None}


def _share(count: int, of: int) -> str:
    if of == 1:
        return "its only row" if count else "none of its only row"
    return f"{'both' if of == 2 else f'all {of}'} rows" if count == of else f"{count or 'none'} of {of} rows"
