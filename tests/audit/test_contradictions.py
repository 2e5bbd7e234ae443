"""What contradicts itself is found by computation, and what does not is left alone."""

from fractions import Fraction

import pytest

from reidbench.audit.contradictions import IDENTITIES, bent_lines, reversed_orders, two_values
from reidbench.audit.verdicts import Printed, Readings, networks
from reidbench.spec import Column, Published, Row, Suite


def row(name: str, model: str, gflops: str, **options: object) -> Row:
    return Row(name, model, options, (Published({"gflops": gflops, "mAP": "80.0"}),))


def suite(*rows: Row) -> Suite:
    return Suite("made up", rows, (Column("complexity.gflops", "gflops"),), rows[0].name)


def mixtures(texts: dict[int, str]) -> list[Printed]:
    return [Printed("t", row(f"alpha {a}", "two_branch", text, alpha=a), "gflops", text) for a, text in texts.items()]


def test_one_network_with_two_values_is_found_whatever_it_is_called() -> None:
    suites = {"a": suite(row("Base", "baseline", "4.08")), "b": suite(row("whole", "baseline", "4.10", shrink=(1,)))}
    [found] = two_values(suites)
    assert found.key == "gflops" and found.places == {"4.08": (("a", "Base"),), "4.10": (("b", "whole"),)}
    assert not two_values({"a": suites["a"], "b": suite(row("half", "baseline", "4.10", shrink=(2,)))})
    assert not two_values({"a": suites["a"], "b": suite(row("whole", "baseline", "4.08"))})


def test_rows_that_are_one_network_by_the_papers_account_are_joined() -> None:
    (three, first), (four, second) = IDENTITIES[0].places
    made_up = {
        three: suite(row(first, "baseline", "2.55", shrink=(1, 2))),
        four: suite(row(second, "two_branch", "2.57", alpha=1)),
    }
    [found] = two_values(made_up)
    assert set(found.places) == {"2.55", "2.57"} and found.because == IDENTITIES[0].because


@pytest.mark.parametrize("rounding", [0, 0.005])
def test_what_a_mixture_can_cost_is_left_alone(rounding: float) -> None:
    texts = {a: f"{int((1.07 + 3.0 / (1 + a) + rounding) * 100) / 100:.2f}" for a in (1, 2, 3, 4)}
    assert bent_lines(mixtures(texts)) == []


def test_a_mixture_off_the_line_is_found_with_where_it_should_be() -> None:
    [found] = bent_lines(mixtures({1: "2.57", 3: "1.81", 4: "1.67"}))
    assert [cell.text for cell in found.cells] == ["1.67", "1.81", "2.57"]
    assert found.expected["truncated"] == (Fraction("1.82"), Fraction("1.83"))
    assert found.expected["rounded"] == (Fraction("1.815"), Fraction("1.825"))


def test_an_order_that_no_rule_has_is_found() -> None:
    cells = [
        Printed("t", row("small", "baseline", "4.08", shrink=(2,)), "gflops", "4.08"),
        Printed("t", row("large", "baseline", "1.02"), "gflops", "1.02"),
    ]
    names = ("gflops", "macs", "macs_fvcore", "macs_aten")
    macs = {network.name: 1e9 if "shrink=2" in network.name else 4e9 for network in networks(cells)}
    counts = {name: {**dict.fromkeys(names, count), "dimension": 2048.0} for name, count in macs.items()}
    [found] = reversed_orders([Readings(cell, counts) for cell in cells])
    assert found.cell.row.name == "large" and [cell.row.name for cell in found.below] == ["small"] and found.rules == 3
    swapped = [Printed("t", cells[0].row, "gflops", "1.02"), Printed("t", cells[1].row, "gflops", "4.08")]
    assert reversed_orders([Readings(cell, counts) for cell in swapped]) == []
    assert reversed_orders([Readings(cell, {}) for cell in cells]) == []
