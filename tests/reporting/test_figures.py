from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import COLUMNS, ROWS, Bench
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from reidbench.reporting.figures.accuracy import accuracy_figure
from reidbench.reporting.figures.factors import factor_figure
from reidbench.reporting.figures.front import KEPT, Point, front
from reidbench.reporting.figures.images import sheet_title
from reidbench.reporting.figures.latency import latency_figure
from reidbench.reporting.figures.rows import rows_figure
from reidbench.reporting.figures.style import (
    LOOKALIKES,
    OTHER_SCALE,
    SEED,
    STYLE,
    entitle,
    new_figure,
    seed_values,
    title,
)
from reidbench.reporting.tables.table import assemble
from reidbench.store import Store


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_the_front_holds_exactly_the_points_that_none_of_their_cost_or_less_beats(pairs):
    points = [Point(str(i), x, y) for i, (x, y) in enumerate(pairs)]
    kept = front(points, lambda one, other: one.y > other.y)
    best = {x: max(p.y for p in points if p.x <= x) for x, _ in pairs}
    assert kept == {p.name for p in points if p.y == best[p.x]}


def seed_lines(axis):
    return [line for line in axis.lines if (line.get_markerfacecolor(), line.get_markersize()) == ("white", SEED["ms"])]


def test_each_seed_has_a_small_mark_below_its_rows_mean_within_the_axes(bench):
    bench.seeds = 3
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    costs, axis, _ = accuracy_figure(table).axes
    names = [label.get_text() for label in costs.get_yticklabels()]
    assert names == ["Small", "Full", "Base"], "the cheapest on top"
    heading = table.headings[0]
    known = {
        (names.index(name) + 0.3, *seed_values(heading.quantity, records))
        for name, (_, records) in table.fresh(heading).items()
    }
    marks = {(float(line.get_ydata()[0]), *line.get_xdata()) for line in seed_lines(axis)}
    assert marks == known and len(marks) == 3
    low, high = axis.get_xlim()
    assert all(len(own) == 4 and all(low < value < high for value in own[1:]) for own in marks)


def test_the_legend_says_what_square_diamond_and_round_mean(bench):
    bench.save_all()
    figure = accuracy_figure(assemble(bench.plan, bench.store))
    (legend,) = figure.legends
    assert [handle.get_marker() for handle in legend.legend_handles] == ["s", "D", "o"]
    for axis in figure.axes:
        assert {line.get_marker() for line in marks_of(axis)} == {"s", "o"}, "Base is beaten by what costs less"


def marks_of(axis):
    return [line for line in axis.lines if line.get_markersize() == KEPT["ms"]]


def test_times_of_two_sessions_are_said_not_to_be_compared(bench):
    bench.save_all()
    assert "sessions" not in latency_figure(assemble(bench.plan, bench.store)).axes[0].get_title()
    record = bench.store.load(bench.cell(ROWS[0], COLUMNS[5]))
    bench.store.save(replace(record, started="2026-01-02T00:00:00"))
    title = latency_figure(assemble(bench.plan, bench.store)).axes[0].get_title()
    assert "from 2 sessions: compare the ratios" in title


def test_each_seed_has_a_small_mark_over_its_bar(bench):
    bench.seeds = 3
    bench.save_all()
    axis = factor_figure(assemble(bench.plan, bench.store)).axes[0]
    bars = [bar for group in axis.containers if hasattr(group[0], "get_hatch") for bar in group]
    assert len(seed_lines(axis)) == len(bars) == 9
    for bar, line in zip(bars, seed_lines(axis), strict=True):
        assert all(bar.get_x() < x < bar.get_x() + bar.get_width() for x in line.get_xdata())
        assert np.mean(line.get_ydata()) == pytest.approx(bar.get_height(), abs=0.01)


