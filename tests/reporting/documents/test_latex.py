import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import HOSTILE, Bench, document_of, hostile_document
from PIL import Image
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexMacroNode
from reading import latex_nodes

from reidbench.reporting.documents.block import CONTINUED, Block
from reidbench.reporting.documents.document import Document, Picture, Tabular
from reidbench.reporting.documents.latex import MADE, SIGNS, escape, latex

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
    assert [f"{name}.tex" for name in tables] == list(files)[1:-1] and list(files)[-1] == "made_up-all.tex"
    assert environments.count("table") == len(tables) >= 3
    for name in re.findall(r"includegraphics.*detokenize\{([^}]+)\}", text):
        assert name.endswith(".pdf") and (tmp_path / name).with_suffix(".svg").is_file()
    own = "".join(files[f"{name}.tex"] for name in tables)
    assert "begin{tabular}" not in text and "\\textbf{" in own and "1.99 & +0.01" in own


def test_the_file_of_a_table_is_a_labelled_tabular_alone(bench: Bench, tmp_path: Path) -> None:
    bench.save_all()
    files = latex(document_of(bench, tmp_path), "made_up")
    tables = {name: text for name, text in files.items() if name not in ("made_up.tex", "made_up-all.tex")}
    assert list(tables) == [f"made_up-table{i}.tex" for i in range(1, len(tables) + 1)] and len(tables) >= 3
    for name, text in tables.items():
        comments = [line for line in text.splitlines() if line.startswith("%")]
        title = re.findall(rf"caption\{{(.*)\}}\n\\input\{{\\detokenize\{{{name[:-4]}\}}", files["made_up.tex"])
        assert text.startswith(MADE) and len(title) == 1 and f"% {title[0]}." in comments
        nodes = [node for node in latex_nodes(text) if isinstance(node, LatexMacroNode | LatexEnvironmentNode)]
        environments = [node.environmentname for node in nodes if isinstance(node, LatexEnvironmentNode)]
        assert environments == ["adjustbox", "tabular"]
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
    assert HOSTILE not in "\n".join(bare)
    assert f"% {escape(HOSTILE)}.\n% {escape(HOSTILE)}\n% }}" in table, "the caption's title and the note"
    assert printed(escape(HOSTILE)) == HOSTILE


def test_all_columns_of_a_suite_stand_in_one_file_under_what_they_share(bench: Bench, tmp_path: Path) -> None:
    bench.save_all()
    files = latex(document_of(bench, tmp_path), "made_up")
    text = files["made_up-all.tex"]
    pieces = [text for name, text in files.items() if "-table" in name]
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    spans = re.findall(r"multicolumn\{(\d)\}\{c\}\{([^}]*)\}", lines[0])
    assert spans == [("4", "Accuracy"), ("6", "Counted"), ("2", "cpu, fp32")]
    assert r"\cmidrule(lr){2-5} \cmidrule(lr){6-11} \cmidrule(lr){12-13}" in text
    assert {len(line.split(" & ")) for line in lines[1:]} == {13} and len(lines) == 5
    for piece in pieces:
        for line in piece.splitlines():
            if line.endswith(r"\\"):
                assert line.removesuffix(r" \\").partition(" & ")[2] in text
    assert r"\label{tab:made_up-all}" in text and "made_up-all" not in files["made_up.tex"]


def test_several_suites_have_such_files_by_number(bench: Bench, tmp_path: Path) -> None:
    bench.save_all()
    document = document_of(bench, tmp_path)
    files = latex(replace(document, wholes=2 * document.wholes), "report")
    assert [name for name in files if "-all" in name] == ["report-all1.tex", "report-all2.tex"]
    assert "tab:report-all2" in files["report-all2.tex"]
    assert not any("-all" in name for name in latex(replace(document, wholes=()), "report"))


