"""A report as one HTML page that needs nothing else: styles, script and figures are inside, and no network is used."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from xml.etree import ElementTree

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
)
from reidbench.spec import UserError

HERE = Path(__file__).parent
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"


class _Anchors:
    """Names to link to, each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, text: str) -> str:
        stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        return name


class _Page:
    """Collects the body of a page and, on the way, its table of contents."""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.anchors = _Anchors()
        self.contents: list[tuple[int, str, str]] = []
        self.figures = 0

    def parts(self, parts: Sequence[Part], level: int, path: str = "") -> Iterator[str]:
        for part in parts:
            match part:
                case Paragraph(text):
                    yield f"<p>{_prose(text)}</p>"
                case Items(lines):
                    yield "<ul>" + "".join(f"<li>{_prose(line)}</li>" for line in lines) + "</ul>"
                case Code(text):
                    yield f'<pre tabindex="0"><code>{escape(text)}</code></pre>'
                case Tabular():
                    yield from self.table(part, level, path)
                case Picture():
                    yield self.figure(part)
                case Section(title, inner, name):
                    anchor, heading = self.heading(title, level, name or title, path)
                    yield f'<section aria-labelledby="{anchor}">{heading}'
                    yield from self.parts(inner, level + 1, f"{name or path} ".strip())
                    yield "</section>"

    def heading(self, title: str, level: int, name: str, path: str, *, listed: bool = True) -> tuple[str, str]:
        """The anchor and the element of a heading, which the table of contents shows where it is `listed`."""
        anchor = self.anchors.new(f"{path} {name}")
        if listed and level <= self.levels + 1:
            self.contents.append((level, anchor, title))
        depth = min(level, 6)
        link = f'<a class="anchor" href="#{anchor}" aria-label="Link to: {escape(title)}">#</a>'
        return anchor, f'<h{depth} id="{anchor}">{escape(title)} {link}</h{depth}>'

    def table(self, table: Tabular, level: int, path: str) -> Iterator[str]:
        anchor, heading = self.heading(table.title, level, table.title, path, listed=False)
        yield f'<div class="table" role="group" aria-labelledby="{anchor}">{heading}'
        for block in table.pieces:
            if block.title.endswith(CONTINUED):
                yield f'<p class="continued">{escape(block.title)}</p>'
            yield f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(block.title)}">'
            yield _table(block)
            yield "</div>"
            yield from (f'<p class="note">{escape(note)}</p>' for note in block.notes)
        yield "</div>"

    def figure(self, picture: Picture) -> str:
        self.figures += 1
        image = _inline_svg(picture, self.figures) if picture.path.suffix == ".svg" else _inline_image(picture)
        caption = f"<figcaption>Figure {self.figures}. {_prose(picture.caption)}.</figcaption>"
        card = f'<div class="scroll card" role="group" aria-label="Figure {self.figures}">{image}</div>'
        return f"<figure>{card}{caption}</figure>"

    def navigation(self) -> str:
        links = "".join(
            f'<li class="level{level}"><a href="#{anchor}">{escape(title)}</a></li>'
            for level, anchor, title in self.contents
        )
        return f'<nav aria-label="Contents"><details open><summary>Contents</summary><ul>{links}</ul></details></nav>'


def html(document: Document) -> str:
    """The document as one page. Reads the files of its pictures. Its policy forbids the browser any other request."""
    page = _Page(listed_levels(document))
    body = "\n".join(page.parts(document.parts, 2))
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    title = escape(document.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1></header>
<div id="tools"></div>
<div id="page">
{page.navigation()}
<main>
{body}
</main>
</div>
<script>{script}</script>
</body>
</html>
"""


def _prose(text: str) -> str:
    """Text in which no line ends between a number and its %."""
    return escape(text).replace(" %", "\N{NO-BREAK SPACE}%")


def _table(block: Block) -> str:
    words = [' class="words"' if has_words(block, x) else "" for x in range(len(block.header))]
    head = "".join(f'<th scope="col"{side}>{escape(text)}</th>' for text, side in zip(block.header, words, strict=True))
    lines = []
    for y, (name, *cells) in enumerate(block.lines):
        first = f'<th scope="row">{escape(name).replace("+", "+<wbr>")}</th>'
        others = (_cell(text, words[x], (y, x) in block.bold) for x, text in enumerate(cells, 1))
        lines.append(f"<tr>{first}{''.join(others)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(text: str, side: str, bold: bool) -> str:
    return f"<td{side}>{f'<strong>{escape(text)}</strong>' if bold else escape(text)}</td>"


def _inline_svg(picture: Picture, number: int) -> str:
    """The drawing without what only a file needs, its ids made its own: every figure of matplotlib uses the same."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    try:
        root = ElementTree.parse(picture.path).getroot()
    except ElementTree.ParseError as error:
        raise UserError(f"{picture.path}: damaged ({error}); delete it, and the next report draws it anew") from error
    for parent in list(root.iter()):
        for child in list(parent):
            # The style element holds one rule for every element of the page it stands in; page.css has it for figures.
            if child.tag.rpartition("}")[2] in ("metadata", "style", "script"):
                parent.remove(child)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"figure{number}-{value}")
            elif name in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
                element.set(name, f"#figure{number}-{value[1:]}")
            elif "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#figure{number}-"))
    root.set("role", "img")
    root.set("aria-label", picture.alternative)
    return ElementTree.tostring(root, encoding="unicode")


def _inline_image(picture: Picture) -> str:
    content = base64.b64encode(picture.path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{content}" alt="{escape(picture.alternative)}">'
