import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import COLUMNS, ROWS, SECONDS

from reidbench.reporting.documents.document import Chapter, Items, Paragraph, Section
from reidbench.reporting.documents.markdown import markdown, markdown_table
from reidbench.reporting.findings.sentences import findings
from reidbench.reporting.report import READING, chapter, combined_report, single_report
from reidbench.reporting.tables.layout import blocks
from reidbench.reporting.tables.table import assemble
from reidbench.reporting.writing import write_report


def text_of(bench) -> str:
    table = assemble(bench.plan, bench.store)
    return markdown(single_report(table, bench.store.machine(), [], "the command"))


def test_the_report_says_how_every_number_came_about(bench):
    bench.save_all()
    cell = bench.cell(ROWS[0], COLUMNS[0])
    bench.save(cell, dataset_about="It has no weather.", trunk_about="It was taught coats.")
    text = text_of(bench)
    for part in (
        "```\nthe command\n```",
        "```\npython bench.py made_up --preset quick --seeds 1\n```",
        "1 seed a row",
        "It has no weather.",
        "It was taught coats.",
        "so that nothing trained is printed in bold",
    ):
        assert part in text, part


def test_a_stale_number_is_called_stale_wherever_it_stands(bench):
    bench.save_all(without="Full")
    bench.source = "then"
    bench.save(bench.cell(ROWS[2], COLUMNS[3]))
    bench.source = "now"
    text = text_of(bench)
    assert "stale: 2.00" in text and "measured with another code of the model" in text


def test_failed_and_missing_cells_are_listed_with_their_reason(bench):
    bench.save(bench.cell(ROWS[0], COLUMNS[0]), "failed", "RuntimeError: a|b *c*")
    text = text_of(bench)
    assert "failed, Small: RuntimeError: a\\|b \\*c\\*" in text
    assert "missing, Base, Full: not run yet" in text


def test_an_empty_store_still_makes_a_report(bench):
    text = text_of(bench)
    assert "not run" in text and "Kendall" not in text and "ahead of" not in text


def test_what_was_not_run_on_a_number_of_threads_that_the_suite_names_says_it(bench):
    table = assemble(bench.plan, bench.store)
    (timed,) = (found for found in table.headings if found.index == 5)
    on_one = replace(timed, column=replace(timed.column, settings={"threads": 1}))
    text = markdown(single_report(replace(table, headings=(timed, on_one)), {}, [], ""))
    assert "latency on cpu fp32 / cpu fp32 1 thread: missing, all rows: " in text


def test_seeds_and_their_spread_are_printed_and_judged(bench):
    bench.seeds = 3
    bench.save_all()
    found = findings(assemble(bench.plan, bench.store))
    assert any("beyond the noise Base over Small" in text and "over queries and seeds" in text for text in found)
    assert any("standard deviation over 3 seeds" in text for text in found)
    assert any(
        "of 3 pairs of rows 2 are told apart here by more than the noise (2 in the published order);" in text
        for text in found
    )
    assert any("over all pairs Kendall's tau is 1.00" in text for text in found)


def test_what_finding_the_groups_alone_gives_is_said_for_every_kind_of_query(bench):
    bench.save_all()
    levels = "mAP 25.0 %; mAP, emblem twins 20.0 %; mAP, tempo twins 30.0 %; mAP, occluded 25.0 %."
    text = text_of(bench)
    assert f"The groups of look-alikes alone give {levels}" in text and "It is no lower bound" in text


def test_a_ratio_whose_interval_holds_1_is_not_called_equal(bench, monkeypatch):
    monkeypatch.setitem(SECONDS, "Full", SECONDS["Base"])
    bench.save_all()
    bench.focus = "Full"
    assert " (not told from 1) its time per frame" in findings(assemble(bench.plan, bench.store))[0]


@pytest.mark.parametrize(("load", "times"), [(0.1, 0), (1.5, 1)])
def test_a_session_beside_other_work_is_called_into_doubt_once(bench, load, times):
    for row in ROWS:
        bench.save(bench.cell(row, COLUMNS[5]), other_load=load)
    text = text_of(bench)
    said = "was busy (other processes used 1.50 cores) during the session of latency on cpu, fp32, 2026-01-01T00:00:00"
    assert text.count(said) == text.count("distrust its times") == times


def test_differences_within_the_noise_stand_in_a_table_with_their_intervals(bench):
    bench.seeds = 3
    bench.save_all()
    assert "| Full over Base  |" in text_of(bench) and "### mAP, each row against the one above it" in text_of(bench)


def test_a_few_rounds_are_printed_without_an_interval(bench):
    record = bench.save(bench.cell(ROWS[0], COLUMNS[5]))
    few = {name: readings[:3] for name, readings in record.samples.items()}
    bench.store.save(replace(record, samples=few))
    assert "nan" not in text_of(bench) and "±" not in text_of(bench)


def test_figures_are_written_whole_beside_the_report_and_repeatable(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    written = write_report(table, bench.store)
    names = {path.name for path in written}
    assert names == {"made_up.md"} | {
        f"made_up-{name}.{end}" for name in ("accuracy", "rows", "latency", "factors") for end in ("svg", "png")
    }
    assert {path.parent for path in written} == {bench.store.folder}
    first = {path: path.read_bytes() for path in written}
    assert all(first[path] == path.read_bytes() for path in write_report(table, bench.store))
    assert not list(bench.store.folder.glob(".*"))
    report = next(path for path in written if path.suffix == ".md").read_text()
    assert all(f"({path.name})" in report for path in written if path.suffix == ".svg")


def test_wide_tables_are_split_into_blocks_of_at_most_100_columns(bench):
    bench.seeds = 3
    bench.save_all()
    found = blocks(assemble(bench.plan, bench.store))
    assert all(
        len(line) <= 100 for block in found for line in markdown_table(block).splitlines() if line.startswith("|")
    )
    assert all(len(line) == len(block.header) for block in found for line in block.lines)


def test_a_report_of_several_tables_has_one_summary_and_one_methods_and_a_chapter_each(bench):
    bench.seeds = 3
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    own = chapter(table, {}, [], ["Full: well."])
    other = Chapter(
        "audit", "Audit of a paper", ("62 of 62 cells have a verdict.",), (Paragraph("Details."),), "bench audit"
    )
    document = combined_report(
        [table], [own, other], "made-up", bench.store.machine(), "Left out: table9.", "the command"
    )
    assert [part.title for part in document.parts if isinstance(part, Section)] == [
        "Summary",
        "Methods",
        "A made-up suite (made_up)",
        "Audit of a paper (audit)",
        "How to reproduce",
    ]
    text = markdown(document)
    summary = text.split("## Methods")[0]
    for part in ("Full: well.", "62 of 62 cells", "Left out: table9.", "without correction"):
        assert part in summary, part
    assert text.count("fingerprint f00d") == text.count("- Intervals are over ") == 1
    assert "python bench.py made_up --preset quick --seeds 3\nbench audit" in text


def test_reporting_never_imports_torch():
    code = "import sys, reidbench.reporting.writing, reidbench.reporting.figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_a_report_begins_with_what_was_found_and_its_notes_follow(bench):
    bench.save_all()
    noted = replace(bench.plan.suite, notes=("Rows differ in length.", "Another remark."))
    table = replace(assemble(bench.plan, bench.store), plan=replace(bench.plan, suite=noted))
    parts = [part for part in single_report(table, {}, [], "").parts if isinstance(part, Section)]
    assert [part.title for part in parts[:3]] == ["Summary", "Notes", READING]
    assert parts[1].parts == (Items(noted.notes),) and parts[3].title == "Tables and figures"
