"""What the columns that hold a difference already say: whether it is told from 0, seeds included."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from reidbench.reporting.blocks import difference_text
from reidbench.reporting.comparison import excludes_zero
from reidbench.spec import Quantity
from reidbench.statistics import Estimate, gap_interval

if TYPE_CHECKING:
    from reidbench.reporting.comparison import Readings
    from reidbench.reporting.tables import Heading, Table

DIFFERENCE = "pp"
"""The unit of a quantity that is a difference: percentage points."""


def estimated_gap(quantity: Quantity, rows: Readings) -> Estimate | None:
    """A row's difference with an interval over groups and seeds; None where its seeds do not hold the same pairs."""
    records = rows[1]
    groups = records[0].samples.get(quantity.by)
    samples = [record.samples.get(quantity.sample) for record in records]
    if not groups or any(record.samples.get(quantity.by) != groups for record in records):
        return None
    return gap_interval(np.array(samples, dtype=float), groups)


def gap_findings(table: Table) -> Iterator[str]:
    """One sentence a column of differences."""
    for heading in table.headings:
        quantity = heading.quantity
        if quantity.unit != DIFFERENCE or quantity.statistic != "mean":
            continue
        found = {name: estimated_gap(quantity, rows) for name, rows in table.fresh(heading).items()}
        known = {name: gap for name, gap in found.items() if gap}
        if known:
            yield _sentence(heading, known)


def _sentence(heading: Heading, known: dict[str, Estimate]) -> str:
    quantity = heading.quantity
    told = {name: gap for name, gap in known.items() if excludes_zero(gap)}
    within = {name: gap for name, gap in known.items() if name not in told}
    parts = []
    for what, gaps in (("told from 0 for", told), ("not told from 0 for", within)):
        if gaps:
            parts.append(
                f"{what} {'; '.join(f'{name} {difference_text(quantity, gap)}' for name, gap in gaps.items())}"
            )
    single = any(isnan(gap.sd) for gap in known.values())
    noise = "95 % intervals without the noise of training, of which there is one seed" if single else "95 % intervals"
    return f"{quantity.title} ({quantity.unit}): {', '.join(parts)} ({noise})."
