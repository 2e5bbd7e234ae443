"""The audit written from made-up records: tables within the width, a readable figure, no torch."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from made_up_counts import fill

from reidbench import registry
from reidbench.audit import assembly
from reidbench.audit.assembly import Audit, audited_suites, carry_out
from reidbench.cli import main
from reidbench.reporting.audit import CAPTION, chapter, document, to_json
from reidbench.reporting.documents.document import pictures
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.figures.audit import MARKS, audit_figure
from reidbench.reporting.figures.style import STYLE
from reidbench.reporting.findings.audit_findings import headlines
from reidbench.reporting.tables.layout import WIDTH
from reidbench.reporting.writing import FORMATS
from reidbench.spec import Column, Suite
from reidbench.store import Store

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a record of each network, made once; `store` is a copy of it for one test."""
    made = Store(tmp_path_factory.mktemp("counted"), "made-up")
    fill(made)
    return made


@pytest.fixture
def store(counted: Store, tmp_path: Path) -> Store:
    shutil.copytree(counted.folder, tmp_path / "results" / "made-up")
    return Store(tmp_path / "results", "made-up")


@pytest.fixture(scope="module")
def audit(counted: Store) -> Audit:
    return audit_of(counted)


def audit_of(store: Store) -> Audit:
    suites = audited_suites()
    return carry_out(suites, store)


def test_the_document_says_all_it_should_within_the_width(audit):
    text = markdown(document(audit, [], "made-up", "the command"))
    for part in (
        "# Audit of the printed costs",
        "Of 62 printed costs",
        "### The paper's Table 2, GFLOPs",
        "### The paper's Table 6, Param.",
        "2.55 in Table 3",
        "put alpha 3 at 1.820 to 1.830 if truncated and 1.815 to 1.825 if rounded; printed is 1.81",
        "thought of after Tables 5 and 6 had been seen",
        "fvcore, normalisation: counts two operations an element of a batch norm",
        "the command",
    ):
        assert part in text, part
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert max(map(len, rows)) <= WIDTH
    for suite in audited_suites().values():
        for row in suite.rows:
            assert sum(line.startswith(f"| {row.name} ") for line in rows) >= 2 * bool(row.published)


def test_a_cell_that_contradicts_several_others_is_one_place(audit):
    assert len(audit.bent) > 1 and {bent.cells[1].row.name for bent in audit.bent} == {"alpha 3"}
    places = len(audit.two_values) + 1 + len(audit.reversed)
    assert f"The tables contradict themselves in {places} place" in list(headlines(audit))[-1]


def test_json_has_one_entry_a_cell(audit):
    found = to_json(audit)
    assert len(found["cells"]) == 62
    assert {one["verdict"] for one in found["cells"]} <= {"yes", "chance?", "none"}
    assert json.loads(json.dumps(found)) == found


def test_a_network_that_is_not_counted_is_told_first(tmp_path):
    store = Store(tmp_path, "made-up")
    fill(store, without="variant=paper")
    first = next(headlines(audit_of(store)))
    assert first.startswith("Only ") and "python bench.py audit" in first


def test_a_chapter_shows_the_svg_once(audit, tmp_path):
    found = chapter(audit, [tmp_path / "audit-deviations.svg", tmp_path / "audit-deviations.png"])
    assert [(one.path.suffix, one.caption) for one in pictures(found.parts)] == [(".svg", CAPTION)]
    assert found.found and found.command == "python bench.py audit"


def test_every_cell_is_drawn_by_its_verdict_and_marks_differ_without_colour(audit):
    with matplotlib.rc_context(STYLE):
        figure = audit_figure(audit)
        figure.draw_without_rendering()
        sizes = [text.get_fontsize() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(sizes) >= 8
    for axis, judgement in zip(figure.axes, audit.judgements, strict=True):
        drawn = [line.get_marker() for line in axis.lines if line.get_marker() not in ("None", None)]
        steps = [verdict.step for verdict in judgement.verdicts]
        assert len(drawn) == len(steps)
        assert drawn.count(MARKS["first"][0]) == steps.count(1)
        assert drawn.count(MARKS["none"][0]) == steps.count(0)
        assert "printed" in axis.get_xlabel() and "units of" in axis.get_xlabel()
    assert len({mark[0] for mark in MARKS.values()}) == len(MARKS)


def test_nothing_counted_draws_nothing(tmp_path):
    assert audit_figure(audit_of(Store(tmp_path, "empty"))) is None


def test_report_audit_writes_from_records_without_torch(store):
    code = (
        "import sys; from reidbench.cli import main;"
        f"code = main(['report', 'audit', '--results', {str(store.folder.parent)!r}]);"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "Of 62 printed costs" in answer.stdout
    names = {path.name for path in store.folder.glob("audit*")}
    assert names == {"audit.md", "audit-deviations.svg", "audit-deviations.png"}
    assert "![The audit: every printed cost beside ours" in (store.folder / "audit.md").read_text()


def test_the_command_counts_what_is_missing(tmp_path, monkeypatch, capsys):
    table3 = registry.suite("table3")
    row = next(row for row in table3.rows if row.name == "64x32")
    small = {"table3": Suite("one row", (row,), (Column("complexity.macs"),), row.name)}
    monkeypatch.setattr(assembly, "audited_suites", lambda: small)
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    assert main(["audit", "--results", str(tmp_path), "--machine", "here", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["key"], one["printed"]) for one in found["cells"]] == [("gflops", "0.25"), ("params", "23.5")]
    assert all(one["matching"] > 0 for one in found["cells"])
    assert len(list((tmp_path / "here" / "complexity").glob("*.json"))) == 1


def test_the_audit_comes_in_every_format_and_its_figure_beside_it(store, tmp_path, monkeypatch):
    pytest.importorskip("typst")
    out = tmp_path / "out"
    asked = ["report", "audit", "--results", str(store.folder.parent), "--out", str(out), "--format", *FORMATS]
    assert main(asked) == 0
    assert {path.suffix for path in out.iterdir()} == {".md", ".html", ".tex", ".pdf", ".svg", ".png"}
    assert (out / "audit.pdf").read_bytes().startswith(b"%PDF")
    for name in ("audit.md", "audit.html", "audit.tex"):
        assert "Table 2, GFLOPs" in (out / name).read_text()


def test_a_report_of_several_has_the_audit_as_a_chapter(store, tmp_path, capsys):
    asked = ["report", "table3", "audit", "--results", str(store.folder.parent), "--out", str(tmp_path / "out")]
    assert main(asked) == 0
    text = (tmp_path / "out" / "table3-audit.md").read_text()
    assert "(audit)" in text and "Of 62 printed costs" in text
    assert (tmp_path / "out" / "audit-deviations.svg").is_file()
    assert "python bench.py audit" in text.rpartition("How to reproduce")[2]
