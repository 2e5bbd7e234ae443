"""Pairs of rows that a suite wants compared."""

from dataclasses import replace

from made_up import ROWS

from reidbench.reporting.findings.differences import families
from reidbench.reporting.tables.table import assemble


def test_rows_are_compared_with_the_reference_or_the_one_they_name(bench):
    bench.save_all()
    rows = (ROWS[0], ROWS[1], replace(ROWS[2], against="Small"))
    plan = replace(bench.plan, suite=replace(bench.plan.suite, rows=rows, ablation=False))
    found = {
        family.name: [each.name for each in family.differences] for family in families(assemble(plan, bench.store))
    }
    assert found == {"mAP, each row against Base": ["Small"], "mAP, each row against Small": ["Full"]}


def test_a_row_that_is_the_same_trainings_is_compared_with_nothing(bench):
    again = replace(ROWS[2], name="Full again", against="Full")
    bench.save_all()
    bench.rows = (*ROWS, again)
    table = assemble(replace(bench.plan, suite=replace(bench.plan.suite, ablation=False)), bench.store)
    assert table.fresh(table.headings[0])["Full again"]
    assert [family.name for family in families(table)] == ["mAP, each row against Base"]


def test_a_pair_of_rows_is_compared_in_each_quantity_under_its_own_name(bench):
    bench.seeds = 2
    bench.save_all()
    plan = replace(bench.plan, suite=replace(bench.plan.suite, contrasts=(("Full", "Small"),)))
    table = assemble(plan, bench.store)
    found = {family.name: family for family in families(table) if family.name.endswith("Full over Small")}
    titles = ["mAP", "mAP, emblem twins", "mAP, tempo twins"]
    assert list(found) == [f"{title}, Full over Small" for title in titles]
    for title, family in zip(titles, found.values(), strict=True):
        (heading,) = (heading for heading in table.headings if heading.quantity.title == title)
        (difference,) = family.differences
        full, small = (table.fresh(heading)[row][0].value for row in ("Full", "Small"))
        assert family.quantity is heading.quantity
        assert abs(difference.gap.value - (full - small)) < 1e-9


def test_a_pair_of_which_one_is_not_measured_is_not_compared(bench):
    bench.save_all(without="Small")
    plan = replace(bench.plan, suite=replace(bench.plan.suite, contrasts=(("Full", "Small"), ("Full", "Base"))))
    names = [family.name for family in families(assemble(plan, bench.store))]
    assert "mAP, Full over Base" in names and not any("Small" in name for name in names)
