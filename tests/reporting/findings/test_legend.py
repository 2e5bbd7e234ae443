from dataclasses import replace
from math import isnan

from made_up import COLUMNS, ROWS

from reidbench.reporting.findings.family_text import POINTS
from reidbench.reporting.findings.legend import (
    ALONE,
    BOLD,
    BOLD_TIMES,
    DIFFERENCES,
    HALF,
    SAME,
    SCALE,
    SEEDS,
    UNMARKED,
    WHOLE,
    legend,
    persons_and_groups,
)
from reidbench.reporting.tables.dataframe import to_frame
from reidbench.reporting.tables.intervals import ALIKE_MEANS
from reidbench.reporting.tables.table import assemble
from reidbench.reporting.tables.terminal import terminal_text


def lines_of(bench):
    return legend([assemble(bench.plan, bench.store)])


def test_what_is_not_shown_is_not_explained(bench):
    assert not lines_of(bench)
    bench.save(bench.cell(ROWS[0], COLUMNS[5]))
    assert lines_of(bench) == [
        HALF,
        "Intervals are over rounds for times; those of ratios to the reference row also over sessions, where the "
        "machine is calibrated.",
    ]


def test_what_is_shown_is_explained(bench):
    bench.save_all()
    once = lines_of(bench)
    assert any("query identities for what is trained (look-alikes as one" in line for line in once)
    assert {DIFFERENCES, SAME, SCALE} <= set(once) and WHOLE not in once and ALONE not in once
    assert POINTS not in once and SEEDS not in once and BOLD not in once and UNMARKED not in once
    bench.seeds = 3
    bench.save_all()
    assert SEEDS in lines_of(bench) and BOLD_TIMES not in lines_of(bench)
    bench.calibrate()
    assert BOLD in lines_of(bench) and BOLD_TIMES in lines_of(bench)
    assert UNMARKED in lines_of(bench), "its costs hold counts"


def test_a_lopsided_interval_and_a_median_of_few_readings_are_explained_where_they_stand(bench):
    record = bench.save(bench.cell(ROWS[0], COLUMNS[5]))
    few = {name: readings[:3] for name, readings in record.samples.items()}
    bench.store.save(replace(record, samples=few))
    assert lines_of(bench) == [ALONE]
    seconds = [0.1] * 9 + [0.11, 0.2, 0.3] + [0.4] * 8
    bench.store.save(replace(record, samples={**record.samples, "seconds": seconds}))
    assert WHOLE in lines_of(bench)


def test_persons_who_are_all_alike_are_named_in_table_frame_and_legend(bench):
    bench.seeds = 2
    bench.save_all()
    assert ALIKE_MEANS not in lines_of(bench)
    for seed in range(2):
        record = bench.store.load(bench.cell(ROWS[2], COLUMNS[0], seed))
        bench.store.save(replace(record, samples={**record.samples, "ap": [0.5] * len(record.samples["ap"])}))
    table = assemble(bench.plan, bench.store)
    assert ALIKE_MEANS in lines_of(bench) and "50.0 [none] (0.0)" in terminal_text(table, 100)
    found = to_frame(table)
    line = found[(found.row == "Full") & (found.quantity == "mAP")].iloc[0]
    assert (line.value, line.n, line.sd) == (50, 2, 0) and isnan(line.low) and isnan(line.high)


def test_percentage_points_are_explained_where_a_column_is_in_them(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    first, *others = table.headings
    gap = replace(first, quantity=replace(first.quantity, unit="pp"))
    assert POINTS in legend([replace(table, headings=(gap, *others))])


def test_how_many_persons_there_are_is_known_where_all_records_have_as_many(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    records = [record for _, own in table.fresh(table.headings[0]).values() for record in own]
    persons, groups = persons_and_groups(records)
    assert persons == len(set(records[0].samples["identity"])) and groups == len(set(records[0].samples["group"]))
    fewer = {name: sample for name, sample in records[0].samples.items() if name != "group"}
    alone = [replace(record, samples={**fewer, "identity": record.samples["identity"]}) for record in records]
    assert persons_and_groups(alone) == (persons, None)
    other = replace(records[0], samples={**records[0].samples, "identity": [1.0, 2.0], "group": [1.0, 2.0]})
    assert persons_and_groups([*records, other]) == (0, 0)
