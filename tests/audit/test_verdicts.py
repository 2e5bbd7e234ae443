"""Verdicts on made-up counts: exact, nearest, ambiguous; and what may be called an explanation."""

from dataclasses import replace
from fractions import Fraction

import pytest

from reidbench.audit.rules import Rule
from reidbench.audit.verdicts import LUCK, Printed, Readings, common_offset, judge, networks
from reidbench.spec import Published, Row

SIZES = (1, 2, 4)
FACTORS = {"gflops": 1.008, "macs": 1.0, "macs_fvcore": 1.004, "macs_aten": 1.0}


def cell(shrink: int, text: str, key: str = "gflops") -> Printed:
    row = Row(f"at {shrink}", "baseline", {"shrink": (shrink,)}, (Published({key: text}),))
    return Printed("table3", row, key, text)


def counts(cells: list[Printed], macs: float = 4.053e9, params: float = 23.512e6) -> dict[str, dict[str, float]]:
    found = {}
    for row in networks(cells):
        part = macs / row.options.get("shrink", (1,))[0] ** 2
        values = {name: part * factor for name, factor in FACTORS.items()}
        found[row.name] = {**values, "params": params, "dimension": 2048.0}
    return found


def verdict_on(text: str, **made_up: float):
    cells = [cell(1, text)]
    return judge([Readings(one, counts(cells, **made_up)) for one in cells])[0].verdicts[0]


def test_what_a_rule_prints_exactly_is_matched_and_counted() -> None:
    found = verdict_on("4.08")
    assert found.tried == 4 * 3 * 2, "four counters, three units, two roundings; no other part matters to this row"
    assert found.matching == 1 and found.shown.rule.counted == "ptflops" and found.shown.rule.rounding == "truncated"
    assert found.shown.gap == 0


def test_rounded_is_told_from_truncated() -> None:
    assert verdict_on("4.09").shown.rule.rounding == "rounded"


def test_what_no_rule_prints_has_its_nearest_and_the_gap() -> None:
    found = verdict_on("4.02")
    assert found.matching == 0 and found.step == 0
    assert found.shown.rule == Rule("gflops", "torch") and found.shown.gap == Fraction(4.053e9) / 10**9 - Fraction(
        "4.03"
    )


def test_another_printed_value_is_another_verdict() -> None:
    assert verdict_on("4.05").matching > 0 and verdict_on("4.02").matching == 0


def test_a_cell_of_few_digits_is_matched_by_many_rules() -> None:
    assert verdict_on("4.1").matching > verdict_on("4.08").matching


def test_a_network_that_is_not_counted_is_said_so() -> None:
    [judgement] = judge([Readings(cell(1, "4.08"), {})])
    [found] = judgement.verdicts
    assert found.shown is None and found.tried == 0 and found.incomplete and not judgement.steps


def printed_by_truth(key: str = "gflops") -> list[Printed]:
    """Many networks whose printed values one rule, ptflops truncated, gives."""
    rows = [Row(f"alpha {a}", "two_branch", {"alpha": a}) for a in range(1, 8)]
    return [Printed("table4", row, key, "") for row in rows]


def test_one_rule_for_all_is_an_explanation_and_arbitrary_values_are_not() -> None:
    cells = printed_by_truth()
    names = {row.name: row for row in networks(cells)}
    made_up = {}
    for i, (name, row) in enumerate(names.items()):
        macs = 1e9 + 4.9e9 / (1 + row.options["alpha"]) + (3.7e7 * (i % 5) if "small" in row.options else 0)
        made_up[name] = {**{q: macs * f for q, f in FACTORS.items()}, "params": 23.5e6, "dimension": 2048.0}
    truth = Rule("gflops", "ptflops")
    values = [Readings(replace(one, text="0.00"), made_up).value[truth] for one in cells]
    texts = [f"{int(number * 100) / 100:.2f}" for number in values]
    true = [Readings(replace(one, text=text), made_up) for one, text in zip(cells, texts, strict=True)]
    [judgement] = judge(true)
    assert judgement.steps[0].rule == truth and judgement.steps[0].luck <= LUCK
    assert judgement.explained == judgement.matched == len(cells)
    assert all(verdict.step == 1 for verdict in judgement.verdicts)
    assert judgement.levels["counted"]["ptflops"] == len(cells) > judgement.levels["unit"]["x2"]
    assert judgement.levels["rounding"]["truncated"] == len(cells) > judgement.levels["rounding"]["rounded"]

    moved = [f"{float(text) + 0.01 * (3 * i % 7 - 3):.2f}" for i, text in enumerate(texts)]
    [arbitrary] = judge([Readings(replace(one, text=text), made_up) for one, text in zip(cells, moved, strict=True)])
    assert arbitrary.explained < len(cells)
    assert all(step.luck <= LUCK for step in arbitrary.steps)
    assert arbitrary.refused is None or arbitrary.refused.luck > LUCK


def test_rules_can_be_left_out() -> None:
    cells = [cell(1, "4.08")]
    [judgement] = judge([Readings(one, counts(cells)) for one in cells], leave_out={"counted": "ptflops"})
    assert judgement.matched == 0 and judgement.verdicts[0].tried == 3 * 3 * 2
    assert not judgement.steps and judgement.refused is None, "what explains nothing is not what was refused"


@pytest.mark.parametrize(("second", "mended"), [("1.00", True), ("1.05", False)])
def test_a_common_offset_mends_all_or_there_is_none(second: str, mended: bool) -> None:
    cells = [cell(1, "4.04"), cell(2, second)]
    found = common_offset(Rule("gflops", "torch"), [Readings(one, counts(cells)) for one in cells])
    assert (found is not None) == mended
    if found:
        low, high = found
        for one in cells:
            number = Readings(one, counts(cells)).value[Rule("gflops", "torch")]
            assert Fraction(one.text) <= number + low < number + high <= Fraction(one.text) + Fraction(1, 100)
