from dataclasses import replace
from math import isnan

from made_up import COLUMNS, ROWS

from reidbench.reporting.blocks import terminal_text
from reidbench.reporting.frames import to_frame
from reidbench.reporting.intervals import ALIKE_MEANS
from reidbench.reporting.legend import BOLD, BOLD_TIMES, SCALE, SEEDS, UNMARKED, legend
from reidbench.reporting.tables import assemble


def text_of(bench):
    return " ".join(legend([assemble(bench.plan, bench.store)]))


def test_what_is_not_shown_is_not_explained(bench):
    assert not legend([assemble(bench.plan, bench.store)])
    bench.save(bench.cell(ROWS[0], COLUMNS[5]))
    assert text_of(bench) == (
        "After ± stands half the width of the 95 % interval: over rounds for a time (and over sessions for a ratio to "
        "the reference row, where the machine is calibrated)."
    )


def test_what_is_shown_is_explained(bench):
    bench.save_all()
    once = text_of(bench)
    assert "over query identities" in once and "Agrees: " in once and SCALE in once
    assert SEEDS not in once and BOLD not in once and UNMARKED not in once
    bench.seeds = 3
    bench.save_all()
    assert SEEDS in text_of(bench) and BOLD_TIMES not in text_of(bench)
    bench.calibrate()
    assert BOLD in text_of(bench) and BOLD_TIMES in text_of(bench)
    assert UNMARKED in text_of(bench), "its costs hold counts"


def test_persons_who_are_all_alike_are_named_in_table_frame_and_legend(bench):
    bench.seeds = 2
    bench.save_all()
    assert ALIKE_MEANS not in text_of(bench)
    for seed in range(2):
        record = bench.store.load(bench.cell(ROWS[2], COLUMNS[0], seed))
        bench.store.save(replace(record, samples={**record.samples, "ap": [1.0] * len(record.samples["ap"])}))
    table = assemble(bench.plan, bench.store)
    assert ALIKE_MEANS in text_of(bench) and "100.0, no interval (0.0)" in terminal_text(table, 100)
    found = to_frame(table)
    line = found[(found.row == "Full") & (found.quantity == "mAP")].iloc[0]
    assert (line.value, line.n, line.sd) == (100, 2, 0) and isnan(line.low) and isnan(line.high)
