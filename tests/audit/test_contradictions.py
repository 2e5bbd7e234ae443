"""What contradicts itself is found by computation, and what does not is left alone."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

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


def test_other_rows_of_a_table_say_nothing_of_a_network() -> None:
    first = row("half", "baseline", "1.02", shrink=(2,))
    cited = Row("cited", "", {}, (Published({"gflops": "9.99"}),))
    base, whole = row("Base", "baseline", "4.08"), row("whole", "baseline", "4.10", shrink=(1,))
    [found] = two_values({"a": suite(first, cited, base), "b": suite(first, whole)})
    assert found.places == {"4.08": (("a", "Base"),), "4.10": (("b", "whole"),)}


def test_a_network_of_one_place_of_an_identity_is_found_once() -> None:
    (three, first), _ = IDENTITIES[0].places
    rows = [row(first, "baseline", "2.55", shrink=(1, 2)), row("again", "baseline", "2.57", shrink=(1, 2))]
    assert len(two_values({three: suite(*rows)})) == 1


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


def test_a_line_is_drawn_through_the_costs_of_mixtures_alone() -> None:
    on_a_line = mixtures({1: "2.57", 3: "1.82", 4: "1.67"})
    base = Printed("t", row("Base", "baseline", "4.08"), "gflops", "4.08")
    parameters = [Printed("t", cell.row, "params", text) for cell, text in zip(on_a_line, "192", strict=True)]
    assert bent_lines([*on_a_line, base, *parameters]) == []


def test_one_mixture_with_two_costs_is_on_no_line() -> None:
    again = mixtures({1: "2.60"})
    [found] = bent_lines([*mixtures({1: "2.57", 3: "1.82"}), *again])
    assert [cell.text for cell in found.cells] == ["1.82", "2.57", "2.60"]
    assert bent_lines([*again, *again, *mixtures({1: "2.57"})]) == [], "which no line has to pass"


def read(text: str, **values: int) -> Any:
    """A cell with its value under some rules."""
    cell = Printed("t", row(f"of {text}", "baseline", text), "gflops", text)
    return SimpleNamespace(cell=cell, value={rule: Fraction(number) for rule, number in values.items()})


@pytest.mark.parametrize(
    ("low", "high", "rules"),
    [
        (read("1.0", a=4, b=4), read("2.0", a=3, b=3), 1),
        (read("1.0", a=4, b=5), read("2.0", a=3, b=3), 2),
        (read("1.0", a=4, b=1), read("2.0", a=3), 1),
        (read("1.0", a=4), read("2.0", a=3, b=9), 1),
        (read("1.0", a=4, b=3), read("2.0", a=3, b=3), 0),
        (read("1.0", a=4, b=2), read("2.0", a=3, b=3), 0),
        (read("1.0", a=4), read("2.0", b=3), 0),
        (read("2.0", a=4), read("2.00", a=3), 0),
    ],
)
def test_an_order_is_reversed_where_each_rule_that_holds_for_both_has_the_other(
    low: Any, high: Any, rules: int
) -> None:
    found = reversed_orders([high, low])
    assert [(each.cell, each.below, each.rules) for each in found] == (
        [(low.cell, (high.cell,), rules)] if rules else []
    )


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
