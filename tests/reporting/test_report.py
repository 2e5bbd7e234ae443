import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import COLUMNS, ROWS

from reidbench.reporting.blocks import Block, blocks, escape, markdown
from reidbench.reporting.findings import findings
from reidbench.reporting.report import recipe_text, report_text, write_report
from reidbench.reporting.tables import assemble
from reidbench.spec import Recipe

GOLDEN = """\
| row   | GFLOPs/frame | published | diff. | Params (M) | published | diff. |
| ----- | -----------: | --------: | ----: | ---------: | --------: | ----: |
| Small |         1.02 |      1.02 | +0.00 |       23.5 |      23.5 |  +0.0 |
| Base  |         4.08 |      4.08 | +0.00 |       23.5 |      23.5 |  +0.0 |
| Full  |         2.00 |      1.99 | +0.01 |       29.3 |      29.2 |  +0.1 |"""


def text_of(bench) -> str:
    return report_text(assemble(bench.plan, bench.store), bench.store.machine(), [], "the command")


def test_the_counted_costs_read_exactly_so(bench):
    bench.save_all()
    assert GOLDEN in text_of(bench)


def test_the_report_says_how_every_number_came_about(bench):
    bench.save_all()
    cell = bench.cell(ROWS[0], COLUMNS[0])
    bench.save(cell, dataset_about="It has no weather.", trunk_about="It was taught coats.")
    text = text_of(bench)
    for part in (
        "# A made-up suite",
        "`the command`",
        "another dataset: published on mars, measured on synthetic",
        "fingerprint f00d",
        "Protocol release",
        "1 seed a row",
        "600 steps",
        "ptflops' pytorch backend",
        "37 with no twin resolved",
        "It has no weather.",
        "It was taught coats.",
        "Imaginary 9000",
        "torch 2.9.0",
        "no CUDA GPU on this machine",
        "so no accuracy is printed in bold",
    ):
        assert part in text, part


def test_a_stale_number_is_called_stale_wherever_it_stands(bench):
    bench.save_all(without="Full")
    bench.source = "then"
    bench.save(bench.cell(ROWS[2], COLUMNS[3]))
    bench.source = "now"
    text = text_of(bench)
    assert "stale: 2.00" in text and "measured with another source" in text


def test_failed_and_missing_cells_are_listed_with_their_reason(bench):
    bench.save(bench.cell(ROWS[0], COLUMNS[0]), "failed", "RuntimeError: a|b *c*")
    text = text_of(bench)
    assert "failed, Small: RuntimeError: a\\|b \\*c\\*" in text
    assert "missing, Base, Full: not run yet" in text


def test_an_empty_store_still_makes_a_report(bench):
    text = text_of(bench)
    assert "not run" in text and "## Findings" not in text


def test_seeds_and_their_spread_are_printed_and_judged(bench):
    bench.seeds = 3
    bench.save_all()
    found = findings(assemble(bench.plan, bench.store))
    assert any("exceeds the noise of queries and seeds for Base over Small" in text for text in found)
    assert any("standard deviation over 3 seeds" in text for text in found)
    assert any("Full takes 0.65 [0.6" in text and "faster than" in text for text in found)
    assert any("Kendall's tau 1.00 over 3 rows" in text for text in found)


def test_findings_do_not_claim_what_one_seed_cannot_show(bench):
    bench.save_all()
    found = " ".join(findings(assemble(bench.plan, bench.store)))
    assert "noise of the queries" in found and "is the best row" not in found


def test_figures_are_written_whole_beside_the_report_and_repeatable(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    written = write_report(table, bench.store)
    names = {path.name for path in written}
    assert names == {"made_up.md"} | {
        f"made_up-{name}.{end}" for name in ("accuracy", "latency", "factors") for end in ("svg", "png")
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
    assert all(len(line) <= 100 for block in found for line in markdown(block).splitlines() if line.startswith("|"))
    assert all(len(line) == len(block.header) for block in found for line in block.lines)


def test_every_line_of_a_markdown_table_has_the_same_cells():
    block = Block("t", ("row", "x"), (("a|b", "1"), ("c", "22")), frozenset({(1, 1)}), ())
    lines = markdown(block).splitlines()
    assert lines[2] == "| a\\|b |      1 |" and lines[3] == "| c    | **22** |"


@given(st.text(max_size=30))
def test_escaped_text_stays_in_its_cell(text):
    found = escape(text)
    assert "\n" not in found
    assert "|" not in found.replace("\\\\", "").replace("\\|", "")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("mAP_tempo", "mAP_tempo"), ("_x_", "\\_x\\_"), ("[a](b)", "[a\\](b)"), ("<b>", "\\<b\\>"), ("a\nb", "a b")],
)
def test_escape_touches_only_what_markdown_would_read(text, escaped):
    assert escape(text) == escaped


def test_a_recipe_in_words():
    from dataclasses import asdict

    text = recipe_text(asdict(Recipe()))
    assert text.startswith(
        "150 epochs of 64 clips (16 identities x 4), 8 frames of 256x128 pixels every 4; Adam 0.00035"
    )
    assert "times 0.1 at epochs 40, 80, 120" in text and "trunk from imagenet" in text


def test_reporting_never_imports_torch():
    code = "import sys, reidbench.reporting.report, reidbench.reporting.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
