"""Sentences computed from a table: what its numbers support, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import isnan
from typing import TYPE_CHECKING

from reidbench.reporting.blocks import difference_text, estimate_text, interval_text, seeds_text
from reidbench.reporting.comparison import compare, exceeds_noise, excludes_zero, spread_over_seeds
from reidbench.reporting.components import effects
from reidbench.reporting.gaps import gap_findings
from reidbench.statistics import Estimate, order_agreement

if TYPE_CHECKING:
    from reidbench.reporting.tables import Heading, Table


@dataclass(frozen=True)
class Steps:
    """The differences of a column's rows from the row each is compared with, as (row, other, difference).

    The other is the measured row above in an ablation, else the `reference` row.
    """

    heading: Heading
    reference: str
    above: tuple[tuple[str, str, Estimate], ...]
    within: tuple[tuple[str, str, Estimate], ...]

    @property
    def between(self) -> str:
        return f"from {self.reference}" if self.reference else "between neighbouring rows"

    @property
    def count(self) -> int:
        return len(self.above) + len(self.within)

    @property
    def single(self) -> bool:
        """Whether a row was trained once, so that the noise of training is not in the intervals."""
        return any(isnan(gap.sd) for *_, gap in (*self.above, *self.within))


def findings(table: Table) -> list[str]:
    """One sentence a finding, in the order of importance; empty where nothing is measured."""
    return [
        *best_finding(table),
        *_steps(table),
        *_contrasts(table),
        *gap_findings(table),
        *component_findings(table),
        *ratio_findings(table),
        *_agreements(table),
        *deviation_findings(table),
    ]


def steps(table: Table) -> Steps | None:
    """The steps of the first trained column that has a better and a worse and two rows; None where there is none."""
    heading = next((h for h in table.headings if h.training and h.quantity.better and len(table.fresh(h)) > 1), None)
    if heading is None:
        return None
    rows, suite = table.fresh(heading), table.plan.suite
    if suite.ablation:
        pairs = [(lower, upper) for upper, lower in pairwise(rows)]
    else:
        pairs = [(name, suite.reference) for name in rows if name != suite.reference and suite.reference in rows]
    found: dict[bool, list[tuple[str, str, Estimate]]] = {True: [], False: []}
    for row, other in pairs:
        gap = compare(heading.quantity, rows[row], rows[other])
        if gap is not None:
            found[excludes_zero(gap)].append((row, other, gap))
    return Steps(heading, "" if suite.ablation else suite.reference, tuple(found[True]), tuple(found[False]))


def _steps(table: Table) -> Iterator[str]:
    found = steps(table)
    if found is None:
        return
    heading, rows, quantity = found.heading, table.fresh(found.heading), found.heading.quantity
    what = noise_text(found)
    name = heading.column.title or quantity.title
    against = f"each row against {found.reference or 'the one above it'}"
    beyond, within = f"{against}: the difference exceeds {what} for", f"within {what}:"
    for gaps, verdict in ((found.above, beyond), (found.within, within)):
        over = {other: "" if found.reference else f" over {other}" for _, other, _ in gaps}
        if gaps:
            texts = "; ".join(
                f"{row}{over[other]} {difference_text(heading.quantity, gap)}" for row, other, gap in gaps
            )
            yield f"{name}, {verdict} {texts}."
    if found.single:
        yield (
            "Trained with one seed a row: how much another seed would change these differences is not known, so no "
            "accuracy is printed in bold."
        )
    low, high = spread_over_seeds(rows)
    if not isnan(low):
        count = seeds_text(max(len(records) for _, records in rows.values()))
        digits, scale = quantity.digits, quantity.scale
        yield f"{name}: the standard deviation over {count} is {low * scale:.{digits}f} to {high * scale:.{digits}f}."


def _contrasts(table: Table) -> Iterator[str]:
    """The pairs of rows that the suite wants compared, in every accuracy column."""
    for first, second in table.plan.suite.contrasts:
        found: dict[bool, list[str]] = {True: [], False: []}
        for heading in (h for h in table.headings if h.training):
            rows = table.fresh(heading)
            gap = compare(heading.quantity, rows[first], rows[second]) if first in rows and second in rows else None
            if gap is not None:
                name = heading.column.title or heading.quantity.title
                found[excludes_zero(gap)].append(f"{name} {difference_text(heading.quantity, gap)}")
        for exceeds, gaps in found.items():
            verdict = "the difference exceeds its interval" if exceeds else "zero lies within the interval"
            if gaps:
                yield f"{first} over {second}, {verdict}: {'; '.join(gaps)}."


def component_findings(table: Table) -> Iterator[str]:
    """What each component adds to the first accuracy, on average over the combinations of the others."""
    heading = next((h for h in table.headings if h.training and table.fresh(h)), None)
    found = effects(table, heading) if heading else []
    if heading and found:
        gaps = "; ".join(f"{effect.part} {difference_text(heading.quantity, effect.difference)}" for effect in found)
        pairs = min(effect.pairs for effect in found)
        yield f"{heading.quantity.title} with a component minus without it, over {pairs} pairs of rows: {gaps}."


def noise_text(found: Steps) -> str:
    """What the intervals of the steps cover."""
    return (
        "the noise of the queries (95 % interval by identities)" if found.single else "the noise of queries and seeds"
    )


def best_finding(table: Table) -> Iterator[str]:
    """The best row of the first accuracy column, and those whose distance from it is within the noise."""
    heading = next((h for h in table.headings if h.training and h.quantity.better and table.fresh(h)), None)
    if heading is None:
        return
    rows, quantity = table.fresh(heading), heading.quantity
    sign = -1 if quantity.better == "lower" else 1
    best = max(rows, key=lambda name: sign * rows[name][0].value)
    value = f"{estimate_text(quantity, rows[best][0], training=True)} {quantity.unit}".strip()
    rivals = []
    for name, own in rows.items():
        gap = compare(quantity, rows[best], own) if name != best else None
        if name != best and (gap is None or not exceeds_noise(quantity, gap)):
            rivals.append(name)
    seeds = max(len(records) for _, records in rows.values())
    if not rivals:
        verdict = "ahead of each other measured row by more than the noise" if len(rows) > 1 else "the only one"
    elif seeds == 1:
        verdict = "trained once, so that no row can be called the best"
    else:
        verdict = f"not distinguishable from {', '.join(rivals)}"
    planned = sum(entry.state not in ("absent", "published") for entry in table.column(heading).values())
    part = f"; {len(rows)} of {planned} rows are measured" if len(rows) < planned else ""
    name = heading.column.title or quantity.title
    yield f"{name} is {'lowest' if sign < 0 else 'highest'} for {best}, {value}: {verdict}{part}."


def ratio_findings(table: Table) -> Iterator[str]:
    """The last row, the full method of an ablation, against the reference row in each ratio column."""
    reference = table.plan.suite.reference
    for heading in table.headings:
        others = [name for name in table.fresh(heading) if name != reference]
        if heading.quantity.statistic != "ratio" or not others:
            continue
        known, _ = table.fresh(heading)[others[-1]]
        where = ", ".join(str(heading.settings[n]) for n in ("device", "precision") if n in heading.settings)
        interval = f" {interval_text(heading.quantity, known)}" if not isnan(known.low) else ""
        verdict = "slower than" if known.low > 1 else "faster than" if known.high < 1 else "not distinguishable from"
        yield (
            f"Latency on {where}: {others[-1]} takes {estimate_text(heading.quantity, _bare(known))}{interval} "
            f"of the time of {reference}: {verdict} it over {known.n} interleaved rounds."
        )


def _agreements(table: Table) -> Iterator[str]:
    """Whether the rows come in the published order."""
    for heading in table.headings:
        pairs = _published_pairs(table, heading)
        if not heading.training or len(pairs) < 3:
            continue
        found = order_agreement([a for a, _ in pairs], [b for _, b in pairs])
        if isnan(found.tau):
            continue
        entries = table.column(heading).values()
        reason = next((f" ({entry.incomparable})" for entry in entries if entry.incomparable), "")
        yield (
            f"{heading.quantity.title}, order against the published one{reason}: Kendall's tau {found.tau:.2f} over "
            f"{len(pairs)} rows; of {found.pairs} pairs {found.concordant} agree, {found.discordant} disagree and "
            f"{found.tied} are tied."
        )


def deviation_findings(table: Table) -> Iterator[str]:
    """The largest deviation from what was published, where the two are comparable."""
    for heading in table.headings:
        gaps = {name: e.difference for name, e in table.column(heading).items() if e.difference is not None}
        if not gaps:
            continue
        worst = max(gaps, key=lambda name: abs(gaps[name]))
        digits, unit = heading.quantity.digits, heading.quantity.unit
        published = table.entries[worst, heading.index].published
        yield (
            f"{heading.quantity.title}, measured minus published: at most {abs(gaps[worst]):.{digits}f} {unit} over "
            f"{len(gaps)} rows ({worst}: {gaps[worst]:+.{digits}f}, published {published})."
        )


def _published_pairs(table: Table, heading: Heading) -> list[tuple[float, float]]:
    pairs = []
    for name, (known, _) in table.fresh(heading).items():
        try:
            published = float(table.entries[name, heading.index].published)
        except ValueError:
            continue
        pairs.append((round(known.value * heading.quantity.scale, heading.quantity.digits), published))
    return pairs


def _bare(known: Estimate) -> Estimate:
    return Estimate(known.value, n=known.n)
