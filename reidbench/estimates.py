"""What the records of a row say about a quantity: from their samples, by the statistic that the quantity names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reidbench.clusters import mean_interval, mean_over_splits
from reidbench.data.splits import by_split
from reidbench.spec import Outcome, Quantity, Record
from reidbench.statistics import Estimate, Floats, as_readings, median_interval, ratio_interval, spread

PERCENT = "%"
"""The unit of a share of all, which lies between 0 and 100."""

IDENTITY, GROUP = "identity", "group"
"""The samples that hold of each query its person, and the first of the persons who look alike with that one."""


def estimate(quantity: Quantity, field: str, records: Sequence[Record | Outcome]) -> Estimate | None:
    """What the records of one row (one a seed and split) say about a quantity, or None where they do not hold it.

    Records are pooled: the readings of all of them, or for an accuracy the queries of all seeds, whose identities
    are then joined; `n` and `sd` of an accuracy are over the seeds, or the splits where there are several.
    """
    if not records:
        return None
    if quantity.statistic == "value":
        if any(field not in record.values for record in records):
            return None
        values = as_readings([record.values[field] for record in records])
        return Estimate(float(values.mean()), n=len(values), sd=spread(values))
    needed = [name for name in (quantity.sample, quantity.over, quantity.by, quantity.where) if name]
    if any(not record.samples.get(name) for record in records for name in needed):
        return None
    if quantity.statistic == "median":
        return median_interval(_pooled(records, quantity.sample))
    if quantity.statistic == "ratio":
        return ratio_interval(_pooled(records, quantity.sample), _pooled(records, quantity.over))
    if quantity.statistic == "mean":
        return _mean_over_seeds(quantity, records)
    raise ValueError(f"quantity {field}: unknown statistic {quantity.statistic!r}")


def groups_of(samples: Mapping[str, Sequence[float]], by: str, *, join: bool = True) -> Floats:
    """The groups that a mean counts: of each reading its `by` `[n]`, or of an identity with look-alikes known `[n, 2]`.

    Those are one group, for who scores badly does so beside look-alikes, who do so, too. Before its label stands how
    many identities it has: a dataset has so many groups of each size, whoever is in them. Without `join` an identity is
    a group.
    """
    labels = np.asarray(samples[by], dtype=float)
    if not join or by != IDENTITY or not samples.get(GROUP):
        return labels
    groups = np.asarray(samples[GROUP], dtype=float)
    _, persons = np.unique(labels, return_index=True)
    names, sizes = np.unique(groups[persons], return_counts=True)
    return np.stack([sizes[np.searchsorted(names, groups)], groups], axis=1)


def seed_means(quantity: Quantity, records: Sequence[Record | Outcome]) -> list[float]:
    """The mean of a quantity of statistic "mean" in each record, one a seed; a record without a value is left out."""
    means = []
    for record in records:
        values = np.asarray(record.samples[quantity.sample], dtype=float)
        kept = np.asarray(record.samples[quantity.where]) == 1 if quantity.where else np.ones(len(values), bool)
        if kept.any():
            means.append(float(values[kept].mean()))
    return means


def _mean_over_seeds(quantity: Quantity, records: Sequence[Record | Outcome]) -> Estimate | None:
    splits = by_split(records)
    if len(splits) > 1:
        return _mean_over_splits(quantity, list(splits.values()))
    values, groups, where = _queries(quantity, records)
    if not np.any(where == 1):
        return None
    pooled = mean_interval(values, groups, where, share=quantity.unit == PERCENT)
    seeds = np.array(seed_means(quantity, records))
    return Estimate(pooled.value, pooled.low, pooled.high, len(seeds), spread(seeds))


def _mean_over_splits(quantity: Quantity, splits: Sequence[Sequence[Record | Outcome]]) -> Estimate | None:
    """None where a split lacks the queries that the quantity is restricted to."""
    values, groups = [], []
    for records in splits:
        own, labels, where = _queries(quantity, records)
        if not np.any(where == 1):
            return None
        values.append(own[where == 1])
        groups.append((np.arange(len(own)) if labels is None else labels)[where == 1])
    return mean_over_splits(values, groups, share=quantity.unit == PERCENT)


def _queries(quantity: Quantity, records: Sequence[Record | Outcome]) -> tuple[Floats, Floats | None, Floats]:
    """Of all records: the values, what their groups are, and 1 where they count."""
    values = _pooled(records, quantity.sample)
    groups = np.concatenate([groups_of(each.samples, quantity.by) for each in records]) if quantity.by else None
    return values, groups, _pooled(records, quantity.where) if quantity.where else np.ones(len(values))


def _pooled(records: Sequence[Record | Outcome], sample: str) -> Floats:
    return np.concatenate([np.asarray(record.samples[sample], dtype=float) for record in records])
