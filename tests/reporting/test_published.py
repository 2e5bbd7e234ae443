from dataclasses import replace

import pytest
from made_up import GFLOPS, PARAMS, ROWS

from reidbench.reporting.matching import prints_as
from reidbench.reporting.published import agreement_findings, deviation_findings
from reidbench.reporting.tables import assemble


@pytest.mark.parametrize(
    ("number", "text", "same"),
    [
        (4.0854, "4.08", True),
        (4.0754, "4.08", True),
        (4.0901, "4.08", False),
        (4.0749, "4.08", False),
        (23.51, "23.5", True),
        (23.61, "23.5", False),
        (24.0, "24", True),
        (1.0, "-", False),
    ],
)
def test_a_number_is_printed_rounded_or_cut(number, text, same):
    assert prints_as(number, text) == same


def test_only_real_misses_are_named_with_their_size(bench, monkeypatch):
    monkeypatch.setitem(GFLOPS, "Base", 4.0854e9)
    monkeypatch.setitem(PARAMS, "Full", 29.34e6)
    bench.save_all()
    assert list(deviation_findings(assemble(bench.plan, bench.store))) == [
        "GFLOPs/frame agrees with the published values to their printed digits (rounded or cut) in 2 of 3 rows; off by "
        "(G): Full +0.01 (published 1.99).",
        "Params agrees with the published values to their printed digits (rounded or cut) in 2 of 3 rows; off by (M): "
        "Full +0.1 (published 29.2).",
    ]


def test_of_many_misses_the_furthest_are_named(bench, monkeypatch):
    rows = tuple(replace(ROWS[2], name=f"F{i}", options={"width": 10 + i}) for i in range(6))
    bench.rows = rows
    for i, row in enumerate(rows):
        monkeypatch.setitem(GFLOPS, row.name, (2.2 + i / 10) * 1e9)
        monkeypatch.setitem(PARAMS, row.name, 29.2e6)
        bench.save(bench.cell(row, bench.plan.suite.columns[3]))
    first, _ = deviation_findings(assemble(bench.plan, bench.store))
    assert "in none of 6 rows" in first and "F2 " in first and "F1 " not in first
    assert first.endswith("; 2 others by no more than these.")


def test_trained_once_no_pair_of_rows_is_told_apart_whatever_their_order(bench):
    bench.save_all()
    (found,) = agreement_findings(assemble(bench.plan, bench.store))
    assert "of 3 pairs of rows none is told apart here by more than the noise; over all pairs Kendall's tau" in found
