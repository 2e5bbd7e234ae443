"""Estimates as text: ± where it is true, the interval itself where it is not."""

from dataclasses import replace
from math import nan

import pytest
from made_up import COLUMNS, ROWS

from reidbench.reporting.documents.document import Document, Tabular
from reidbench.reporting.documents.html import html
from reidbench.reporting.documents.latex import latex
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.tables.intervals import difference_text, estimate_text, interval_text
from reidbench.reporting.tables.layout import blocks
from reidbench.reporting.tables.table import assemble
from reidbench.reporting.tables.terminal import terminal_text
from reidbench.spec import Quantity
from reidbench.statistics import Estimate

RATE = Quantity("Rate", "/s", "higher", 1, 10.0)


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (Estimate(18.16, 11.93, 18.63), "181.6 [119.3, 186.3]"),
        (Estimate(18.16, 17.69, 24.39), "181.6 [176.9, 243.9]"),
        (Estimate(18.16, 17.96, 18.56), "181.6 ± 3.0"),
        (Estimate(18.16, 17.96, 18.57), "181.6 [179.6, 185.7]"),
        (Estimate(18.16, 18.16, 18.56), "181.6 [181.6, 185.6]"),
        (Estimate(18.16, 18.158, 18.163), "181.60 ± 0.02"),
        (Estimate(18.16, 18.159, 18.163), "181.60 [181.59, 181.63]"),
        (Estimate(18.16, 18.1598, 18.1602), "181.600 ± 0.002"),
        (Estimate(18.16, 18.16, 18.16), "181.6 ± 0.0"),
        (Estimate(18.16, 18.16 - 1e-12, 18.16 + 1e-12), "181.6 ± 0.0"),
        (Estimate(2.256, 2.25, 2.264), "22.6 ± 0.1"),
        (Estimate(18.16), "181.6"),
        (Estimate(18.16, nan, nan, 3, 0.2), "181.6 (2.0)"),
        (Estimate(18.16, 11.93, 18.63, 3, 0.2), "181.6 [119.3, 186.3] (2.0)"),
    ],
)
def test_an_interval_with_one_side_more_than_twice_the_other_is_printed_itself(known, text):
    assert estimate_text(RATE, known, training=True) == text


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (Estimate(0.042, 0.0, 0.114), "4.2 [0.0, 11.4]"),
        (Estimate(0.9, 0.82, 1.0), "90.0 ± 9.0"),
        (Estimate(0.94, 0.84, 1.0), "94.0 [84.0, 100.0]"),
        (Estimate(0.06, 0.0, 0.12), "6.0 ± 6.0"),
        (Estimate(0.0601, 0.0, 0.1199), "6.0 ± 6.0"),
        (Estimate(1.0, 1.0, 1.0), "100.0 ± 0.0"),
        (Estimate(-0.02, -0.05, 0.01), "-2.0 ± 3.0"),
        (Estimate(1.5, 1.3, 1.7), "150.0 ± 20.0"),
        (Estimate(0.05, nan, nan), "5.0"),
        (Estimate(0.9496, 0.8988, 1.0), "95.0 [89.9, 100.0]"),
    ],
)
def test_no_percentage_is_said_to_lie_beyond_0_or_100(known, text):
    assert estimate_text(Quantity("mAP", "%", "higher", 1, 100.0), known) == text


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (Estimate(1.0, 0.996, 1.012), "1.00 [1.00, 1.01]"),
        (Estimate(1.0, 0.997, 1.004), "1.000 ± 0.004"),
        (Estimate(1.0, 0.998, 1.002), "1.000 ± 0.002"),
        (Estimate(1.0, 1.0, 1.0), "1.00 ± 0.00"),
        (Estimate(97.0, 93.0, 100.0), "97.00 [93.00, 100.00]"),
        (Estimate(97.0, 94.0, 100.0), "97.00 ± 3.00"),
    ],
)
def test_two_printed_digits_decide_where_there_are_two(known, text):
    assert estimate_text(Quantity("Share", "%", "higher", 2), known) == text


def test_the_spread_of_trainings_is_shown_where_it_is_asked_for():
    assert estimate_text(RATE, Estimate(18.16, 17.96, 18.36, 3, 0.2)) == "181.6 ± 2.0"


@pytest.mark.parametrize("statistic", ["median", "ratio"])
def test_no_time_is_said_to_lie_below_0(statistic):
    time = Quantity("Latency", "ms", "lower", 1, 10.0, statistic=statistic)
    assert estimate_text(time, Estimate(0.42, 0.0, 1.14)) == "4.2 [0.0, 11.4]"
    assert estimate_text(time, Estimate(0.6, 0.0, 1.2)) == "6.0 ± 6.0"
    assert estimate_text(time, Estimate(9.9, 9.0, 10.8)) == "99.0 ± 9.0", "and has no upper end"


def test_other_units_have_no_such_ends():
    assert estimate_text(RATE, Estimate(0.42, 0.0, 1.14)) == "4.2 ± 5.7"
    assert estimate_text(replace(RATE, unit="pp", statistic="mean"), Estimate(0.42, 0.0, 1.14)) == "4.2 ± 5.7"


@pytest.mark.parametrize(
    ("known", "text"),
    [(Estimate(10.0), "100.0 [none]"), (Estimate(10.0, nan, nan, 3, 0.0), "100.0 [none] (0.0)")],
)
def test_a_mean_over_persons_who_are_all_alike_says_that_it_has_no_interval(known, text):
    assert estimate_text(replace(RATE, statistic="mean"), known, training=True) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-0.0831, -0.0003, "[-8.31, -0.03]"),
        (0.0004, 0.05, "[0.04, 5.00]"),
        (-0.0831, 0.0003, "[-8.3, 0.0]"),
        (0.0, 0.0003, "[0.0, 0.0]"),
        (-0.0831, 0.0, "[-8.3, 0.0]"),
        (-0.0831, -0.00003, "[-8.3, 0.0]"),
        (0.001, 0.05, "[0.1, 5.0]"),
    ],
)
def test_an_interval_without_0_does_not_read_as_if_it_held_it(low, high, text):
    assert interval_text(Quantity("Gap", "pp", "", 1, 100.0), Estimate(-0.04, low, high)) == text


def test_no_zero_is_negative():
    quantity, small = Quantity("Gap", "pp", "", 2, 100.0), Estimate(-1e-6, -1e-6, -1e-6)
    shown = (estimate_text(quantity, small), interval_text(quantity, small), difference_text(quantity, small))
    assert shown == ("0.00 ± 0.00", "[0.00, 0.00]", "+0.00 [0.00, 0.00]")


def lopsided(bench):
    """Records whose last rounds are slow, some so many that the median's interval reaches them."""
    bench.save_all()
    cell = bench.cell(ROWS[2], COLUMNS[5])
    slow = [0.26, 0.2601] * 6 + [0.5] * 8
    record = bench.store.load(cell)
    bench.store.save(replace(record, samples={**record.samples, "seconds": slow}))
    return assemble(bench.plan, bench.store)


def test_tables_of_every_kind_hold_it_and_the_terminal_keeps_its_width(bench):
    table = lopsided(bench)
    assert "260.1 [260.0, 500.0]" in terminal_text(table, 80)
    assert max(map(len, terminal_text(table, 80).splitlines())) <= 80
    document = Document("Tables", tuple(Tabular((block,)) for block in blocks(table)))
    assert "260.1 [260.0, 500.0]" in markdown(document) and "260.1 [260.0, 500.0]" in html(document)
    assert "260.1 {[}260.0, 500.0{]}" in latex(document, "x")["x-table3.tex"]
