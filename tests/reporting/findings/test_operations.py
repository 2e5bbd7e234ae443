from dataclasses import replace

import pytest
from made_up import COLUMNS, ROWS

from reidbench import registry
from reidbench.reporting.findings.operations import attained_findings, rate_text, undercounted
from reidbench.reporting.findings.sentences import findings
from reidbench.reporting.findings.summary import certainty
from reidbench.reporting.tables.table import assemble
from reidbench.spec import Column, Quantity

GFLOPS = {"Small": 1.02e9, "Base": 4.08e9, "Full": 2.0e9}


@pytest.fixture(autouse=True)
def with_macs(made_up_measurements, monkeypatch):
    known = registry.measurements()
    macs = Quantity("MACs/frame", "G", "lower", 3, 1e-9)
    counts = replace(known["complexity"], quantities={**known["complexity"].quantities, "macs": macs})
    monkeypatch.setattr(registry, "measurements", lambda: {**known, "complexity": counts})


def table_of(bench, macs, **context):
    """The made-up table, all rows timed, with a column of MACs beside that of GFLOPs."""
    bench.save_all()
    for row in ROWS:
        record = bench.save(bench.cell(row, COLUMNS[3]), **context.get(row.name, {}))
        bench.store.save(replace(record, values={**record.values, "macs": macs[row.name]}))
    plan = bench.plan
    cells = {**plan.cells, **{(row.name, len(COLUMNS)): plan.cells[row.name, 3] for row in ROWS}}
    suite = replace(plan.suite, columns=(*COLUMNS, Column("complexity.macs")))
    return assemble(replace(plan, suite=suite, cells=cells), bench.store)


def test_rows_with_fewer_gflops_than_macs_are_named_with_what_the_counter_misses(bench):
    operations = {"matrix product": -1.9e10, "normalisation": 1e8, "convolution": -1e6}
    whole = {"counter": "ptflops", "module": "", "operations": operations, "reference": 3.2e10}
    part = {**whole, "module": "trunk", "operations": {"pooling": -1e10}}
    macs = {"Small": 1e9, "Base": 4.09e9, "Full": 4e9}
    table = table_of(bench, macs, Full={"disagreements": [whole, part, {**part, "counter": "fvcore", "module": ""}]})
    said = (
        "GFLOPs are fewer than MACs for Full (0.50x); ptflops does not see all of their matrix products: compare these "
        "rows by MACs."
    )
    assert list(undercounted([table, table])) == [said] and said in certainty([table])


def test_without_a_reason_on_record_the_rows_alone_are_named(bench):
    (said,) = undercounted([table_of(bench, {"Small": 1e9, "Base": 8.16e9, "Full": 4e9})])
    assert said == "GFLOPs are fewer than MACs for Base (0.50x), Full (0.50x): compare these rows by MACs."


def test_where_each_row_has_more_gflops_nothing_is_said(bench):
    assert list(undercounted([table_of(bench, {name: 0.99 * known for name, known in GFLOPS.items()})])) == []


def test_the_rates_of_computing_are_those_of_whole_clips(bench):
    # Base takes 0.46 s for 8 frames of 2.3 G MACs: 80 G operations a second.
    table = table_of(bench, {"Small": 0.2e9, "Base": 2.3e9, "Full": 1e9})
    (said,) = attained_findings(table)
    assert said in findings(table)
    start = "Speed reached (here a multiply-accumulate counts as two operations): "
    assert said == f"{start}28 GFLOP/s (Small) to 80 GFLOP/s (Base) on cpu, fp32."


def test_of_a_time_per_frame_the_rate_is_that_of_a_frames_operations(bench):
    table = table_of(bench, {"Small": 0.2e9, "Base": 23e9, "Full": 1e9})
    (timed,) = (found for found in table.headings if found.index == 5)
    per_frame = replace(timed, column=replace(timed.column, quantity="latency.per_frame"))
    (said,) = attained_findings(replace(table, headings=(*table.headings[:5], per_frame, table.headings[-1])))
    assert ": 4 GFLOP/s (Small) to 100 GFLOP/s (Base) on cpu" in said, "an eighth of what 8 frames would be"


def test_the_rates_on_a_number_of_threads_that_the_suite_names_say_it(bench):
    table = table_of(bench, {"Small": 0.2e9, "Base": 2.3e9, "Full": 1e9})
    (timed,) = (found for found in table.headings if found.index == 5)
    on_one = replace(timed, column=replace(timed.column, settings={"threads": 1}))
    (said,) = attained_findings(replace(table, headings=(*table.headings, on_one)))
    rates = "28 GFLOP/s (Small) to 80 GFLOP/s (Base)"
    assert said.endswith(f": {rates} on cpu, fp32; {rates} on cpu, fp32, 1 thread.")


def test_rates_have_the_unit_that_suits_them():
    assert [rate_text(rate) for rate in (2e9, 999e9, 1e12, 107.94e12)] == [
        *("2 GFLOP/s", "999 GFLOP/s", "1.0 TFLOP/s", "107.9 TFLOP/s")
    ]


def test_rates_need_macs_and_two_rows_with_a_time(bench):
    table = table_of(bench, {"Small": 0.2e9, "Base": 2.3e9, "Full": 1e9})
    one = replace(table.plan.suite, rows=ROWS[:1])
    assert list(attained_findings(replace(table, plan=replace(table.plan, suite=one)))) == []
    without = tuple(h for h in table.headings if h.column.quantity != "complexity.macs")
    assert list(attained_findings(replace(table, headings=without))) == []
