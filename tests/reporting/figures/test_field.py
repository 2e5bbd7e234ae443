"""A whole field of methods against each kind of cost, with the rows on its Pareto front."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from matplotlib.figure import Figure

from reidbench import registry
from reidbench.reporting.figures.field import field_figure
from reidbench.reporting.figures.front import KEPT
from reidbench.reporting.figures.style import seed_values
from reidbench.reporting.tables.table import Table
from reidbench.spec import Cell

Fill = Callable[..., Table]
ROWS = [row for row in registry.suite("rivals").rows if row.model]
PLACE = {row.name: number for number, row in enumerate(ROWS)}


def values(cell: Cell) -> float:
    """Accuracy and time rise together from row to row, but the last row is slow and no better than the first."""
    place = PLACE[cell.row]
    if cell.measurement == "accuracy":
        return 0.5 if cell.row == ROWS[-1].name else 0.5 + 0.01 * place
    return 0.01 * (1 + place)


def fields(table: Table) -> Figure:
    figure = field_figure(table)
    assert figure is not None
    return figure


def names(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def squares(figure: Figure) -> list[set[str]]:
    """The rows of each panel that are marked as on the front."""
    rows = names(figure)
    return [{rows[int(line.get_ydata()[0])] for line in axis.lines if line.get_marker() == "s"} for axis in figure.axes]


def test_each_cost_and_device_has_a_panel_with_its_unit(once: Fill) -> None:
    figure = fields(once("rivals", values, gpu="Imaginary GPU"))
    labels = ["mAP (%)", "MACs/frame (G)", *["Latency/frame (ms),\nlog scale"] * 2]
    assert [axis.get_xlabel() for axis in figure.axes] == labels
    titles = [axis.get_title().replace("\n", " ") for axis in figure.axes[1:]]
    assert titles == ["counted at the paper's scale", "cpu, fp32, 2 threads", "cuda, fp32"]
    figure.draw_without_rendering()
    boxes = [axis.title.get_window_extent() for axis in figure.axes[1:]]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_costs_that_differ_widely_stand_on_a_logarithmic_axis(once: Fill) -> None:
    wide = fields(once("rivals", values, seeds=1)).axes[2]
    assert wide.get_xscale() == "log"
    ticks = [label.get_text() for label in wide.get_xticklabels()]
    assert wide.get_xlabel().endswith("log scale")
    assert len(ticks) >= 3 and all(float(tick) > 0 for tick in ticks)
    close = fields(once("rivals", lambda cell: 1.0 + 0.01 * PLACE[cell.row], seeds=1))
    assert [axis.get_xscale() for axis in close.axes[1:]] == ["linear", "linear"]
    assert not any("log" in axis.get_xlabel() for axis in close.axes)


def test_rows_stand_by_their_accuracy_each_on_a_line_of_its_own(once: Fill) -> None:
    figure = fields(once("rivals", values, seeds=1))
    expected = [f"{row.name} \N{ALMOST EQUAL TO}" if row.approximate else row.name for row in ROWS[::-1]]
    assert names(figure)[:-2] == expected[1:-1]
    for axis in figure.axes:
        places = [float(line.get_ydata()[0]) for line in axis.lines if line.get_markersize() == KEPT["ms"]]
        assert sorted(places) == list(range(len(ROWS)))


def test_each_seed_has_a_small_mark_below_its_row(once: Fill) -> None:
    table = once("rivals", values, seeds=3)
    accuracy, *costs = fields(table).axes
    seeds = [line for line in accuracy.lines if line.get_markerfacecolor() == "white"]
    assert sorted(round(float(line.get_ydata()[0])) for line in seeds) == list(range(len(ROWS)))
    heading = table.trained()
    assert heading is not None
    expected = [sorted(seed_values(heading.quantity, records)) for _, records in table.fresh(heading).values()]
    assert sorted(sorted(line.get_xdata()) for line in seeds) == sorted(expected)
    assert not [line for axis in costs for line in axis.lines if line.get_markerfacecolor() == "white"]


def test_square_are_the_rows_that_none_of_their_cost_or_less_beats(once: Fill) -> None:
    figure = fields(once("rivals", values, seeds=1))
    overall, by_macs, by_time = squares(figure)
    assert by_time == set(names(figure)) - {ROWS[-1].name}
    assert overall == by_macs | by_time


def test_a_dotted_line_stands_at_the_reference(once: Fill) -> None:
    figure = fields(once("rivals", values, seeds=1))
    place = names(figure).index("Base-B (256x128)")
    for axis in figure.axes:
        (dotted,) = [line for line in axis.lines if line.get_linestyle() == ":"]
        (mark,) = [line for line in axis.lines if line.get_markersize() == KEPT["ms"] and line.get_ydata()[0] == place]
        assert dotted.get_xdata()[0] == mark.get_xdata()[0]


def test_a_panel_that_lacks_a_row_says_so(once: Fill) -> None:
    table = once("rivals", values, seeds=1)
    heading = next(heading for heading in table.headings if heading.column.quantity == "complexity.macs")
    place = ("COSAM", heading.index)
    missing = replace(table, entries={**table.entries, place: replace(table.entries[place], state="missing")})
    figure = fields(missing)
    _, counted, timed = figure.axes
    assert f"\n{len(ROWS) - 1} of {len(ROWS)} rows" in counted.get_title() and "rows" not in timed.get_title()
    assert "COSAM" in names(figure) and "COSAM" not in squares(figure)[1]


def test_without_an_accuracy_there_is_nothing_to_draw(once: Fill) -> None:
    table = once("rivals", values, seeds=1)
    costs = tuple(heading for heading in table.headings if not heading.training)
    assert field_figure(replace(table, headings=costs)) is None
