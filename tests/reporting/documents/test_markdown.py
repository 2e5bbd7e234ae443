"""The Markdown of a report, whole, against `golden.md`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import HOSTILE, Bench, document_of, hostile_document

from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import Code, Document, Paragraph, Section
from reidbench.reporting.documents.markdown import escape, markdown, markdown_table

GOLDEN = Path(__file__).with_name("golden.md")


def test_the_report_of_a_small_store_reads_exactly_so(bench: Bench, tmp_path: Path) -> None:
    bench.seeds = 3
    bench.save_all(without="Small")
    bench.save(bench.cell(bench.rows[0], bench.plan.suite.columns[3]), "failed", "RuntimeError: made to fail")
    found = markdown(document_of(bench, tmp_path, figures=True))
    assert found == GOLDEN.read_text(), f"if the change is meant, {GOLDEN} has to read:\n{found}"


def test_hostile_names_do_not_become_markup(tmp_path: Path) -> None:
    lines = markdown(hostile_document(tmp_path)).splitlines()
    code = lines.index(HOSTILE)
    assert lines[code - 1] == lines[code + 1] == "```"
    text = "\n".join(lines[:code] + lines[code + 1 :])
    assert "<script" not in text.replace("\\<", "") and " *b*" not in text and "$y_1$" not in text
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 4 and {line.replace("\\|", "").count("|") for line in rows} == {3}


def test_headings_go_down_with_their_sections() -> None:
    inner = Section("Inner", (Code("a\nb"),))
    text = markdown(Document("Top", (Section("Outer", (Paragraph("x"), inner)),)))
    assert text == "# Top\n\n## Outer\n\nx\n\n### Inner\n\n```\na\nb\n```\n"


def test_every_line_of_a_markdown_table_has_the_same_cells() -> None:
    block = Block("t", ("row", "x"), (("a|b", "1"), ("c", "22")), frozenset({(1, 1)}), ())
    lines = markdown_table(block).splitlines()
    assert lines[2] == "| a\\|b |      1 |" and lines[3] == "| c    | **22** |"


@given(st.text(max_size=30))
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    found = escape(text)
    assert "\n" not in found
    assert "|" not in found.replace("\\\\", "").replace("\\|", "")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("mAP_tempo", "mAP_tempo"), ("_x_", "\\_x\\_"), ("[a](b)", "[a\\](b)"), ("<b>", "\\<b\\>"), ("a\nb", "a b")],
)
def test_escape_touches_only_what_markdown_would_read(text: str, escaped: str) -> None:
    assert escape(text) == escaped
