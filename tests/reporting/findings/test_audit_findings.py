"""What is said of an audit: every number of its sentences, from a small one whose cells can be counted by hand."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from reidbench.audit.assembly import Audit
from reidbench.audit.contradictions import Bent, Reversed, TwoValues
from reidbench.audit.rules import Rule
from reidbench.audit.verdicts import Judgement, Printed, Reading, Step, Verdict
from reidbench.reporting.findings.audit_findings import contradictions, explanation, headlines, unexplained
from reidbench.spec import Row

RULE = Rule("params", "all but the classifier", rounding="truncated")
OTHER = replace(RULE, unit="Mi")
CELLS = [Printed(f"table{2 + n}", Row(name, "baseline"), "params", f"{23 + n}.5") for n, name in enumerate("ABCDE")]


def verdict(number: int, matching: int, step: int, gap: str = "0") -> Verdict:
    reading = Reading(OTHER if step == 2 else RULE, Fraction(1), Fraction(gap))
    return Verdict(CELLS[number], 7, matching, reading, step)


FIRST = Step(RULE, tuple(CELLS[:2]), total=2, ties=1, luck=0.0)
SECOND = Step(OTHER, (CELLS[2],), total=3, ties=4, luck=0.004)
FULL = Judgement(
    "params",
    (verdict(0, 3, 1), verdict(1, 1, 1), verdict(2, 1, 2), verdict(3, 1, 0), verdict(4, 0, 0, "-0.25")),
    (FIRST, SECOND),
    None,
    {},
    (1.25, 0.75),
)
REST = replace(FULL, verdicts=FULL.verdicts[3:] * 2, steps=(), refused=replace(SECOND, luck=0.042))


def audit(**changes: Any) -> Audit:
    made = Audit((FULL,), (FULL,), {}, {}, (), (), (), (), (), 0)
    return replace(made, **changes)


def test_the_summary_counts_the_cells_that_are_explained_and_those_that_chance_could_have() -> None:
    first, best, last = headlines(audit())
    assert first == (
        "Of 5 printed costs 3 follow one of 2 rules, 1 more are reproduced by some rule as chance could have it, "
        "1 by none."
    )
    assert best.startswith("Param.: one rule reproduces 2 of 5 cells (P1: ")
    assert best.endswith("the best single rule would reproduce 0.8 of the cells, and all rules together 1.2.")
    assert last.startswith("The tables contradict themselves in 0 places")


def test_readings_made_after_the_values_had_been_seen_are_owned_up_to() -> None:
    first, after, *_ = headlines(audit(without=(REST,)))
    assert first.endswith("1 by none; this rests on readings that were made after the printed values were seen.")
    assert "all rules together reproduce 2 instead of 4 of 5 Param. cells, and the best one 3 (" in after
    assert after.endswith("; 4.2% of the draws do as well); none would be called an explanation.")


def test_networks_that_are_not_counted_are_said_first() -> None:
    assert next(headlines(audit(wanted=3))).startswith("Only 0 of 3 networks are counted: a verdict may change. ")


def test_each_rule_is_told_with_what_it_adds_and_what_chance_would_do() -> None:
    first, second = explanation(FULL)
    assert first.startswith("P1, Param.: ")
    assert first.endswith(
        "It reproduces 2 of 5 cells. By chance as many: none of the draws; 1 other rule does as well."
    )
    assert second.startswith("P2, Param.: ") and second.endswith(
        "It reproduces 3 of 5 cells, 1 of them not by the rules before it. By chance as many: 0.4% of the draws; "
        "4 other rules do as well."
    )
    (refused,) = explanation(REST)
    assert refused.startswith("Param., no explanation: ")
    assert "It reproduces 1 of the cells left, Table 4 C (25.5). By chance as many: 4.2%" in refused


def test_what_is_not_explained_is_told_with_how_far_it_is_off() -> None:
    found = audit(
        first={("table6", "E", "params"): Fraction("27.25")}, offsets={"params": (Fraction(1, 4), Fraction(1))}
    )
    by_chance, none, constant = unexplained(found)
    assert by_chance.startswith("Table 5 D: Param. 26.5; the rule (") and by_chance.endswith(
        ") reproduces it, as chance could have it."
    )
    assert none.startswith("Table 6 E: Param. 27.5; P1 gives 27.250, -0.250 off; the nearest of 7 rules (")
    assert none.endswith(") misses by -0.250.")
    assert constant.startswith("One constant, +0.2500 to +1.0000 M, added to what P1 gives")
    assert len(list(unexplained(audit()))) == 2


def test_contradictions_are_told_with_the_numbers_that_make_them_and_counted_by_place() -> None:
    two = TwoValues("params", {"1.0": (("table2", "A"),), "1.1": (("table3", "B"), ("table4", "C"))}, "why")
    bent = Bent((CELLS[0], CELLS[1], CELLS[2]), {"rounded": (Fraction("1.815"), Fraction("1.825"))})
    turned = Reversed(CELLS[3], (CELLS[4],), rules=3)
    found = audit(
        two_values=(two,), bent=(bent, replace(bent, cells=(CELLS[3], CELLS[1], CELLS[2]))), reversed=(turned,)
    )
    assert list(contradictions(found))[::3] == [
        "One network, two values of Param.: 1.0 in Table 2 (A) and 1.1 in Table 3 (B), Table 4 (C) (why).",
        "Table 5: D is printed with 26.5 Param., less than Table 6 E (27.5); all 3 ways of counting give it more.",
    ]
    told = list(contradictions(found))[1]
    assert told.endswith("A (23.5) and C (25.5) put B at 1.815 to 1.825 if rounded; printed is 24.5.")
    assert list(headlines(found))[-1].startswith("The tables contradict themselves in 3 places")
    assert list(headlines(audit(two_values=(two,))))[-1].startswith("The tables contradict themselves in 1 place,")
