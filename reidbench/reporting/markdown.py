"""A report as Markdown that GitHub shows and that also reads as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from reidbench.reporting.blocks import escape
from reidbench.reporting.blocks import markdown as markdown_table
from reidbench.reporting.document import Code, Document, Items, Paragraph, Part, Picture, Section, Tabular

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
            case Picture(path, caption):
                # The caption stands below as well: who sees the picture is not shown its alternative text.
                yield f"![{escape(caption.partition(';')[0])}]({quote(path.name)})"
                yield f"{escape(caption)}."
            case Code(text):
                yield f"```\n{text}\n```"
            case Section(title, inner):
                yield f"{_marks(level)} {escape(title)}"
                yield from _parts(inner, level + 1)


def _marks(level: int) -> str:
    return "#" * min(level, DEEPEST)
