from dataclasses import replace
from math import nan

from reidbench.reporting.findings.differences import Difference, Family
from reidbench.reporting.findings.family_text import family_block, family_finding, family_findings, is_told_whole
from reidbench.spec import Quantity
from reidbench.statistics import Estimate

LOST = Quantity("mAP lost", "pp", "lower", 2, 100.0)
TOLD, WITHIN, SAME = Estimate(-0.005, -0.009, -0.001, 3, 0.01), Estimate(0.001, -0.01, 0.02, 3, 0.01), Estimate(0, 0, 0)


def family(*gaps, **more):
    differences = tuple(Difference(f"row {i}", gap, frozenset({str(i)})) for i, gap in enumerate(gaps))
    return Family("mAP lost (pp)", LOST, differences, **more)


def test_differences_told_from_0_have_their_values_and_a_loss_below_0_is_a_gain():
    assert family_finding(family(TOLD, WITHIN), brief=False) == (
        "mAP lost (pp): beyond the noise row 0 -0.50 [-0.90, -0.10], a gain; within the noise row 1 "
        "(95 % intervals over queries and seeds)."
    )


def test_only_a_loss_below_0_is_a_gain():
    assert "a gain" not in family_finding(replace(family(TOLD), quantity=replace(LOST, better="higher")), brief=False)
    assert "a gain" not in family_finding(family(Estimate(0.005, 0.001, 0.009, 3, 0.01)), brief=False)


def test_of_rows_trained_once_the_noise_is_that_of_the_queries_alone():
    once = family(Estimate(0.005, 0.001, 0.009), WITHIN)
    assert family_finding(once, brief=False) == (
        "mAP lost (pp): beyond the noise of the queries alone row 0 +0.50 [0.10, 0.90]; within the noise row 1 "
        "(95 % intervals without the noise of training, of which there is one seed)."
    )


def test_the_others_are_counted_where_they_are_many_or_the_summary_is_of_several():
    assert "within the noise the other 5 (" in family_finding(family(TOLD, *[WITHIN] * 5), brief=False)
    assert "within the noise row 1; row 2 (" in family_finding(family(TOLD, WITHIN, WITHIN), brief=False)
    assert "within the noise the other 2 (" in family_finding(family(TOLD, WITHIN, WITHIN), brief=True)
    assert "within the noise all 5 (" in family_finding(family(*[WITHIN] * 5), brief=False)
    assert "[" not in family_finding(family(*[TOLD] * 5), brief=True)
    assert family_finding(family(*[TOLD] * 4), brief=True).count("[") == 4
    assert family_finding(family(*[TOLD] * 8, WITHIN), brief=False).count("[") == 8
    assert "[" not in family_finding(family(*[TOLD] * 9, WITHIN), brief=False), "the table has them"
    assert family_finding(family(*[TOLD] * 9), brief=False).count("[") == 9


def test_a_few_differences_are_told_with_their_values_where_none_is_beyond_the_noise():
    text = family_finding(family(WITHIN, WITHIN), brief=True)
    assert text.startswith("mAP lost (pp): within the noise row 0 +0.10 [-1.00, 2.00]; row 1 +0.10 [-1.00, 2.00] (")


def test_identical_sides_are_counted_once_over_all_settings():
    settings = ("cpu fp32 compile", "cpu fp32 openvino")
    found = family_findings([family(SAME, SAME, setting=setting) for setting in settings])
    assert found == [
        "mAP lost (pp) by cpu fp32 compile, cpu fp32 openvino: all 4 differences are exactly 0, of two sides that are "
        "identical."
    ]
    other = replace(family(SAME), title="top-1")
    assert family_findings([family(SAME, SAME), other])[1] == (
        "top-1: the one difference is exactly 0, of two sides that are identical."
    )
    assert family(SAME, TOLD).identical and not family(SAME).within and not family(SAME).told


def test_the_table_of_a_family_has_every_interval():
    block = family_block(family(TOLD, WITHIN, Estimate(0.001, nan, nan)))
    assert block.lines == (
        ("row 0", "-0.50", "[-0.90, -0.10]", "no"),
        ("row 1", "+0.10", "[-1.00, 2.00]", "yes"),
        ("row 2", "+0.10", "-", "-"),
    )
    whole = (family(TOLD, TOLD), family(WITHIN), family(TOLD, WITHIN), family(*[WITHIN] * 5))
    assert [is_told_whole(one) for one in whole] == [True, True, False, False]


def test_why_an_interval_is_wide_is_said_where_two_seeds_make_it_so():
    few = replace(
        family(WITHIN), differences=(*family(TOLD).differences, replace(family(WITHIN).differences[0], of_two=True))
    )
    clause = "two seeds say little of how training varies, so that intervals of differences are wide"
    assert family_finding(few, brief=True).endswith(f"(95 % intervals over queries and seeds; {clause}).")
    assert family_block(few).notes == (f"95 % intervals over queries and seeds; {clause}.", "pp: percentage points.")
    count = replace(few, quantity=replace(few.quantity, unit="G"))
    assert len(family_block(count).notes) == 1
    assert clause not in family_finding(family(TOLD, WITHIN), brief=True)
