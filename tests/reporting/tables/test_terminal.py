"""Tables as plain text: split where they would be wider than the terminal."""

import pytest
from made_up import Bench

from reidbench.reporting.tables.table import assemble
from reidbench.reporting.tables.terminal import terminal_text, text_tables

ROWS = [("name", "first", "second", "third"), ("a", "1", "22", "333"), ("longer", "4444444", "5", "6")]


def test_a_table_that_fits_is_one_and_another_repeats_its_first_column() -> None:
    whole = ["name      first  second  third", "a             1      22    333", "longer  4444444       5      6"]
    assert text_tables(ROWS, 30) == [whole]
    pieces = text_tables(ROWS, 29)
    assert pieces == [
        ["name      first  second", "a             1      22", "longer  4444444       5"],
        ["name    third", "a         333", "longer      6"],
    ]


@pytest.mark.parametrize("width", [1, 15, 22, 23, 24, 31, 80])
def test_no_line_is_wider_than_asked_for_unless_a_single_column_is(width: int) -> None:
    pieces = text_tables(ROWS, width)
    shown = [word for piece in pieces for word in piece[0].split() if word != "name"]
    assert shown == ["first", "second", "third"] and all(len(piece) == 3 for piece in pieces)
    for piece in pieces:
        assert max(map(len, piece)) <= width or len(piece[0].split()) == 2


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_of_a_suite_is_as_narrow(bench: Bench, width: int) -> None:
    bench.save_all()
    text = terminal_text(assemble(bench.plan, bench.store), width)
    assert max(map(len, text.splitlines())) <= width and "Cost: cpu" in text


def test_the_marks_in_cells_are_explained_and_no_others(bench: Bench) -> None:
    assert "interval" not in terminal_text(assemble(bench.plan, bench.store), 80)
    bench.save_all()
    once = terminal_text(assemble(bench.plan, bench.store), 80).replace("\n", " ")
    assert "±: half the width of a 95 % interval." in once and "(s)" not in once and "*:" not in once
    bench.seeds = 3
    bench.save_all()
    bench.calibrate()
    several = terminal_text(assemble(bench.plan, bench.store), 80).replace("\n", " ")
    assert "(s): the standard deviation over trainings" in several and "*: best of its column" in several
