from made_up import COLUMNS, ROWS

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
