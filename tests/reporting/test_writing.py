import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up import Bench

from reidbench.reporting.documents.document import Chapter, Paragraph
from reidbench.reporting.tables.table import assemble
from reidbench.reporting.writing import FORMATS, is_table, write_combined, write_report
from reidbench.spec import UserError

pytestmark = pytest.mark.usefixtures("blank_figures")

BEGINNINGS = {"md": b"# ", "html": b"<!DOCTYPE html>", "latex": b"\\documentclass", "pdf": b"%PDF-"}


def test_each_format_is_written_beside_the_figures(bench: Bench, tmp_path: Path) -> None:
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    written = write_report(table, bench.store, formats=tuple(FORMATS), folder=tmp_path / "out")
    assert {path.parent for path in written} == {tmp_path / "out"}
    for name in FORMATS:
        path = tmp_path / "out" / f"made_up.{'tex' if name == 'latex' else name}"
        assert path in written and path.read_bytes().startswith(BEGINNINGS[name])
    assert tmp_path / "out" / "made_up-latency.svg" in written


def test_several_tables_make_one_report_in_the_machines_folder(bench: Bench) -> None:
    bench.save_all()
    tables = [assemble(replace(bench.plan, name=name), bench.store) for name in ("first", "second")]
    other = Chapter("audit", "Audit", ("All agree.",), (Paragraph("Details."),))
    asked: Any = {"name": "report", "left_out": "Left out: third.", "made_by": ""}
    written = write_combined(tables, bench.store, others=[other], formats=("md", "html"), **asked)
    report = bench.store.folder / "report.md"
    assert {report, report.with_suffix(".html"), bench.store.folder / "second-latency.svg"} <= set(written)
    text = report.read_text()
    assert "first-latency.svg" in text and "second-latency.svg" in text
    assert "two sessions" in text and "## Audit" in text and "Left out: third." in text


def test_other_chapters_alone_make_a_report(bench: Bench) -> None:
    other = Chapter("audit", "Audit", ("All agree.",), (Paragraph("x"),))
    written = write_combined([], bench.store, name="report", others=[other], left_out="", made_by="")
    assert [path.name for path in written] == ["report.md"]
    assert "All agree." in written[0].read_text()


def test_an_unknown_format_is_refused_before_anything_is_written(bench: Bench) -> None:
    with pytest.raises(UserError, match="no format is named 'pfd'; did you mean 'pdf'"):
        write_report(assemble(bench.plan, bench.store), bench.store, formats=("pfd",))
    assert not list(bench.store.folder.glob("made_up*"))


def test_figures_of_an_earlier_report_of_the_name_do_not_stay(bench: Bench) -> None:
    bench.save_all()
    write_report(assemble(bench.plan, bench.store), bench.store)
    folder, plan = bench.store.folder, bench.plan
    drawn = {path.name for path in folder.glob("made_up-*.svg")}
    (folder / "made_up-stress.svg").write_text("drawn by somebody else")
    (folder / "made_up-tiny-latency.svg").write_bytes((folder / "made_up-latency.svg").read_bytes())
    fewer = replace(plan, suite=replace(plan.suite, figures=("latency",)))
    write_report(assemble(fewer, bench.store), bench.store)
    left = {path.name for path in folder.glob("made_up-*.svg")}
    assert len(drawn) > 1
    assert left == {"made_up-latency.svg", "made_up-stress.svg", "made_up-tiny-latency.svg"}
    assert {path.name for path in folder.glob("made_up-*.png")} == {"made_up-latency.png"}


def test_the_pdf_of_a_figure_stays_for_the_latex_that_takes_it_in_as_long_as_there_is_the_figure(bench: Bench) -> None:
    bench.save_all()
    folder, plan = bench.store.folder, bench.plan
    table = assemble(plan, bench.store)
    written = write_report(table, bench.store, formats=("latex",))
    drawn = {path.name for path in folder.glob("made_up-*.pdf")}
    taken = set(re.findall(r"includegraphics.*detokenize\{([^}]+)\}", (folder / "made_up.tex").read_text()))
    assert len(drawn) == 4 and drawn == taken and drawn < {path.name for path in written}
    write_report(table, bench.store)
    assert {path.name for path in folder.glob("made_up-*.pdf")} == drawn
    fewer = replace(plan, suite=replace(plan.suite, figures=("latency",)))
    write_report(assemble(fewer, bench.store), bench.store)
    assert [path.name for path in folder.glob("made_up-*.pdf")] == ["made_up-latency.pdf"]


def test_latex_tables_of_an_earlier_report_of_the_name_do_not_stay(bench: Bench) -> None:
    bench.save_all()
    folder, plan = bench.store.folder, bench.plan
    write_report(assemble(plan, bench.store), bench.store, formats=("latex",))
    before = {path.name for path in folder.glob("made_up-table*.tex")}
    (folder / "made_up-table9.tex").write_text("written by somebody else")
    (folder / "made_up-tiny-table9.tex").write_bytes((folder / "made_up-table1.tex").read_bytes())
    for name in ("all2", "tiny-all"):
        (folder / f"made_up-{name}.tex").write_bytes((folder / "made_up-all.tex").read_bytes())
    costs = {place: own for place, own in plan.cells.items() if place[1] > 2}
    written = write_report(assemble(replace(plan, cells=costs), bench.store), bench.store, formats=("latex",))
    tables = {path.name for path in written if is_table(path)}
    assert tables < before | {"made_up-all.tex"} and folder / "made_up.tex" in written
    left = {path.name for path in folder.glob("made_up-*.tex")}
    assert left == tables | {"made_up-table9.tex", "made_up-tiny-table9.tex", "made_up-tiny-all.tex"}


def test_a_report_of_several_leaves_the_figures_of_the_reports_of_each(bench: Bench) -> None:
    bench.save_all()
    write_report(assemble(bench.plan, bench.store), bench.store)
    before = set(bench.store.folder.glob("made_up-*"))
    fewer = replace(bench.plan, suite=replace(bench.plan.suite, figures=("latency",)))
    tables = [assemble(fewer, bench.store)]
    write_combined(tables, bench.store, name="report", others=[], left_out="", made_by="")
    assert len(before) > 2 and set(bench.store.folder.glob("made_up-*")) == before