def test_each_file_begins_with_a_caption_and_the_notes_in_comments(bench: Bench, tmp_path: Path) -> None:
    bench.save_all()
    document = document_of(bench, tmp_path)
    block = document.wholes[0]
    text = latex(document, "made_up")["made_up-all.tex"]
    first = " ".join([*block.caption, *block.notes]).replace("¹", "1")
    assert caption_of(text) == first and first.startswith(
        "A made-up suite. Accuracy: dataset synthetic, protocol release"
    )
    assert first.endswith("1 another dataset: published on mars, measured on synthetic.")


def test_a_title_that_ends_in_a_full_stop_gets_no_second_one() -> None:
    block = Block("Param.", ("row", "x"), (("a", "1"),), frozenset(), ())
    (_, table) = latex(Document("t", (Tabular((block,)),)), "x").values()
    assert caption_of(table) == "Param."


def caption_of(text: str) -> str:
    """The caption in the comments of a file, as it is printed."""
    comment = text.partition("\\caption{%\n")[2].partition("\n% }\n")[0]
    return printed(comment.replace("% ", "", 1).replace("\n% ", " "))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("hostile", [False, True])
def test_it_compiles(hostile: bool, bench: Bench, tmp_path: Path) -> None:
    if not hostile:
        bench.save_all()
    document = hostile_document(tmp_path) if hostile else document_of(bench, tmp_path, figures=True)
    told = compiled(tmp_path, latex(document, "report"), "report")
    assert "Missing character" not in told and "Overfull" not in told


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_each_table_fits_a_column_of_a_paper_below_its_own_caption(bench: Bench, tmp_path: Path) -> None:
    bench.seeds = 3
    bench.save_all()
    files = latex(document_of(bench, tmp_path), "made_up")
    tables = [name for name in files if name != "made_up.tex"]
    floats = []
    for name in tables:
        caption = files[name].partition("\n% \\caption")[2].partition("\n\\label")[0]
        floats += [
            r"\begin{table}\scriptsize\caption" + caption.replace("\n% ", "\n"),
            rf"\input{{{name}}}",
            r"\end{table}",
        ]
    packages = r"\usepackage[T1]{fontenc}\usepackage{textcomp,lmodern,booktabs,adjustbox}\emergencystretch=3em"
    paper = [
        "\\documentclass[twocolumn]{article}",
        packages,
        r"\begin{document}x",
        *floats,
        r"\clearpage\end{document}",
    ]
    told = compiled(tmp_path, {**files, "paper.tex": "\n".join(paper)}, "paper")
    assert "Missing character" not in told and "Overfull" not in told and len(tables) >= 4


def compiled(folder: Path, files: Mapping[str, str], name: str) -> str:
    """What pdfLaTeX says of a file that it makes a PDF of."""
    for own, text in files.items():
        (folder / own).write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False).stdout
    assert (folder / f"{name}.pdf").is_file(), told[-2000:]
    return told


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


def test_the_pieces_of_one_table_have_one_number_and_a_figure_leaves_room_for_its_caption(tmp_path: Path) -> None:
    first = Block("Cost", ("row", "x"), (("a", "1.0"),), frozenset(), ())
    pieces = (first, replace(first, title=f"Cost{CONTINUED}"))
    other = Tabular((replace(first, title="Accuracy"),))
    path = tmp_path / "tall.png"
    Image.new("RGB", (10, 90), "white").save(path)
    text = latex(Document("t", (Tabular(pieces), other, Picture(path, "Tall", "tall"))), "t")["t.tex"]
    assert text.count("\\ContinuedFloat") == 1
    assert text.index("caption{Cost}") < text.index("\\ContinuedFloat") < text.index("caption{Accuracy}")
    assert "\\adjustbox{max totalheight=0.8\\textheight}{\\includegraphics[width=\\linewidth]" in text
    if shutil.which("pdflatex"):
        files = latex(Document("t", (Tabular(pieces), other, Picture(path, "Tall", "tall"))), "t")
        assert "Float too large" not in compiled(tmp_path, files, "t")
