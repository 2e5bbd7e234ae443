"""Sentences computed from a table: what its numbers support, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING

from reidbench.deployment.backends import ran_on
from reidbench.estimates import seed_means
from reidbench.reporting.blocks import column_name, difference_text, estimate_text, interval_text, seeds_text
from reidbench.reporting.comparison import compare, exceeds_noise, spread_over_seeds
from reidbench.reporting.differences import Difference, Family, families
from reidbench.statistics import Estimate, order_agreement

if TYPE_CHECKING:
    from reidbench.reporting.tables import Heading, Table

FEW = 4
"""Differences that a summary of several tables states one by one; of more it gives the count."""


def findings(table: Table) -> list[str]:
    """One sentence a finding, in the order of importance; empty where nothing is measured."""
    return [
        *best_finding(table),
        *map(difference_finding, families(table)),
        *seed_findings(table),
        *ratio_findings(table),
        *_agreements(table),
        *deviation_findings(table),
    ]


def difference_finding(family: Family) -> str:
    """All differences of a family, those that are told from 0 first, and what their intervals cover."""
    groups = (
        ("beyond the noise", family.told),
        ("within the noise", family.within),
        ("without an interval", family.unbounded),
    )
    texts = [f"{what} {_listed(family, some)}" for what, some in groups if some]
    return f"{family.title}: {'; '.join(texts)} ({noise_text(family)})."


def difference_headline(family: Family) -> str:
    """As `difference_finding`, but of many differences only how many are beyond the noise."""
    if len(family.differences) <= FEW:
        return difference_finding(family)
    of = f"{len(family.told)} of {len(family.differences)} differences"
    return f"{family.title}: {of} are beyond the noise ({noise_text(family)})."


def noise_text(family: Family) -> str:
    """What the intervals of a family cover."""
    single = "without the noise of training, of which there is one seed"
    return f"95 % intervals {single if family.single else f'over queries and {family.over}'}"


def best_finding(table: Table) -> Iterator[str]:
    """The best row of the first accuracy column, and those whose distance from it is within the noise."""
    heading = table.trained(judged=True)
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
    trainings = max(len(records) for _, records in rows.values())
    if not rivals:
        verdict = "ahead of each other measured row by more than the noise" if len(rows) > 1 else "the only one"
    elif trainings == 1:
        verdict = "trained once, so that no row can be called the best"
    else:
        verdict = f"not distinguishable from {'; '.join(rivals)}"
    planned = sum(entry.state not in ("absent", "published") for entry in table.column(heading).values())
    part = f"; {len(rows)} of {planned} rows are measured" if len(rows) < planned else ""
    yield f"{column_name(heading)} is {'lowest' if sign < 0 else 'highest'} for {best}, {value}: {verdict}{part}."


def seed_findings(table: Table) -> Iterator[str]:
    """How far the seeds of the first accuracy column lie apart, and the rows whose seeds do by more than their ±.

    Splits of a dataset lie apart by their persons too, so that of these only the first is said.
    """
    heading = table.trained(judged=True)
    if heading is None:
        return
    rows, quantity = table.fresh(heading), heading.quantity
    low, high = spread_over_seeds(rows)
    if isnan(low):
        return
    splits = table.plan.splits
    count = splits.text if splits.several else seeds_text(max(len(records) for _, records in rows.values()))
    digits, scale = quantity.digits, quantity.scale
    yield (
        f"{column_name(heading)}: the standard deviation over {count} is {low * scale:.{digits}f} to "
        f"{high * scale:.{digits}f}."
    )
    apart: list[str] = []
    if splits.several:
        return
    for name, (known, records) in rows.items():
        if known.sd > (known.high - known.low) / 2:
            means = ", ".join(f"{mean * scale:.{digits}f}" for mean in seed_means(quantity, records))
            apart.append(f"{name} ({means})")
    if apart:
        yield (
            f"{column_name(heading)}: the seeds of some rows differ by more than ±, which covers the choice of queries "
            f"alone: {'; '.join(apart)}."
        )


def ratio_findings(table: Table) -> Iterator[str]:
    """The last row, the full method of an ablation, against the reference row in each column of such ratios."""
    reference = table.plan.suite.reference
    for heading in table.headings:
        others = [name for name in table.fresh(heading) if name != reference]
        if heading.quantity.statistic != "ratio" or heading.quantity.over != "reference" or not others:
            continue
        known, _ = table.fresh(heading)[others[-1]]
        where = ", ".join(ran_on(heading.settings))
        interval = f" {interval_text(heading.quantity, known)}" if not isnan(known.low) else ""
        verdict = "slower than" if known.low > 1 else "faster than" if known.high < 1 else "not distinguishable from"
        clips = heading.column.measurement == "latency"
        what, time = ("Latency", "the time a frame") if clips else (heading.quantity.title, "the time")
        yield (
            f"{what} on {where}: {others[-1]} takes {estimate_text(heading.quantity, _bare(known))}{interval} "
            f"of {time} that {reference} takes: {verdict} it over {known.n} interleaved rounds."
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
            f"{column_name(heading)}, order against the published one{reason}: Kendall's tau {found.tau:.2f} over "
            f"{len(pairs)} rows; pairs in the same order {found.concordant}, in the opposite one {found.discordant}, "
            f"tied {found.tied}."
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
            f"{column_name(heading)}, measured minus published: at most {abs(gaps[worst]):.{digits}f} {unit} over "
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


def _listed(family: Family, differences: Sequence[Difference]) -> str:
    return "; ".join(f"{each.name} {difference_text(family.quantity, each.gap)}" for each in differences)


def _bare(known: Estimate) -> Estimate:
    return Estimate(known.value, n=known.n)
