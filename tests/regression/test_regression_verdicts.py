"""Limits and verdicts: the defaults are one and the same in the code, at the command line and in the docs."""

from pathlib import Path

import pytest

from reidbench.cli import _parser
from reidbench.regression.verdicts import WORDS, Comparison, Limits, Verdict

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "gate.md").read_text()


@pytest.mark.parametrize("command", [["check", "table2", "--against", "x"], ["compare", "a", "b"], ["calibrate"]])
def test_the_options_default_to_the_limits(command: list[str]) -> None:
    arguments = _parser().parse_all(command)
    assert (arguments.least / 100, arguments.points / 100) == (Limits().least, Limits().points)


def test_the_page_states_the_limits() -> None:
    limits = Limits()
    assert f"`--least` ({limits.least * 100:g} %)" in PAGE and f"`--points` ({limits.points * 100:g})" in PAGE
    assert f"tested at {limits.chance * 100:g} % / m" in PAGE


def test_verdicts_are_counted_by_word() -> None:
    verdicts = tuple(Verdict("row", "q", "Q", "time", word) for word in (*WORDS, "same"))
    found = Comparison("n", "N", "here", "there", Limits(), verdicts)
    assert found.counts == {**dict.fromkeys(WORDS, 1), "same": 2}
    assert len(found.of("same", "worse")) == 3
