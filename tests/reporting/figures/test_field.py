"""A whole field of methods against each kind of cost, with named Pareto fronts."""

from collections.abc import Callable
from dataclasses import replace

from matplotlib.figure import Figure
from matplotlib.text import Annotation

from reidbench import registry
from reidbench.reporting.figures.field import field_figure
from reidbench.reporting.tables import Table
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


def named(figure: Figure) -> list[set[str]]:
    return [{text.get_text() for text in axis.texts if isinstance(text, Annotation)} for axis in figure.axes]


def test_each_cost_and_device_has_a_panel_with_its_unit(filled: Fill) -> None:
    figure = fields(filled("rivals", values, gpu="Imaginary GPU"))
    assert [axis.get_xlabel() for axis in figure.axes[:3]] == ["MACs/frame (G)", *["Latency/frame (ms)"] * 2]
    titles = [axis.get_title().partition("\n")[0] for axis in figure.axes[:3]]
    assert titles == ["counted at the paper's scale", "cpu, fp32, 2 threads", "cuda, fp32"]
    assert figure.axes[0].get_ylabel() == figure.axes[2].get_ylabel() == "mAP (%)"
    assert all(any(label.get_text() for label in axis.get_xticklabels()) for axis in figure.axes[:3])


def test_costs_that_differ_widely_stand_on_a_logarithmic_axis(filled: Fill) -> None:
    wide = fields(filled("rivals", values)).axes[1]
    assert wide.get_xscale() == "log"
    ticks = [label.get_text() for label in wide.get_xticklabels()]
    assert len(ticks) >= 3 and all(float(tick) > 0 for tick in ticks)
    close = fields(filled("rivals", lambda cell: 1.0 + 0.01 * PLACE[cell.row]))
    assert [axis.get_xscale() for axis in close.axes[:2]] == ["linear", "linear"]


def test_the_front_is_named_and_holds_what_none_beats(filled: Fill) -> None:
    _, by_time = named(fields(filled("rivals", values, seeds=1)))
    assert by_time == {row.name for row in ROWS[:-1]}


def test_approximate_rows_are_hollow_and_all_rows_stand_in_the_legend(filled: Fill) -> None:
    (legend,) = fields(filled("rivals", values)).legends
    looks = {text.get_text(): line for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)}
    assert list(looks) == [row.name for row in ROWS]
    hollow = {name for name, line in looks.items() if line.get_markerfacecolor() == "white"}
    assert hollow == {row.name for row in ROWS if row.approximate} > {"MGRAFA", "DRSA", "STGCN"}
    assert len({(line.get_marker(), line.get_color()) for line in looks.values()}) == len(ROWS)


def test_dotted_lines_cross_at_the_reference(filled: Fill) -> None:
    _, axis = fields(filled("rivals", values, seeds=1)).axes
    dotted = [line for line in axis.lines if line.get_linestyle() == ":"]
    (point,) = [line for line in axis.lines if _at(line) == (dotted[1].get_xdata()[0], dotted[0].get_ydata()[0])]
    assert point.get_marker() not in ("None", None)


def _at(line) -> tuple[float, float] | None:
    return (line.get_xdata()[0], line.get_ydata()[0]) if len(line.get_xdata()) == 1 else None


def test_a_panel_that_lacks_a_row_says_so_and_has_no_front(filled: Fill) -> None:
    table = filled("rivals", values)
    heading = next(heading for heading in table.headings if heading.column.quantity == "complexity.macs")
    place = ("COSAM", heading.index)
    missing = replace(table, entries={**table.entries, place: replace(table.entries[place], state="missing")})
    counted, timed = fields(missing).axes
    assert f"\n{len(ROWS) - 1} of {len(ROWS)} rows, the others lack a number" in counted.get_title()
    front, other = named(fields(missing))
    assert not front and other and "lack" not in timed.get_title()


def test_without_an_accuracy_there_is_nothing_to_draw(filled: Fill) -> None:
    table = filled("rivals", values)
    costs = tuple(heading for heading in table.headings if not heading.training)
    assert field_figure(replace(table, headings=costs)) is None
