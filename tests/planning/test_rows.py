"""Rows by name, by number and by range."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reidbench.planning.rows import choose_rows
from reidbench.spec import Row, Suite, UserError

NAMES = ("Zebra (128x64)", "TB+CSP", "2-3", "Ape, with comma")


def suite(names: Sequence[str] = NAMES) -> Suite:
    return Suite("Made up", tuple(map(Row, names)), (), names[0])


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ((), (1, 2, 3, 4)),
        (("4", "1"), (1, 4)),
        (("1,4",), (1, 4)),
        (("2-4", "TB+CSP"), (2, 3, 4)),
        (("2-3",), (3,)),
        (("Ape, with comma",), (4,)),
    ],
)
def test_rows_are_chosen_in_the_suites_order(asked: Sequence[str], numbers: Sequence[int]) -> None:
    assert [row.name for row in choose_rows(suite(), asked)] == [NAMES[number - 1] for number in numbers]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("5", "--rows 5: give 1 to 4, several as 1,4 or 1-4: 1 Zebra (128x64), 2 TB+CSP, 3 2-3, 4 Ape, with comma"),
        ("0", "--rows 0: give 1 to 4"),
        ("3-1", "--rows 3-1: give 1 to 4"),
        ("TB+CPS", "no row is named 'TB+CPS'; did you mean 'TB+CSP'?"),
        ("horse", "no row is named 'horse'; there are 1 Zebra (128x64), 2 TB+CSP, 3 2-3, 4 Ape, with comma"),
    ],
)
def test_what_is_no_row_is_answered_with_numbers_and_names(asked: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        choose_rows(suite(), (asked,))
    assert str(caught.value).startswith(message)


def test_one_row_needs_no_example_of_several() -> None:
    with pytest.raises(UserError, match=r"^--rows 2: give 1 to 1: 1 only$"):
        choose_rows(suite(["only"]), ["2"])
