"""What a report consists of, whatever it is written as: sections of text, lists, tables, pictures and commands.

All text is plain. Each renderer (`markdown`, `latex`, `html`, `typeset`) escapes what its format would read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reidbench.reporting.documents.block import CONTINUED, WORDS, Block

NUMBER = re.compile(r"(stale: )?[+-]?\d")

LONGEST_CONTENTS = 30
"""Lines that a table of contents may have."""


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Items:
    """A list of independent statements."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Tabular:
    """One table in pieces narrow enough for a sheet; all pieces have the same rows, named in their first column."""

    pieces: tuple[Block, ...]

    @property
    def title(self) -> str:
        return self.pieces[0].title


@dataclass(frozen=True)
class Picture:
    """A figure. `path` is the file to show, its SVG or its PNG; `raster` its PNG; `printed` what LaTeX takes in.

    `alternative` is for who does not see it: of what it is, where the caption below it says what it shows.
    """

    path: Path
    caption: str
    alternative: str

    @property
    def raster(self) -> Path:
        return self.path.with_suffix(".png")

    @property
    def printed(self) -> Path:
        return self.path.with_suffix(".pdf") if self.path.suffix == ".svg" else self.path


@dataclass(frozen=True)
class Code:
    """Lines to type as they are."""

    text: str


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it. `name` is a short word to link to, unique among its neighbours."""

    title: str
    parts: tuple[Part, ...]
    name: str = ""


Part = Paragraph | Items | Tabular | Picture | Code | Section


@dataclass(frozen=True)
class Document:
    """What is printed under a title, and `wholes`: tables with all their columns, for files of their own."""

    title: str
    parts: tuple[Part, ...]
    wholes: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """What one table, or any other source, gives to a report of several.

    `found` are the statements it has for the summary of the whole, `command` what makes its content again, `wholes`
    its tables with all their columns.
    """

    name: str
    title: str
    found: tuple[str, ...]
    parts: tuple[Part, ...]
    command: str = ""
    wholes: tuple[Block, ...] = ()


def section(title: str, *parts: Part | None) -> Section | None:
    """A section of the parts that there are, or None where nothing is to be said."""
    kept = tuple(part for part in parts if part is not None)
    return Section(title, kept) if kept else None


def items(lines: Iterable[str]) -> Items | None:
    """A list of the lines, or None where there is none."""
    kept = tuple(lines)
    return Items(kept) if kept else None


def tabulars(blocks: Sequence[Block]) -> list[Tabular]:
    """Blocks with the pieces of one table together."""
    groups: list[list[Block]] = []
    for block in blocks:
        if groups and block.title == groups[-1][0].title + CONTINUED:
            groups[-1].append(block)
        else:
            groups.append([block])
    return [Tabular(tuple(pieces)) for pieces in groups]


def pictures(parts: Sequence[Part]) -> Iterator[Picture]:
    """All pictures, those of inner sections too, in their order."""
    for part in parts:
        if isinstance(part, Picture):
            yield part
        elif isinstance(part, Section):
            yield from pictures(part.parts)


def has_words(block: Block, column: int) -> bool:
    """Whether a column holds words, set to the left, where a number or the state of one is set to the right."""
    cells = {line[column] for line in block.lines} - {*WORDS.values(), ""}
    return column == 0 or (bool(cells) and not any(map(NUMBER.match, cells)))


def listed_levels(document: Document) -> int:
    """How many levels of headings a table of contents shows: 2, or 1 where it would be too long; 0 without any."""
    outer = [part for part in document.parts if isinstance(part, Section)]
    inner = [part for section in outer for part in section.parts if isinstance(part, Section)]
    if not outer:
        return 0
    return 2 if len(outer) + len(inner) <= LONGEST_CONTENTS else 1
