"""Estimates as text, in the unit shown: values with their intervals, and differences."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

from reidbench.estimates import PERCENT
from reidbench.reporting.tables.comparison import is_timed
from reidbench.spec import Quantity
from reidbench.statistics import Estimate

EXACTLY = 1e-6
"""Half an interval over the value up to which it is one of rounding."""

ALIKE = "[none]"
"""Stands for the interval of a mean over persons who are all alike, which does not say how far others would lie."""

ALIKE_MEANS = f"v {ALIKE}: all persons have the same value, which does not say how far others would differ."


def estimate_text(quantity: Quantity, known: Estimate, *, training: bool = False) -> str:
    """A value with half the width of its interval, or that itself where ± would not be true, or `ALIKE`.

    For several seeds or splits their standard deviation follows in parentheses.
    """
    scale, digits = quantity.scale, shown_digits(quantity, known)
    text = f"{known.value * scale:z.{digits}f}"
    if is_alike(quantity, known):
        text += f" {ALIKE}"
    elif is_lopsided(quantity, known):
        text += f" {interval_text(replace(quantity, digits=digits), known)}"
    elif not isnan(known.low):
        text += f" ± {(known.high - known.low) / 2 * scale:.{digits}f}"
    if training and not isnan(known.sd):
        text += f" ({known.sd * scale:.{digits}f})"
    return text


def shown_digits(quantity: Quantity, known: Estimate) -> int:
    """The digits of a value after the point: those of its quantity, more where half its interval would read as 0.

    What is less than a millionth of the value is taken for 0.
    """
    half, digits = (known.high - known.low) / 2 * quantity.scale, quantity.digits
    if isnan(half) or half <= EXACTLY * abs(known.value * quantity.scale):
        return digits
    while not round(half, digits):
        digits += 1
    return digits


def is_alike(quantity: Quantity, known: Estimate) -> bool:
    """Whether a value is a mean over persons who all have the same value, or over a single one."""
    return quantity.statistic == "mean" and isnan(known.low)


def is_lopsided(quantity: Quantity, known: Estimate) -> bool:
    """Whether one side of an interval is more than twice the other, before and after rounding to the printed digits, or
    half its width on either side would lead a time below 0, or a percentage out of 0 to 100."""
    if isnan(known.low):
        return False
    if _leaves_the_scale(quantity, known):
        return True
    unit = quantity.scale * 10.0 ** shown_digits(quantity, known)
    ends = [bound * unit for bound in (known.low, known.value, known.high)]
    return all(_is_uneven(low, value, high) for low, value, high in (ends, map(round, ends)))


def _leaves_the_scale(quantity: Quantity, known: Estimate) -> bool:
    """Whether a value ± half the width of its interval, as printed, leads beyond an end of its scale and the interval
    does not."""
    parts = (known.value, (known.high - known.low) / 2, known.low, known.high)
    unit = 10.0 ** shown_digits(quantity, known)
    value, half, low, high = (round(part * quantity.scale * unit) for part in parts)
    if value - half < 0 <= low:
        return quantity.unit == PERCENT or is_timed(quantity)
    return quantity.unit == PERCENT and value + half > round(100 * unit) >= high


def _is_uneven(low: float, value: float, high: float) -> bool:
    return max(value - low, high - value) > 2 * min(value - low, high - value)


def interval_text(quantity: Quantity, known: Estimate) -> str:
    """The interval as `[low, high]` in the unit shown; with a digit more where an end that is not 0 would read as 0."""
    bounds, digits = [bound * quantity.scale for bound in (known.low, known.high)], quantity.digits
    reads_as_0, still_does = (not all(round(bound, n) for bound in bounds) for n in (digits, digits + 1))
    if known.low * known.high > 0 and reads_as_0 and not still_does:
        digits += 1
    low, high = (f"{bound:z.{digits}f}" for bound in bounds)
    return f"[{low}, {high}]"


def difference_text(quantity: Quantity, gap: Estimate) -> str:
    """A difference with its sign and, where it has one, its interval."""
    text = f"{gap.value * quantity.scale:+z.{quantity.digits}f}"
    return text if isnan(gap.low) else f"{text} {interval_text(quantity, gap)}"
