"""The Markdown of a report, whole, against `golden.md`."""

from pathlib import Path

from made_up import HOSTILE, Bench, document_of, hostile_document

from reidbench.reporting.document import Code, Document, Paragraph, Section
from reidbench.reporting.markdown import markdown

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
