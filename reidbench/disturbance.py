"""What disturbed the session in which a record was timed, as far as the record tells. Imports no torch."""

from __future__ import annotations

import statistics

from reidbench import machine
from reidbench.spec import Record

STEADY = 1.25
"""The most that the median of a row's readings comes to in multiples of the fastest, where nothing disturbs them: 1.16
in the sessions that were looked at to choose it, and 1.7 in one that something did disturb."""


def busy(record: Record) -> bool:
    """Whether other processes used more of the cores than they may."""
    return bool(record.context.get("other_load", 0.0) > machine.most_load(record.context.get("threads", 0)))


def unsteady(record: Record) -> bool:
    """Whether the times of one clip scatter so that something disturbed them, though other processes need not have."""
    seconds = record.samples.get("seconds", [])
    return len(seconds) > 1 and statistics.median(seconds) > STEADY * min(seconds)
