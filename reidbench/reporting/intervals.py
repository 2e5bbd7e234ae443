"""Estimates as text, in the unit shown: values with their intervals, and differences."""

from __future__ import annotations

from math import isnan

from reidbench.spec import Quantity
from reidbench.statistics import Estimate

ALIKE = "no interval"
"""Stands after a mean over persons who all have the same value, which a bootstrap would take for certain."""

ALIKE_MEANS = f"{ALIKE.capitalize()}: all persons have the same value, which does not say how far others would differ."


def estimate_text(quantity: Quantity, known: Estimate, *, training: bool = False) -> str:
    """A value with half the width of its interval, or that itself where it is lopsided, or `ALIKE`, and for several
    seeds or splits their standard deviation in parentheses."""
    scale, digits = quantity.scale, quantity.digits
    text = f"{known.value * scale:z.{digits}f}"
    if is_alike(quantity, known):
        text += f", {ALIKE}"
    elif is_lopsided(quantity, known):
        text += f" {interval_text(quantity, known)}"
    elif not isnan(known.low):
        text += f" ± {(known.high - known.low) / 2 * scale:.{digits}f}"
    if training and not isnan(known.sd):
        text += f" ({known.sd * scale:.{digits}f})"
    return text


def is_alike(quantity: Quantity, known: Estimate) -> bool:
    """Whether a value is a mean over persons who all have the same value, or over a single one."""
    return quantity.statistic == "mean" and isnan(known.low)


def is_lopsided(quantity: Quantity, known: Estimate) -> bool:
    """Whether one side of an interval is more than twice the other, before and after rounding to the printed digits."""
    if isnan(known.low):
        return False
    unit = quantity.scale * 10.0**quantity.digits
    ends = [bound * unit for bound in (known.low, known.value, known.high)]
    return all(_is_uneven(low, value, high) for low, value, high in (ends, map(round, ends)))


def _is_uneven(low: float, value: float, high: float) -> bool:
    return max(value - low, high - value) > 2 * min(value - low, high - value)


def interval_text(quantity: Quantity, known: Estimate) -> str:
    """The interval as `[low, high]` in the unit shown."""
    low, high = (f"{bound * quantity.scale:z.{quantity.digits}f}" for bound in (known.low, known.high))
    return f"[{low}, {high}]"


def difference_text(quantity: Quantity, gap: Estimate) -> str:
    """A difference with its sign and, where it has one, its interval."""
    text = f"{gap.value * quantity.scale:+z.{quantity.digits}f}"
    return text if isnan(gap.low) else f"{text} {interval_text(quantity, gap)}"
