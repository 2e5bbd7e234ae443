"""Why the times of a record are in doubt, as far as the record tells. Imports no torch."""

from __future__ import annotations

import statistics

from reidbench import machine
from reidbench.spec import Record

STEADY = 1.25
"""The most that the median of a row's readings comes to in multiples of the fastest, where nothing disturbs them: 1.16
in the sessions that were looked at to choose it, and 1.7 in one that something did disturb."""

LARGEST = 256
"""Clips in the largest batch that is tried: of twice as many the stem's maps have more values than 32 bits count."""

FELL = 1.05
"""The factor by which a rate at a larger batch is lower through no noise of its two readings: libraries choose another
algorithm for it, and may yet another for one still larger."""


def busy(record: Record) -> bool:
    """Whether other processes used more of the cores than they may."""
    return bool(record.context.get("other_load", 0.0) > machine.most_load(record.context.get("threads", 0)))


def unsteady(record: Record) -> bool:
    """Whether the times of one clip scatter so that something disturbed them, though other processes need not have."""
    seconds = record.samples.get("seconds", [])
    return len(seconds) > 1 and statistics.median(seconds) > STEADY * min(seconds)


def fell(before: float, after: float) -> bool:
    """Whether a rate fell from one batch to the next by more than noise."""
    return FELL * after < before
