"""The report of every suite, with all that it measures and draws, can be read in each format."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from reading import latex_nodes, pdf_text, read_html

from reidbench import registry
from reidbench.reporting.documents.document import Section, Tabular
from reidbench.reporting.documents.html import html
from reidbench.reporting.documents.latex import escape, latex
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.documents.typeset import pdf
from reidbench.reporting.figures import draw_figures
from reidbench.reporting.report import single_report
from reidbench.reporting.tables.layout import blocks
from reidbench.reporting.tables.table import Table

SUITES = sorted(name for name in registry.suite_paths() if list(registry.suites_of(name)) == [name])


@pytest.mark.parametrize("suite", SUITES)
def test_the_report_can_be_read_in_each_format(suite: str, filled: Callable[..., Table], tmp_path: Path) -> None:
    table = filled(suite)
    table = table if table.plan.cells else filled(suite, gpu="Imaginary GPU")
    document = single_report(table, {"cpu": "Imaginary 9000"}, draw_figures(table, tmp_path / suite), "")
    parts = [part for section in document.parts if isinstance(section, Section) for part in section.parts]
    tables = [part for part in parts if isinstance(part, Tabular)]
    pieces = [piece for part in tables for piece in part.pieces]
    assert pieces[: len(blocks(table))] == blocks(table)
    rows = [block.lines[0][0] for block in pieces]
    figures = len(table.plan.suite.figures)

    lines = [line for line in markdown(document).splitlines() if line.startswith("|")]
    assert len(lines) == sum(len(block.lines) + 2 for block in pieces)
    assert all(line.endswith(" |") for line in lines)

    page = read_html(html(document))
    assert (page.tags["table"], page.tags["figure"]) == (len(rows), figures)
    assert set(page.ids.values()) == {1}

    files = latex(document, table.plan.name)
    assert all(map(latex_nodes, files.values()))
    text = "".join(files.values())
    assert text.count("begin{tabular}") == len(rows) + 1 and text.count("includegraphics[") == figures
    whole = files[f"{table.plan.name}-all.tex"]
    shown = {index for block in blocks(table) for index in block.columns}
    assert {index for block in document.wholes for index in block.columns} == shown
    headers = {escape(text) for block in blocks(table) for text in block.header if "¹" not in text}
    assert all(f"{header} " in whole for header in headers), "every column, in one table"
    assert all(f"{escape(row)} & " in text for row in rows)

    found = pdf_text(pdf(document))
    assert f"Table {len(tables)}:" in found and f"Table {len(tables) + 1}:" not in found
    assert f"Figure {figures + 1}:" not in found
    assert not figures or f"Figure {figures}:" in found
    assert re.sub(r"\W", "", rows[0]) in re.sub(r"\W", "", found)
