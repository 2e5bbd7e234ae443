"""The differences of a family in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.reporting.documents.block import Block, titled
from reidbench.reporting.findings.differences import DIFFERENCE, Difference, Family
from reidbench.reporting.tables.intervals import difference_text, interval_text

POINTS = f"{DIFFERENCE}: percentage points."

FEW = 4
"""Differences that are named although they are within the noise, or in a summary of several tables told in full."""

MANY = 8
"""Differences whose intervals are left to the table."""


def family_findings(families: Sequence[Family], *, brief: bool = False) -> list[str]:
    """A sentence on each family, and one on all together in which nothing differs at all."""
    alike = [family for family in families if len(family.identical) == len(family.differences)]
    texts = [family_finding(family, brief=brief) for family in families if family not in alike]
    for title in dict.fromkeys(family.title for family in alike):
        same = [family for family in alike if family.title == title]
        where = ", ".join(family.setting for family in same if family.setting)
        name = f"{title} by {where}" if where else title
        count = sum(len(family.differences) for family in same)
        them = "the one difference is" if count == 1 else f"all {count} differences are"
        texts.append(f"{name}: {them} exactly 0, of two sides that are identical.")
    return texts


def family_finding(family: Family, *, brief: bool) -> str:
    """The differences told from 0 with their values; the others by name where they are few, else by their number.

    Where none is told from 0 and they are few, all have their values.

    Many differences have no intervals here: more than a few in a `brief` sentence, else more than `MANY` that a table
    shows too.
    """
    plain = len(family.told) > (FEW if brief else MANY) and (brief or not is_told_whole(family))
    parts = []
    if family.told:
        noise = "the noise of the queries alone" if family.single else "the noise"
        parts.append(f"beyond {noise} {'; '.join(_valued(family, each, plain=plain) for each in family.told)}")
    others = (("within the noise", family.within), ("without an interval", family.unbounded))
    for what, some in (*others, ("identical", family.identical)):
        if _is_short(family) and some:
            parts.append(f"{what} {'; '.join(_valued(family, each, plain=False) for each in some)}")
        elif len(some) > FEW or (brief and family.told and some[1:]):
            rest = len(family.differences) - len(family.told)
            which = "" if len(some) < rest else "the other " if family.told else "all "
            parts.append(f"{what} {which}{len(some)}")
        elif some:
            parts.append(f"{what} {'; '.join(each.name for each in some)}")
    return f"{family.name}: {'; '.join(parts)} ({noise_text(family)})."


def is_told_whole(family: Family) -> bool:
    """Whether the sentence on a family has all that its table would have."""
    return _is_short(family) or not (family.within or family.unbounded)


def _is_short(family: Family) -> bool:
    """Whether all differences of a family are told with their values, though none is told from 0."""
    return not family.told and len(family.differences) <= FEW


def noise_text(family: Family) -> str:
    """What the intervals of a family cover, and why some are wide."""
    single = "without the noise of training, of which there is one seed"
    wide = f"; {two_say_little(family.over)}" if any(each.of_two for each in family.differences) else ""
    return f"95 % intervals {single if family.single else f'over queries and {family.over}'}{wide}"


def two_say_little(over: str) -> str:
    """Why an interval of a difference is wide, `over` which trainings it is: seeds or splits."""
    return f"two {over} say little of how training varies, so that intervals of differences are wide"


def family_block(family: Family) -> Block:
    """All differences of a family with their intervals."""
    quantity = family.quantity
    lines = [
        (
            each.name,
            difference_text(quantity, each.point),
            interval_text(quantity, each.gap) if each.bounded else "-",
            _word(each),
        )
        for each in family.differences
    ]
    header = ("difference", titled(quantity.title, family.unit), "95 % interval", "contains 0")
    notes = (f"{_sentence(noise_text(family))}.", *([POINTS] if family.unit == DIFFERENCE else []))
    return Block(family.name, header, tuple(lines), frozenset(), notes)


def _word(each: Difference) -> str:
    if each.identical:
        return "identical"
    if not each.bounded:
        return "-"
    return "no" if each.told else "yes"


def _valued(family: Family, each: Difference, *, plain: bool) -> str:
    text = f"{each.name} {difference_text(family.quantity, each.point if plain else each.gap)}"
    # Of a quantity that is a loss, a value below 0 reads as one all the same.
    gain = family.quantity.unit == DIFFERENCE and family.quantity.better == "lower" and each.gap.value < 0
    return f"{text}, a gain" if gain else text


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
