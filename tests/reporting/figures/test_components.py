"""Every combination over its matrix, and what each component adds over all the others."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reidbench.reporting.figures.components import components_figure
from reidbench.reporting.figures.style import SEED
from reidbench.reporting.findings.sentences import findings
from reidbench.reporting.tables.components import combinations, effects
from reidbench.reporting.tables.table import Table, heading_of
from reidbench.spec import Cell
from reidbench.statistics import Estimate

Fill = Callable[..., Table]


def made_up(cell: Cell) -> float:
    """TKS is worth 20 points, CSP 10 of them only together with TKS, DAO nothing; each costs a tenth of the time."""
    tks, csp = cell.options.get("temporal") == "tks", cell.options.get("csp", False)
    dao = cell.options.get("attention") == "dao"
    if cell.measurement == "accuracy":
        return 0.5 + 0.2 * tks + 0.1 * (tks and csp)
    return 0.2 + 0.02 * (tks + csp + dao)


def test_an_effect_is_the_mean_over_all_combinations_of_the_others(once: Fill) -> None:
    table = once("components", made_up)
    accuracy = heading_of(table, "accuracy.mAP")
    assert accuracy is not None
    found = {effect.part: effect for effect in effects(table, accuracy)}
    assert {part: effect.pairs for part, effect in found.items()} == {"CSP": 4, "DAO": 4, "TKS": 4}
    assert found["TKS"].difference.value == pytest.approx(0.25, abs=0.01)
    assert found["CSP"].difference.value == pytest.approx(0.05, abs=0.01)
    assert found["DAO"].difference.low < 0 < found["DAO"].difference.high
    assert found["TKS"].difference.low > 0.2


def test_a_cost_in_time_is_compared_within_its_session_and_a_count_as_it_is(once: Fill) -> None:
    table = once("components", made_up)
    ratio, params = heading_of(table, "latency.ratio"), heading_of(table, "complexity.params")
    assert ratio is not None and params is not None
    assert [e.difference.value for e in effects(table, ratio)] == pytest.approx([0.04] * 3)
    assert [(e.difference.value, e.pairs) for e in effects(table, params)] == [(0, 4)] * 3


def test_the_effect_on_a_count_is_the_mean_over_the_pairs_of_which_both_are_measured(once: Fill) -> None:
    """CSP costs 4 M, TKS 1 M, and 2 M more together."""
    table = once("components", made_up)
    params = heading_of(table, "complexity.params")
    assert params is not None
    entries = dict(table.entries)
    for name, parts in combinations(table).items():
        value = 4.0 * ("CSP" in parts) + ("TKS" in parts) + 2.0 * ({"CSP", "TKS"} <= parts)
        entries[name, params.index] = replace(entries[name, params.index], estimate=Estimate(value))

    def found() -> dict[str, tuple[float, int]]:
        made = effects(replace(table, entries=entries), params)
        return {each.part: (pytest.approx(each.difference.value), each.pairs) for each in made}

    assert found() == {"CSP": ((4 + 4 + 6 + 6) / 4, 4), "DAO": (0, 4), "TKS": ((1 + 1 + 3 + 3) / 4, 4)}
    entries["TB+CSP+TKS", params.index] = replace(entries["TB+CSP+TKS", params.index], state="failed")
    assert found() == {"CSP": ((4 + 4 + 6) / 3, 3), "DAO": (0, 3), "TKS": ((1 + 1 + 3) / 3, 3)}


def test_the_reference_row_is_no_combination(once: Fill) -> None:
    held = combinations(once("components"))
    assert len(held) == 8
    assert "Base-B (256x128)" not in held
    assert held["TB+CSP+TKS"] == {"CSP", "TKS"}


def test_the_matrix_has_a_dot_for_each_component_that_is_there(once: Fill) -> None:
    figure = components_figure(once("components", made_up))
    assert figure is not None
    matrix = figure.axes[1]
    assert [tick.get_text() for tick in matrix.get_yticklabels()] == ["CSP", "DAO", "TKS"]
    filled_dots = sum(
        len(line.get_xdata()) for line in matrix.lines if line.get_marker() == "o" and line.get_color() == "black"
    )
    assert filled_dots == 3 * 4


def test_the_reference_stands_before_the_combinations_without_dots(once: Fill) -> None:
    figure = components_figure(once("components", made_up))
    assert figure is not None
    bars, matrix = figure.axes[:2]
    assert [tick.get_text() for tick in matrix.get_xticklabels()] == ["Base-B\n(256x128)"]
    assert list(matrix.get_xticks()) == [0] and len(bars.patches) == 9
    assert [bar.get_hatch() for bar in bars.patches] == ["///", *[""] * 8]
    assert not any(0 in line.get_xdata() for line in matrix.lines if line.get_marker() == "o")


def test_differences_of_percentages_are_in_points_and_no_title_says_a_thing_twice(once: Fill) -> None:
    figure = components_figure(once("components", made_up))
    assert figure is not None
    bars, _, *effects_of = figure.axes
    assert bars.get_ylabel() == "mAP (%)"
    titles = [axis.get_title(loc="left") for axis in effects_of]
    assert titles[:3] == ["mAP (pp)", "mAP emblem (pp)", "mAP tempo (pp)"]
    assert not any("%" in title for title in titles)
    assert figure.get_suptitle() == "What each component adds"


def test_each_seed_has_a_mark_over_its_bar(once: Fill) -> None:
    figure = components_figure(once("components", made_up, seeds=3))
    assert figure is not None
    marks = [line for line in figure.axes[0].lines if line.get_markersize() == SEED["ms"]]
    assert len(marks) == 9
    for place, line in enumerate(marks):
        assert len(line.get_ydata()) == 3 and all(abs(x - place) < 0.3 for x in line.get_xdata())


def test_the_findings_say_what_each_component_adds(once: Fill) -> None:
    title = "mAP with a component minus without it, over 4 pairs of rows: "
    (found,) = (line for line in findings(once("components", made_up)) if line.startswith(title))
    assert found.startswith(f"{title}beyond the noise CSP +5.")
    assert "; TKS +2" in found and "DAO " in found
