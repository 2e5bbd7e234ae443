"""A report as Typst and, set with the package `typst`, as PDF: no TeX, no other program, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from reidbench.program import install_command
from reidbench.reporting.documents.block import CONTINUED, Block
from reidbench.reporting.documents.document import (
    Code,
    Document,
    Items,
    Paragraph,
    Part,
    Picture,
    Section,
    Tabular,
    has_words,
    listed_levels,
    pictures,
)
from reidbench.spec import UserError

LOOK = Path(__file__).parent / "page.typ"


def typeset(document: Document) -> str:
    """The document as a Typst source beside `page.typ` and its pictures."""
    body = "\n\n".join(_parts(document.parts, 1))
    look = f'#import "{LOOK.name}": report, piece, picture'
    return f"{look}\n#show: report.with({quoted(document.title)}, levels: {listed_levels(document)})\n\n{body}\n"


def pdf(document: Document) -> bytes:
    """The document as PDF. Reads the files of its pictures. Raises UserError where `typst` is not installed."""
    typst = require_typst()
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in (LOOK, *(picture.path for picture in pictures(document.parts))):
            (folder / path.name).write_bytes(path.read_bytes())
        source = folder / "main.typ"
        source.write_text(typeset(document), encoding="utf-8")
        # A fixed time and the fonts that typst brings along: the same records give the same file on every machine.
        return typst.compile(source, root=folder, format="pdf", ignore_system_fonts=True, timestamp=0)


def require_typst() -> ModuleType:
    """The package `typst`, or a UserError that says how to get it."""
    try:
        import typst
    except ImportError:
        raise UserError(f"--format pdf needs the package typst: {install_command('pdf')}") from None
    return typst


def quoted(text: str) -> str:
    """Text as a string of Typst, in which nothing is markup; on one line."""
    text = " ".join(text.split())
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parts(parts: Sequence[Part], level: int) -> Iterator[str]:
    for part in parts:
        match part:
            case Paragraph(text):
                # What announces a list or a command stays on its page.
                sticky = str(text.endswith(":")).lower()
                yield f"#block(sticky: {sticky}, par({quoted(text)}))"
            case Items(lines):
                yield f"#list({', '.join(map(quoted, lines))})"
            case Tabular(pieces):
                yield from map(_table, pieces)
            case Picture(path, caption, _):
                yield f"#picture({quoted(path.name)}, {quoted(caption)})"
            case Code(text):
                code = "\\n".join(quoted(line)[1:-1] for line in text.splitlines())
                yield f'#raw("{code}", block: true)'
            case Section(title, inner):
                yield f"#heading(level: {level}, {quoted(title)})"
                yield from _parts(inner, level + 1)


def _table(block: Block) -> str:
    cells = [
        f"strong({quoted(text)})" if (y, x) in block.bold else quoted(text)
        for y, line in enumerate(block.lines)
        for x, text in enumerate(line)
    ]
    header, notes = _array(map(quoted, block.header)), _array(map(quoted, block.notes))
    continued = ", continued: true" if block.title.endswith(CONTINUED) else ""
    sides = _array("left" if has_words(block, x) else "right" for x in range(len(block.header)))
    return f"#piece({quoted(block.title)}, {sides}, {header}, {_array(cells)}, {notes}{continued})"


def _array(values: Iterable[str]) -> str:
    """An array; the comma at its end keeps a single value from being read as a mere parenthesis."""
    found = list(values)
    return f"({', '.join(found)},)" if found else "()"
