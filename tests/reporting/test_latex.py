import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import HOSTILE, Bench, document_of, hostile_document
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexMacroNode
from reading import latex_nodes

from reidbench.reporting.latex import MADE, SIGNS, escape, latex

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


def test_the_report_parses_and_names_its_pictures_and_tables(bench: Bench, tmp_path: Path) -> None:
    bench.seeds = 3
    bench.calibrate()
    bench.save_all()
    files = latex(document_of(bench, tmp_path, figures=True), "made_up")
    text = files["made_up.tex"]
    environments = [node.environmentname for node in latex_nodes(text) if isinstance(node, LatexEnvironmentNode)]
    assert environments.count("figure") == 4 and "document" in environments
    tables = re.findall(r"input\{\\detokenize\{([^}]+)\}\}", text)
    assert [f"{name}.tex" for name in tables] == list(files)[1:]
    assert environments.count("table") == environments.count("adjustbox") == len(tables) >= 3
    for name in re.findall(r"includegraphics.*detokenize\{([^}]+)\}", text):
        assert name.endswith(".pdf") and (tmp_path / name).with_suffix(".svg").is_file()
    own = "".join(files[f"{name}.tex"] for name in tables)
    assert "begin{tabular}" not in text and "\\textbf{" in own and "1.99 & +0.01" in own


def test_the_file_of_a_table_is_a_labelled_tabular_alone(bench: Bench, tmp_path: Path) -> None:
    bench.save_all()
    files = latex(document_of(bench, tmp_path), "made_up")
    tables = {name: text for name, text in files.items() if name != "made_up.tex"}
    assert list(tables) == [f"made_up-table{i}.tex" for i in range(1, len(tables) + 1)] and len(tables) >= 3
    for name, text in tables.items():
        comments = [line for line in text.splitlines() if line.startswith("%")]
        assert text.startswith(MADE) and any(escape(line[2:]) in files["made_up.tex"] for line in comments[1:])
        nodes = [node for node in latex_nodes(text) if isinstance(node, LatexMacroNode | LatexEnvironmentNode)]
        environments = [node.environmentname for node in nodes if isinstance(node, LatexEnvironmentNode)]
        assert environments == ["tabular"]
        assert [node.macroname for node in nodes if isinstance(node, LatexMacroNode)].count("label") == 1
        assert f"\\label{{tab:{name.removesuffix('.tex')}}}" in text
        columns = re.findall(r"begin\{tabular\}\{(\w+)\}", text)[0]
        lines = [line for line in text.splitlines() if line.endswith("\\\\")]
        assert len(lines) == 4 and {len(line.split(" & ")) for line in lines} == {len(columns)}
        assert all(text.count(f"\\{rule}") == 1 for rule in ("toprule", "midrule", "bottomrule"))


def test_hostile_names_are_text(tmp_path: Path) -> None:
    whole, table = latex(hostile_document(tmp_path), "x").values()
    for text in (whole, table):
        latex_nodes(text)
    assert whole.count(HOSTILE) == 1, "only as code, where nothing is read"
    bare = [line for line in table.splitlines() if not line.startswith("%")]
    assert HOSTILE not in "\n".join(bare) and table.count(f"% {HOSTILE}") == 2
    assert printed(escape(HOSTILE)) == HOSTILE


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("hostile", [False, True])
def test_it_compiles(hostile: bool, bench: Bench, tmp_path: Path) -> None:
    if not hostile:
        bench.save_all()
    document = hostile_document(tmp_path) if hostile else document_of(bench, tmp_path)
    for name, text in latex(document, "report").items():
        (tmp_path / name).write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False).stdout
    assert (tmp_path / "report.pdf").is_file(), told[-2000:]
    assert "Missing character" not in told and "Overfull" not in told


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
