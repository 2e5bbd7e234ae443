import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import HOSTILE, Bench, document_of, hostile_document
from PIL import Image
from pypdf import PdfReader
from reading import pdf_text

from reidbench.reporting.documents.block import CONTINUED, Block
from reidbench.reporting.documents.document import Document, Paragraph, Picture, Tabular
from reidbench.reporting.documents.typeset import pdf, quoted
from reidbench.spec import UserError


def test_the_pdf_holds_the_numbers_and_is_the_same_each_time(bench: Bench, tmp_path: Path) -> None:
    bench.seeds = 3
    bench.save_all()
    document = document_of(bench, tmp_path, figures=True)
    content = pdf(document)
    text = pdf_text(content)
    for part in ("A made-up suite", "Summary", "Base 4.08 4.08 agrees", "Imaginary 9000", "torch 2.9.0", "Figure 3"):
        assert part in text, part
    assert PdfReader(io.BytesIO(content)).metadata.title == "A made-up suite"
    assert pdf(document) == content


def test_hostile_names_are_text(tmp_path: Path) -> None:
    text = pdf_text(pdf(hostile_document(tmp_path)))
    assert text.replace(" ", "").count(HOSTILE.replace(" ", "")) >= 9


@given(st.text(max_size=20))
def test_quoted_text_is_one_string(text: str) -> None:
    found = quoted(text)
    assert found[0] == found[-1] == '"' and "\n" not in found
    assert '"' not in found[1:-1].replace("\\\\", "").replace('\\"', "")


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[pdf\]'"):
        pdf(Document("t", (Paragraph("x"),)))


def test_the_pieces_of_one_table_have_one_number() -> None:
    first = Block("Cost", ("row", "x"), (("a", "1.0"),), frozenset(), ())
    pieces = (first, replace(first, title=f"Cost{CONTINUED}"))
    text = pdf_text(pdf(Document("t", (Tabular(pieces), Tabular((replace(first, title="Other"),))))))
    assert "Table 1: Cost" in text and "Table 2: Other" in text and "Cost (continued)" in text


@pytest.mark.parametrize("height", [10, 90])
def test_a_figure_leaves_room_for_its_caption(height: int, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (10, height), "white").save(path)
    (page,) = PdfReader(io.BytesIO(pdf(Document("t", (Picture(path, "Below it", "picture"),))))).pages
    places: list[float] = []

    def visit(text: str, place: list[float], *others: object) -> None:
        places.extend([place[5]] if "Below" in text else [])

    page.extract_text(visitor_text=visit)
    assert places and min(places) > 0, "within the page"
