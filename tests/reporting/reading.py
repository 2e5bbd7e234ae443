"""Reads what a report was written as; whatever is not well formed is an error."""

import io
import re
from collections import Counter
from html.parser import HTMLParser

from pylatexenc.latexwalker import LatexEnvironmentNode, LatexGroupNode, LatexMacroNode, LatexWalker
from pypdf import PageObject, PdfReader
from pypdf.generic import DecodedStreamObject, NameObject

TEXT = re.compile(rb"^(?:q(?: [-.\d ]+ cm)?|Q|BT(?s:.*?)\nET)\b", re.M)
"""What of a page that Typst wrote is text, or places it."""

VOID = {"meta", "input", "br", "wbr", "img", "hr"}


class Reader(HTMLParser):
    """Checks that every element is closed in turn, and keeps texts, attributes and ids."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids[value or ""] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))


def read_html(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open
    return reader


def latex_nodes(text: str) -> list:
    """All nodes of a source, inner ones too; raises where a brace or an environment is left open."""
    found, _, _ = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    inner = list(found)
    for node in inner:
        if isinstance(node, LatexEnvironmentNode | LatexGroupNode):
            inner.extend(node.nodelist)
        if isinstance(node, LatexMacroNode) and node.nodeargd:
            inner.extend(argument for argument in node.nodeargd.argnlist if argument)
    return inner


def pdf_text(content: bytes) -> str:
    """All text of a PDF with its spaces alike, because a line may break anywhere."""
    pages = PdfReader(io.BytesIO(content)).pages
    return " ".join(" ".join(map(_page_text, pages)).split())


def _page_text(page: PageObject) -> str:
    """The text of a page, read without what it draws besides: the curves of its figures take most of the time."""
    whole, text = page.get_contents(), DecodedStreamObject()
    text.set_data(b"\n".join(TEXT.findall(whole.get_data())) if whole is not None else b"")
    page[NameObject("/Contents")] = text
    return page.extract_text()
