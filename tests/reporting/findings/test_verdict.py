from dataclasses import replace

import pytest
from made_up import COLUMNS, ROWS

from reidbench.reporting.findings.sentences import findings
from reidbench.reporting.findings.verdict import ratio_text, short_name, verdict
from reidbench.reporting.tables.table import assemble
from reidbench.spec import Quantity, Row, Suite
from reidbench.statistics import Estimate


def table_of(bench):
    return assemble(bench.plan, bench.store)


def test_the_row_in_focus_is_told_in_accuracy_time_and_operations_first_of_all(bench):
    bench.seeds, bench.focus = 3, "Full"
    bench.save_all()
    assert findings(table_of(bench))[0] == (
        "Full: +1.8 mAP [-0.5, 4.1] (not told from 0) over Base at 0.65x [0.65, 0.66] its time per frame (one clip at "
        "a time) and 0.49x its GFLOPs."
    )


def test_only_what_is_measured_is_told(bench):
    bench.focus = "Full"
    assert verdict(table_of(bench)) is None
    for row in ROWS:
        bench.save(bench.cell(row, bench.plan.suite.columns[3]))
    assert verdict(table_of(bench)).text == "Full: 0.49x Base's GFLOPs."
    bench.save(bench.cell(ROWS[1], COLUMNS[0]))
    assert verdict(table_of(bench)).text == "Full: 0.49x Base's GFLOPs.", "there is no accuracy of Full to compare"


def test_operations_of_the_reference_row_alone_are_no_verdict(bench):
    bench.focus = "Full"
    bench.save(bench.cell(ROWS[1], bench.plan.suite.columns[3]))
    assert verdict(table_of(bench)) is None


def test_one_seed_is_said(bench):
    bench.focus = "Small"
    bench.save_all()
    text = verdict(table_of(bench)).text
    gain, _, rest = text.partition(" against Base at ")
    assert gain.startswith("Small: -15.8 mAP [") and gain.endswith("]") and rest, "nothing says that it is not told"
    assert text.endswith("; trained once, so that intervals lack the noise of training.")


@pytest.mark.parametrize(("seeds", "said"), [(2, True), (3, False)])
def test_two_seeds_are_said_where_they_make_the_interval_wide(bench, seeds, said):
    bench.focus, bench.seeds = "Full", seeds
    bench.save_all()
    other = bench.save(bench.cell(ROWS[2], COLUMNS[0], seed=1))
    bench.store.save(replace(other, samples={**other.samples, "ap": [0.8 * ap for ap in other.samples["ap"]]}))
    clause = "; two seeds say little of how training varies, so that intervals of differences are wide."
    assert verdict(table_of(bench)).text.endswith(clause) == said


@pytest.mark.parametrize("focus", ["", "Base"])
def test_without_a_row_to_compare_the_range_over_the_rows_is_told(bench, focus):
    bench.focus = focus
    bench.save_all()
    table = table_of(bench)
    assert verdict(table) is None
    (line,) = (line for line in findings(table) if line.startswith("Time per frame over Base's"))
    assert line.endswith("on cpu, fp32: 0.25x [0.25, 0.25] (Small) to 0.65x [0.65, 0.66] (Full).")


def with_ratios_on(table, *threads):
    """The table with its column of ratios once for each number of threads; 0: the suite names none."""
    (ratio,) = (heading for heading in table.headings if heading.column == COLUMNS[6])
    asked = [{"threads": number} if number else {} for number in threads]
    ratios = (replace(ratio, column=replace(ratio.column, settings=settings)) for settings in asked)
    return replace(table, headings=(*(heading for heading in table.headings if heading != ratio), *ratios))


def test_ratios_on_a_number_of_threads_that_the_suite_names_say_it(bench):
    bench.focus = "Full"
    bench.save_all()
    table = with_ratios_on(table_of(bench), 2, 1)
    assert " its time per frame (one clip at a time; cpu, fp32, 2 threads) and " in verdict(table).text
    (line,) = (line for line in findings(table) if ", run otherwise: " in line)
    assert line == "Full over Base, time per frame, run otherwise: 0.65x [0.65, 0.66] on cpu, fp32, 1 thread."


def test_the_range_over_the_rows_says_the_threads_that_the_suite_names(bench):
    bench.save_all()
    lines = [line for line in findings(with_ratios_on(table_of(bench), 0, 1)) if line.startswith("Time per frame over")]
    assert [line.partition(":")[0] for line in lines] == [
        f"Time per frame over Base's, on cpu, fp32{threads}" for threads in ("", ", 1 thread")
    ]


def test_a_ratio_within_what_sessions_scatter_is_not_told_from_1(bench):
    bench.focus = "Full"
    bench.save_all()
    bench.calibrate(0.15)
    assert "(not told from 1)" not in verdict(table_of(bench)).text
    bench.calibrate(0.25)
    assert "0.65x [0.37, 1.16] (not told from 1) its time" in verdict(table_of(bench)).text


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (Estimate(1.1, 1.02, 1.2), "1.10x [1.02, 1.20]"),
        (Estimate(1.1, 1.0, 1.2), "1.10x [1.00, 1.20] (not told from 1)"),
        (Estimate(0.9, 0.8, 1.0), "0.90x [0.80, 1.00] (not told from 1)"),
        (Estimate(0.9), "0.90x"),
    ],
)
def test_a_ratio_whose_interval_holds_1_is_not_told_from_it(known, text):
    assert ratio_text(Quantity("Ratio", "x", "lower"), known) == text


def test_a_name_is_shortened_only_where_it_stays_the_only_one():
    suite = Suite("", (Row("A (1x1)"), Row("B (x)"), Row("B (y)")), (), "A (1x1)")
    assert [short_name(row.name, suite) for row in suite.rows] == ["A", "B (x)", "B (y)"]


def test_over_the_levels_of_a_factor_the_smallest_and_the_largest_gain_are_told(bench):
    bench.seeds, bench.focus = 3, "Small"
    bench.save_all()
    table = table_of(bench)
    headings = (
        replace(
            found,
            quantity=replace(found.quantity, title="mAP"),
            column=replace(COLUMNS[0], level=("people", level), title=f"people {level:g}"),
        )
        for level, found in zip((0.0, 2.0), table.headings[:2], strict=True)
    )
    text = verdict(replace(table, headings=tuple(headings))).text
    first, _, second = text.partition(" to ")
    assert first.startswith("Small: -") and " mAP at people " in first and " at people " in second
    assert "extremes" not in text, "they are all there are"
    assert "people 0 [" in text and "people 2 [" in text and text.endswith(" against Base.")