def test_one_seed_has_no_mark_of_its_own(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    for draw in (accuracy_figure, factor_figure):
        assert not [y for axis in draw(table).axes for line in seed_lines(axis) for y in line.get_ydata()]


@pytest.mark.parametrize("draw", [accuracy_figure, factor_figure, rows_figure])
def test_the_picture_itself_says_what_whiskers_and_small_marks_are(bench, draw):
    for seeds, told in ((1, False), (2, True)):
        bench.seeds = seeds
        bench.save_all()
        small = " ".join(draw(assemble(bench.plan, bench.store)).texts[-1].get_text().split())
        assert (
            "identities, look-alikes as one, without the chance of training" in small and "whiskers: 95 % over" in small
        )
        assert ("small hollow marks: seeds" in small) == told


@pytest.mark.parametrize("draw", [accuracy_figure, rows_figure])
def test_published_values_are_said_to_have_another_scale(bench, draw):
    bench.save_all()
    *others, published = draw(assemble(bench.plan, bench.store)).axes
    assert OTHER_SCALE in published.get_title().replace("\n", " ")
    assert not any(OTHER_SCALE in axis.get_title() for axis in others)


def test_rows_without_a_number_are_counted(bench, tmp_path):
    bench.save_all()
    assert not any("lack" in axis.get_title() for axis in accuracy_figure(assemble(bench.plan, bench.store)).axes)

    other = Bench(Store(tmp_path / "less", "made-up"))
    for cell in other.plan.all_cells():
        if (cell.row, cell.measurement) != ("Base", "complexity"):
            other.save(cell)
    costs, measured, published = accuracy_figure(assemble(other.plan, other.store)).axes
    assert "\n2 of 3 rows" in measured.get_title() and "rows" not in published.get_title()
    assert [label.get_text() for label in costs.get_yticklabels()][-1] == "Base", "by its published cost"


def test_measured_and_published_accuracy_of_other_data_never_share_an_axis(bench):
    bench.save_all()
    costs, measured, published = accuracy_figure(assemble(bench.plan, bench.store)).axes
    assert "synthetic" in measured.get_title() and "mars" in published.get_title()
    assert max(line.get_xdata()[0] for line in marks_of(measured)) < 70
    assert [line.get_markerfacecolor() for line in marks_of(published)] == ["white"] * len(ROWS)
    strokes = {line.get_xdata()[0] for line in costs.lines if line.get_marker() == "|"}
    assert strokes == {1.02, 1.99, 4.08}, "but their costs do"
    assert sorted(line.get_xdata()[0] for line in marks_of(costs)) == pytest.approx([1.02, 2.0, 4.08])


def test_the_latency_figure_prints_the_ratio_to_the_reference(bench):
    bench.save_all()
    figure = latency_figure(assemble(bench.plan, bench.store))
    texts = " ".join(text.get_text() for axis in figure.axes for text in axis.texts)
    assert len(figure.axes) == 1, "the absent CUDA column has no panel"
    assert "(reference)" in texts and "x 0.65" in texts


def test_a_row_without_a_value_keeps_its_place_with_its_state(bench):
    bench.save_all(without="Full")
    figure = latency_figure(assemble(bench.plan, bench.store))
    assert any(text.get_text().strip() == "missing" for text in figure.axes[0].texts)


def test_each_group_of_bars_has_its_own_floor_and_the_legend_names_it_once(bench):
    bench.save_all()
    figure = factor_figure(assemble(bench.plan, bench.store))
    axis = figure.axes[0]
    marks = [lines for lines in axis.collections if lines.get_linestyle()[0][1] is not None]
    levels = [{round(float(y), 6) for segment in lines.get_segments() for y in segment[:, 1]} for lines in marks]
    assert levels == [{25.0}, {20.0}, {30.0}], "overall, emblem, tempo"
    bars = [container for container in axis.containers if hasattr(container[0], "get_hatch")]
    for lines, group in zip(marks, bars, strict=True):
        spans = [tuple(segment[:, 0]) for segment in lines.get_segments()]
        assert spans == [pytest.approx((bar.get_x(), bar.get_x() + bar.get_width())) for bar in group]
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels.count(LOOKALIKES) == 1


def test_a_latency_of_few_rounds_is_drawn_without_an_interval(bench):
    bench.save_all()
    for row in ROWS:
        record = bench.store.load(bench.cell(row, COLUMNS[5]))
        few = {name: readings[:3] for name, readings in record.samples.items()}
        bench.store.save(replace(record, samples=few))
    axis = latency_figure(assemble(bench.plan, bench.store)).axes[0]
    assert np.isfinite([text.get_position()[0] for text in axis.texts]).all()


def test_a_long_name_of_a_machine_leaves_the_title_within_the_figure(bench):
    bench.save_all()
    table = replace(assemble(bench.plan, bench.store), machine="-".join(["a-machine-of-a-long-name"] * 3))
    with matplotlib.rc_context(STYLE):
        for draw in (accuracy_figure, latency_figure, factor_figure):
            figure = draw(table)
            figure.draw_without_rendering()
            (heading,) = (text for text in figure.texts if "long-name" in text.get_text())
            box = heading.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= figure.bbox.width


@pytest.mark.parametrize(
    ("name", "what", "title_of_figure"),
    [
        ("table12", "mAP by row", "Paper's Table 12: mAP by row"),
        ("figure3", "where it lies", "Paper's Figure 3: where it lies"),
        ("table2b", "where it lies", "Where it lies"),
        ("mine", "mAP by row", "mAP by row"),
        ("mine", " ".join("m" * 60), f"M {' '.join('m' * 43)}\n{' '.join('m' * 16)}"),
    ],
)
def test_a_figure_says_what_it_shows_and_which_table_of_the_paper_it_is_of(bench, name, what, title_of_figure):
    assert title(assemble(replace(bench.plan, name=name), bench.store), what) == title_of_figure


def test_a_title_of_two_lines_keeps_clear_of_the_small_print(bench):
    table = assemble(bench.plan, bench.store)
    what = "a title that says at length what the figure is of, which is all of it, and that takes two lines"
    with matplotlib.rc_context(STYLE):
        figure = new_figure(7.2, 2)
        figure.subplots()
        entitle(figure, table, what)
        sheet = Figure(figsize=(7.2, 2))
        FigureCanvasAgg(sheet)
        sheet_title(sheet, title(table, what), f"on {table.machine}")
        for drawn in (figure, sheet):
            drawn.draw_without_rendering()
            (head,) = (text for text in drawn.findobj(Text) if "at length" in text.get_text())
            (small,) = (text for text in drawn.texts if text is not head and f"on {table.machine}" in text.get_text())
            assert head.get_text().count("\n") == 1
            assert head.get_window_extent().y0 >= small.get_window_extent().y1 - 1


def test_bars_differ_in_hatch_and_not_in_colour_alone(bench):
    bench.save_all()
    figure = factor_figure(assemble(bench.plan, bench.store))
    containers = figure.axes[0].containers
    hatches = [container[0].get_hatch() for container in containers if hasattr(container[0], "get_hatch")]
    assert len(hatches) == len(set(hatches)) == 3


@pytest.mark.parametrize("draw", [accuracy_figure, latency_figure, factor_figure])
def test_nothing_measured_draws_nothing(bench, draw):
    assert draw(assemble(bench.plan, bench.store)) is None


def test_an_accuracy_is_drawn_row_by_row_with_its_seeds_and_what_was_published(bench):
    assert rows_figure(assemble(bench.plan, bench.store)) is None
    bench.seeds = 3
    bench.save_all(without="Small")
    table = assemble(bench.plan, bench.store)
    measured, published = rows_figure(table).axes
    assert [tick.get_text() for tick in measured.get_yticklabels()] == ["Small", "Base", "Full"]
    fresh = table.fresh(table.headings[0])
    means = {(float(line.get_ydata()[0]), float(line.get_xdata()[0])) for line in measured.lines if line.get_ms() == 6}
    assert means == {(1.0, 100 * fresh["Base"][0].value), (2.0, 100 * fresh["Full"][0].value)}
    assert [len(line.get_xdata()) for line in measured.lines if line.get_ms() == SEED["ms"]] == [3, 3]
    (hollow,) = published.lines
    assert list(zip(hollow.get_ydata(), hollow.get_xdata(), strict=True)) == [(0, 80.7), (1, 85.2), (2, 86.0)]
