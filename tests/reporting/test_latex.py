import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import HOSTILE, Bench, document_of, hostile_document
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db
from pylatexenc.latexwalker import LatexEnvironmentNode
from reading import latex_nodes

from reidbench.reporting.latex import SIGNS, escape, latex

NAMED = {
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textquotedbl": '"',
    "textquotesingle": "'",
    "textasciigrave": "`",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textbackslash": "\\",
}
"""What LaTeX prints for the macros that `pylatexenc` does not know."""


def printed(text: str) -> str:
    """The text that a piece of LaTeX prints."""
    known = get_default_latex_context_db()
    known.add_context_category("named", macros=[MacroTextSpec(*pair) for pair in NAMED.items()], prepend=True)
    return LatexNodes2Text(known, strict_latex_spaces=True).latex_to_text(text)


def test_the_report_parses_and_names_its_pictures(bench: Bench, tmp_path: Path) -> None:
    bench.seeds = 3
    bench.calibrate()
    bench.save_all()
    text = latex(document_of(bench, tmp_path, figures=True))
    environments = [node.environmentname for node in latex_nodes(text) if isinstance(node, LatexEnvironmentNode)]
    assert environments.count("tabular") == environments.count("table") >= 3
    assert environments.count("figure") == 4 and "document" in environments
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{rule}") == environments.count("tabular")
    for name in re.findall(r"detokenize\{([^}]+)\}", text):
        assert (tmp_path / name).is_file() and name.endswith(".png")
    assert "\\textbf{" in text and "1.99 & +0.01" in text


def test_every_line_of_a_table_has_as_many_cells_as_columns(bench: Bench, tmp_path: Path) -> None:
    bench.save_all()
    tables = re.findall(r"begin\{tabular\}\{(\w+)\}(.*?)end\{tabular\}", latex(document_of(bench, tmp_path)), re.DOTALL)
    assert len(tables) >= 3
    for columns, body in tables:
        lines = [line for line in body.splitlines() if line.endswith("\\\\")]
        assert len(lines) == 4 and {len(line.split(" & ")) for line in lines} == {len(columns)}


def test_hostile_names_are_text(tmp_path: Path) -> None:
    text = latex(hostile_document(tmp_path))
    latex_nodes(text)
    assert text.count(HOSTILE) == 1, "only as code, where nothing is read"
    assert printed(escape(HOSTILE)) == HOSTILE


@given(st.text(st.characters(codec="latin-1", exclude_categories=["C"]), max_size=40))
def test_escaped_text_reads_as_it_was(text: str) -> None:
    wanted = " ".join(text.split())
    escaped = escape(text)
    latex_nodes(f"{{{escaped}}}")
    bare = re.sub(r"\\[a-z]+|\\[&%$#_{}]", "", escaped)
    assert not set(bare) & set("&%$#_~^\\<>|\"`'")
    if not set(wanted) & set(SIGNS):
        assert printed(escaped) == wanted


@pytest.mark.parametrize(("text", "expected"), [("1 ± 2", r"1 \ensuremath{\pm} 2"), ("a¹", r"a\textsuperscript{1}")])
def test_signs_that_old_fonts_lack_are_spelled(text: str, expected: str) -> None:
    assert escape(text) == expected
