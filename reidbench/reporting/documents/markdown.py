"""A report as Markdown that GitHub shows and that also reads as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reidbench.reporting.documents.block import Block, aligned
from reidbench.reporting.documents.document import Code, Document, Items, Paragraph, Part, Picture, Section, Tabular

DEEPEST = 6


def markdown(document: Document) -> str:
    """The document as Markdown. Pictures are linked by file name: they lie beside the report."""
    return "\n\n".join([f"# {escape(document.title)}", *_parts(document.parts, 2)]) + "\n"


def _parts(parts: Sequence[Part], level: int) -> Iterator[str]:
    for part in parts:
        match part:
            case Paragraph(text):
                yield escape(text)
            case Items(lines):
                yield "\n".join(f"- {escape(line)}" for line in lines)
            case Tabular(pieces):
                for block in pieces:
                    yield f"{_marks(level)} {escape(block.title)}"
                    yield markdown_table(block)
            case Picture(path, caption, alternative):
                yield f"![{escape(alternative)}]({quote(path.name)})"
                yield f"{escape(caption)}."
            case Code(text):
                yield f"```\n{text}\n```"
            case Section(title, inner):
                yield f"{_marks(level)} {escape(title)}"
                yield from _parts(inner, level + 1)


def markdown_table(block: Block) -> str:
    """A GitHub table with its cells padded, so that it also reads as plain text."""
    header = [escape(text) for text in block.header]
    lines = [
        [f"**{escape(text)}**" if (y, x) in block.bold else escape(text) for x, text in enumerate(line)]
        for y, line in enumerate(block.lines)
    ]
    widths = [max(3, *map(len, column)) for column in zip(header, *lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [aligned(header, widths), rule, *(aligned(line, widths) for line in lines)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return text + "".join(f"\n\n{escape(note)}" for note in block.notes)


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    text = re.sub(r"([\\`*<>|~$]|\](?=[(\[:]))", r"\\\1", " ".join(text.split()))
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
    return re.sub(r"&(?=#?\w+;)", r"\\&", text)


def _marks(level: int) -> str:
    return "#" * min(level, DEEPEST)
