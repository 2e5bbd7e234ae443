from dataclasses import replace

import pytest
from made_up import GFLOPS, PARAMS, ROWS

from reidbench.reporting.findings.published import _share, _told_text, agreement_findings, deviation_findings
from reidbench.reporting.tables.matching import prints_as
from reidbench.reporting.tables.table import Entry, assemble


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


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "none is told apart here by more than the noise"),
        ({-1: 1}, "1 is told apart here by more than the noise (1 in the opposite one)"),
        ({0: 2, 1: 3}, "5 are told apart here by more than the noise (3 in the published order, 2 published alike)"),
    ],
)
def test_pairs_that_were_published_alike_are_told_apart_too(told, said):
    assert _told_text(told) == said


@pytest.mark.parametrize(
    ("count", "of", "said"),
    [
        *((1, 1, "its only row"), (0, 1, "none of its only row"), (2, 2, "both rows"), (1, 2, "1 of 2 rows")),
        *((0, 2, "none of 2 rows"), (3, 3, "all 3 rows"), (0, 3, "none of 3 rows")),
    ],
)
def test_a_share_of_the_rows_is_said_as_one_says_it(count, of, said):
    assert _share(count, of) == said


def test_the_order_is_held_against_values_of_another_dataset_where_the_column_has_none(bench):
    """A column that only shows what was published on MARS stands beside the one that is measured."""
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    (measured, *others) = table.headings
    shown = replace(measured, index=100, column=replace(measured.column, dataset="mars"))
    entries = dict(table.entries)
    for name, entry in table.column(measured).items():
        entries[name, 100] = Entry("absent", published=entry.published)
        entries[name, measured.index] = replace(entry, published="")
    (found,) = agreement_findings(replace(table, headings=(shown, measured, *others), entries=entries))
    assert found.startswith("mAP, order against the published one (another dataset: published on mars): of 3 pairs")
    assert not list(agreement_findings(replace(table, headings=(measured, *others), entries=entries)))
