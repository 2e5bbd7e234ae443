"""What is beyond chance; the other sentences are tested with the reports and summaries that they stand in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import ROWS, Bench

from reidbench.reporting.findings.sentences import chance_findings, findings, headlines
from reidbench.reporting.tables.table import Entry, Heading, Table
from reidbench.spec import Column, Quantity
from reidbench.statistics import Estimate

MOVED = Quantity("Channels moved", "%", "", 1, 100, chance="bound")

Found = list[dict[str, float]]


def table(bench: Bench, *rows: Found) -> Table:
    """A row for each list of what its trainings found; without any it was not run."""
    column = Column("accuracy.moved")
    kept = bench.save(bench.cell(ROWS[0], column))
    entries = {
        (row.name, 0): Entry("ok", Estimate(0.1), records=tuple(replace(kept, values=values) for values in found))
        if found
        else Entry("missing")
        for row, found in zip(ROWS, (*rows, *[[]] * len(ROWS)), strict=False)
    }
    return Table(bench.plan, "made-up", (Heading(0, column, MOVED, True, {}),), entries, ())


def test_each_training_is_held_against_its_own_bound(bench: Bench) -> None:
    """The first row's mean is above its mean bound, and so is the second's below, whatever single trainings are."""
    first = [{"moved": 0.492, "bound": 0.242}, {"moved": 0.03, "bound": 0.2}, {"moved": 0.2, "bound": 0.2}]
    found = table(bench, first, [{"moved": 0.1, "bound": 0.3}])
    told = (
        "Channels moved (%): beyond chance in 1 of 4 trainings, each tested at 95 %, so that about 0.2 would be if "
        "nothing were at work: Small (49.2, by chance at most 24.2)."
    )
    assert list(chance_findings(found)) == [told]
    assert told in findings(found) and told in headlines(found, None)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"moved": 0.1, "bound": 0.3},
            [
                "Channels moved (%): beyond chance in 0 of 1 training, each tested at 95 %, so that about 0.1 would be "
                "if nothing were at work."
            ],
        ),
        ({"moved": 0.1}, []),
    ],
)
def test_one_training_and_none_with_a_bound(bench: Bench, values: dict[str, float], told: list[str]) -> None:
    assert list(chance_findings(table(bench, [values]))) == told
    assert not list(chance_findings(table(bench)))
