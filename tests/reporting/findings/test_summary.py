from dataclasses import replace

import pytest
from made_up import COLUMNS, MEAN_AP, QUANTITIES, ROWS, SECONDS

from reidbench.reporting.findings import summary
from reidbench.reporting.findings.differences import Difference, Family
from reidbench.reporting.findings.sentences import findings, headlines
from reidbench.reporting.findings.summary import certainty, mostly_measured, shared_headlines
from reidbench.reporting.tables.table import assemble
from reidbench.statistics import Estimate


def table_of(bench):
    return assemble(bench.plan, bench.store)


def test_nothing_measured_is_said(bench):
    assert shared_headlines([table_of(bench)]) == {"made_up": ["Nothing of it is measured here."]}
    assert certainty([table_of(bench)]) == [
        "Of 24 table cells 0 hold a complete and up-to-date value; 3 absent (no CUDA GPU on this machine), 21 not run."
    ]


def test_the_best_row_is_named_with_those_that_the_noise_does_not_part_from_it(bench):
    bench.seeds = 3
    bench.save_all()
    (best,) = (line for line in headlines(table_of(bench), None) if line.startswith("mAP is highest for Full, "))
    assert best.endswith("not distinguishable from Base.")


def test_one_seed_calls_no_row_the_best(bench):
    bench.save_all()
    found = " ".join([*headlines(table_of(bench), None), *certainty([table_of(bench)])])
    assert "no row can be called the best" in found and "ahead of" not in found
    assert "trained with 1 seed and scored under protocol release; how much training itself varies is" in found


def test_queries_without_a_match_are_said_not_to_count(bench, monkeypatch):
    bench.save_all()
    table = table_of(bench)
    assert not any("do not count" in line for line in certainty([table]))
    for heading in table.headings:
        for _, records in table.fresh(heading).values():
            for record in records:
                if heading.training:
                    record.context.update(queries=22, queries_without_match=10)
    assert "10 of 32 queries have no match under the protocol and do not count." in certainty([table])


def test_a_clear_lead_over_three_seeds_is_said(bench):
    bench.seeds, bench.rows = 3, ROWS[:2]
    bench.save_all()
    assert "ahead of each other measured row by more than the noise" in " ".join(headlines(table_of(bench), None))


def test_the_summary_counts_what_chance_alone_would_give(bench):
    bench.seeds = 3
    bench.save_all()
    table = table_of(bench)
    assert (
        "1 of the 2 differences tested is beyond the noise. Each is tested at 95 %, without correction for their "
        "number; if no rows differed, about 0.1 of the 2 would be beyond it by chance."
    ) in certainty([table])
    assert certainty([table, table])[1:] == certainty([table])[1:], "what tables share counts once"
    assert certainty([table, table])[0].startswith("Of 24 table cells (48 as printed: 24 are copies of others) 21 hold")


def test_only_differences_with_an_interval_are_tested(bench, monkeypatch):
    gaps = {"told": (0.2, 0.1, 0.3), "within": (0.1, -0.1, 0.3), "unbounded": (0.1,)}
    made = [Difference(name, Estimate(*gap, n=3, sd=0.1), frozenset({name})) for name, gap in gaps.items()]
    family = Family("mAP", QUANTITIES["accuracy"]["mAP"], tuple(made))
    assert [[each.name for each in found] for found in (family.told, family.within, family.unbounded)] == [
        [name] for name in gaps
    ]
    monkeypatch.setattr(summary, "families", lambda table: [family])
    assert any(line.startswith("1 of the 2 differences tested is beyond") for line in certainty([table_of(bench)]))


def test_differences_whose_noise_is_not_all_known_are_not_counted_but_named(bench):
    bench.save_all()
    assert (
        "No difference is tested against all known noise. Left out: 2 of rows trained once, whose intervals lack the "
        "noise of training."
    ) in certainty([table_of(bench)])


def test_differences_of_identical_records_are_none(bench, monkeypatch):
    bench.seeds = 3
    bench.save_all()
    same = {name: [0.5] * 160 for name in ("ap",)}
    for record in list(bench.store.records()):
        if record.row in ("Base", "Full") and record.cell["measurement"] == "accuracy":
            bench.store.save(replace(record, samples={**record.samples, **same}))
    lines = certainty([table_of(bench)])
    assert not any("differences tested" in line for line in lines), "only one is left"
    assert any("within" not in line and "identical Full over Base +0.0 [0.0, 0.0]" not in line for line in lines)
    assert any("; identical Full over Base (" in line for line in headlines(table_of(bench), None))


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (
            None,
            "how much sessions differ was not calibrated here (bench.py calibrate), so that no time is bold, and a ",
        ),
        (0.037, "by which such a ratio differs between sessions (bench.py calibrate: standard deviation over 9)"),
    ],
)
def test_what_intervals_of_times_cover_is_said(bench, noise, said):
    bench.save_all()
    if noise:
        bench.calibrate(noise)
    (line,) = (line for line in certainty([table_of(bench)]) if line.startswith("Intervals of times on cpu cover"))
    assert "cover the 20 rounds of one session; " in line and said in line


