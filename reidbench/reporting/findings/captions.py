"""What a table says of itself where it stands alone, in a paper: what its report says beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reidbench.reporting.documents.block import Block
from reidbench.reporting.findings.legend import legend
from reidbench.reporting.findings.methods import doubts
from reidbench.reporting.findings.scope import SEE, scope
from reidbench.reporting.tables.layout import block_title
from reidbench.reporting.tables.table import Heading, Table, joined_unequal
from reidbench.spec import PAPER_SIZE


def captioned(table: Table, machine: Mapping[str, Any], block: Block) -> Block:
    """A block of some of the columns of a table, with a caption on these."""
    headings = [heading for heading in table.headings if heading.index in block.columns]
    part = replace(table, headings=tuple(headings))
    titles = dict.fromkeys(block_title(heading, part) for heading in headings)
    return replace(block, caption=(*_about(part, machine, titles), *legend([part]), *_remarks(part)))


def captioned_differences(table: Table, machine: Mapping[str, Any], block: Block) -> Block:
    """A block of differences between rows, with a caption on the columns of trained rows, which they are of."""
    headings = [heading for heading in table.headings if heading.training]
    part = replace(table, headings=tuple(headings))
    titles = dict.fromkeys([block.title, *(block_title(heading, part) for heading in headings)])
    return replace(block, caption=(*_about(part, machine, titles), *_remarks(part)))


def _about(part: Table, machine: Mapping[str, Any], titles: Iterable[str]) -> Iterator[str]:
    """The suite, what was measured on which data and where, and how far from the paper's scale."""
    yield from (f"{title.removesuffix('.')}." for title in (part.plan.suite.title, *titles))
    yield from (line.replace(SEE, "") for line in scope([part]))
    if any(_is_small(heading) for heading in part.headings):
        yield f"The networks were not trained at the paper's scale, {'x'.join(map(str, PAPER_SIZE))} pixels."
    if any("device" in heading.settings for heading in part.headings):
        known = ", ".join(f"{name} {machine[name]}" for name in ("cpu", "cores", "gpu") if machine.get(name))
        yield f"Measured on {part.machine}{f' ({known})' if known else ''}."


def _is_small(heading: Heading) -> bool:
    size: Sequence[int] = heading.settings.get("recipe", {}).get("size", PAPER_SIZE)
    return heading.training and tuple(size) != PAPER_SIZE


def _remarks(part: Table) -> Iterator[str]:
    """What stands below the table on a terminal: what puts its times in doubt, values that were not measured alike."""
    yield from doubts(part)
    joined = (
        text
        for heading in part.headings
        for text in joined_unequal(part.plan, part.machine, heading, part.column(heading))
    )
    yield from dict.fromkeys(f"Joined unequal: {text}." for text in joined)
