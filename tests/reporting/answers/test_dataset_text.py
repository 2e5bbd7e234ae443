"""A dataset on the terminal."""

import pytest

from reidbench.data.checkup import Checkup, Count
from reidbench.reporting.answers.dataset_text import SHOWN, check_lines

GOOD, BAD, FREE = Count("queries", 3, 3, "q"), Count("cameras", 2, 6, "a"), Count("test frames", 9, None, "")


def checkup(*counts: Count, problems: int = 0, remarks: int = 0) -> Checkup:
    lines = [f"file {number}: wrong" for number in range(problems)]
    return Checkup("x", "X", "dir", counts, tuple(lines), tuple(f"odd {n}" for n in range(remarks)))


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (checkup(GOOD, FREE), "everything is as expected"),
        (
            checkup(GOOD, BAD),
            "1 count differs from what was expected: mend the tree, or train and test on it with --subset",
        ),
        (checkup(FREE), "no problem was found; there are no published counts to compare with"),
        (checkup(GOOD, problems=1), "not usable: mend what is named above"),
        (checkup(problems=1), "not usable: mend what is named above"),
    ],
)
def test_the_last_line_says_it_all(found: Checkup, verdict: str) -> None:
    assert list(check_lines(found))[-1] == verdict
    assert found.passed == ("differ" not in verdict and "usable" not in verdict)


def test_many_problems_are_counted_and_the_first_shown() -> None:
    lines = list(check_lines(checkup(GOOD, problems=SHOWN + 3, remarks=1)))
    assert f"{SHOWN + 3} problems:" in lines and "1 remark:" in lines
    assert sum(line.endswith(": wrong") for line in lines) == SHOWN
    assert "  ... and 3 more; --json shows all" in lines