def test_the_rounds_of_intervals_are_counted_where_there_is_an_interval(bench):
    bench.save_all()
    for row, rounds in ((ROWS[0], 10), (ROWS[2], 3)):
        found = bench.save(bench.cell(row, COLUMNS[5]))
        samples = {name: readings[:rounds] for name, readings in found.samples.items()}
        bench.store.save(replace(found, samples=samples))
    assert any(" cpu cover the 10 to 20 rounds of one session; " in line for line in certainty([table_of(bench)]))


def test_a_verdict_of_the_same_records_is_told_once(bench):
    bench.seeds, bench.focus = 3, "Full"
    bench.save_all()
    table = table_of(bench)
    again = replace(table, plan=replace(table.plan, name="again"))
    found = shared_headlines([table, again])
    assert found["made_up"][0].startswith("Full: +1.8 mAP [")
    assert found["again"] == ["The comparison of Full with Base is given under made_up."]
    named = replace(again.plan.suite, rows=(*ROWS[:2], replace(ROWS[2], name="Whole")), focus="Whole")
    entries = {("Whole" if row == "Full" else row, i): entry for (row, i), entry in again.entries.items()}
    other = replace(again, plan=replace(again.plan, suite=named), entries=entries)
    assert shared_headlines([table, other])["again"][0] == (
        "The row 'Whole' is Full of made_up; the comparison of Full with Base is given there."
    )


def test_a_lead_over_the_few_rows_that_are_measured_says_how_few(bench):
    bench.seeds = 3
    bench.save_all(without="Full")
    found = headlines(table_of(bench), None)
    assert found[0].startswith("mAP, each row against the one above it: beyond the noise Base over Small +15.")
    assert found[1].endswith("ahead of each other measured row by more than the noise; 2 of 3 rows are measured.")


def test_some_cells_are_not_called_none(bench):
    bench.save(bench.cell(ROWS[0], COLUMNS[0], seed=0))
    bench.seeds = 2
    assert shared_headlines([table_of(bench)])["made_up"] == ["3 of 21 cells are measured: too few to tell rows apart."]


def test_rows_whose_seeds_disagree_are_named_with_their_seeds(bench, monkeypatch):
    bench.seeds = 3
    bench.save_all()
    assert not any("more than half the interval" in line for line in findings(table_of(bench)))
    cell = bench.cell(ROWS[1], COLUMNS[0], seed=1)
    monkeypatch.setitem(MEAN_AP, "Base", 0.2)
    bench.save(cell)
    (found,) = (line for line in findings(table_of(bench)) if "more than half the interval" in line)
    assert "covers the choice of queries alone, of Base (" in found and "; Full" not in found and "Small" not in found


def test_published_accuracies_of_other_data_are_not_called_compared(bench):
    bench.save_all()
    assert any("only the order of the rows is" in line for line in certainty([table_of(bench)]))


@pytest.mark.parametrize(
    ("load", "said"), [(0.1, "other processes used at most 0.10 cores"), (1.5, "3 of 3 timings were taken while")]
)
def test_disturbed_timings_are_counted(bench, load, said):
    for row in ROWS:
        bench.save(bench.cell(row, COLUMNS[5]), other_load=load)
    assert any(said in line for line in certainty([table_of(bench)]))


def test_throughputs_that_were_cut_are_named(bench):
    bench.save_all()
    assert not any("no larger batch" in line for line in certainty([table_of(bench)]))
    bench.save(bench.cell(ROWS[1], COLUMNS[5]), cut_after=8.0)
    said = f"Of 1 throughput no larger batch was tried, as 8 s of readings were over: {ROWS[1].name}."
    assert said in certainty([table_of(bench)])


def test_throughputs_whose_search_ended_at_a_fall_are_named(bench):
    bench.save_all()
    record = bench.save(bench.cell(ROWS[1], COLUMNS[5]))
    fell = f"ended where the rate fell: {ROWS[1].name}."
    for rates, told in (((10, 20, 20), False), ((10, 20, 15), True)):
        samples = {f"seconds_batch_{2**n}": [2**n / rate] * 2 for n, rate in enumerate(rates)}
        bench.store.save(replace(record, samples={**record.samples, **samples}))
        said = f"The search for the best batch of 1 throughput {fell}"
        assert (said in certainty([table_of(bench)])) == told


def test_a_latency_within_its_noise_is_not_called_slower(bench, monkeypatch):
    monkeypatch.setitem(SECONDS, "Full", SECONDS["Base"])
    bench.save_all()
    bench.focus = "Full"
    (found,) = shared_headlines([table_of(bench)]).values()
    assert "(not told from 1) its time per frame" in found[0] and "slower" not in " ".join(found)


def test_a_table_that_only_borrows_cells_is_left_out_and_named(bench):
    empty = table_of(bench)
    assert mostly_measured([empty]) == (
        [],
        "Left out, because less than half of them is measured here: made_up (0 of 21 cells).",
    )
    for row in ROWS:
        bench.save(bench.cell(row, COLUMNS[5]))
    assert mostly_measured([table_of(bench)])[1].endswith(": made_up (6 of 21 cells).")
    bench.save_all(without="Full")
    most = table_of(bench)
    assert mostly_measured([most]) == ([most], "")
