"""What is marked as worth its cost: the front, and what is not told apart from it."""

from collections.abc import Callable
from itertools import pairwise

import matplotlib
import pytest
from matplotlib.axes import Axes

from reidbench.reporting.figures.accuracy import accuracy_figure
from reidbench.reporting.figures.front import KEPT
from reidbench.reporting.figures.style import STYLE
from reidbench.reporting.tables.table import Table
from reidbench.spec import Cell

Fill = Callable[..., Table]
ACCURACY = {"alpha 4": 0.6801, "alpha 3": 0.60, "alpha 2": 0.6802, "alpha 1": 0.6803, "alpha 0 (Base-B)": 0.6799}


def of_table4(cell: Cell) -> float:
    return ACCURACY.get(cell.row, 0.5)


def marked(axis: Axes, names: list[str], mark: str) -> set[str]:
    """The rows with a mark: "s" on the front, "D" not told apart from it, "o" behind."""
    return {names[int(line.get_ydata()[0])] for line in axis.lines if _is_mark(line) and line.get_marker() == mark}


def _is_mark(line) -> bool:
    return line.get_markersize() == KEPT["ms"]


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_row_not_told_apart_from_the_front_is_marked_so(once: Fill, seeds: int) -> None:
    figure = accuracy_figure(once("table4", of_table4, seeds=seeds))
    assert figure is not None
    costs, measured, published = figure.axes
    names = [label.get_text() for label in costs.get_yticklabels()]
    for axis in (measured, costs):
        near = marked(axis, names, "s") | marked(axis, names, "D")
        assert near == {"alpha inf (Base-S)", "alpha 4", "alpha 2", "alpha 1", "alpha 0 (Base-B)"}
        assert marked(axis, names, "o") == {"alpha 3"}, "eight points less than alpha 4"
        if seeds == 1:
            assert marked(axis, names, "D") == {"alpha 0 (Base-B)"}, "less than cheaper rows by 0.04 points"
    assert marked(published, names, "s") == set(names), "each row is better by its printed value"


def test_rows_stand_by_rising_cost_with_their_counts_of_macs(once: Fill) -> None:
    figure = accuracy_figure(once("table4", of_table4))
    assert figure is not None
    assert figure.axes[0].get_xlabel().startswith("MACs/frame (G)")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["alpha inf (Base-S)", "alpha 4", "alpha 3", "alpha 2", "alpha 1", "alpha 0 (Base-B)"]
    counts = [float(text.get_text()) for text in figure.axes[0].texts]
    assert sorted(counts) == sorted(set(counts)) and len(counts) == 6
    assert max(counts) == pytest.approx(4.05)


@pytest.mark.parametrize("suite", ["table2", "table3", "table6"])
def test_titles_do_not_meet_and_costs_stand_within_their_panel(once: Fill, suite: str) -> None:
    with matplotlib.rc_context(STYLE):
        figure = accuracy_figure(once(suite))
        assert figure is not None
        figure.draw_without_rendering()
    boxes = [axis.title.get_window_extent() for axis in figure.axes]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    costs = figure.axes[0]
    assert len(costs.texts) >= 5
    assert all(text.get_window_extent().x1 <= costs.bbox.x1 for text in costs.texts)


def test_approximate_rows_are_marked_as_in_the_tables(once: Fill) -> None:
    figure = accuracy_figure(once("table1"))
    assert figure is not None
    names = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert {"IAUnet \N{ALMOST EQUAL TO}", "STMP \N{ALMOST EQUAL TO}", "GLTP"} <= names
    assert any("\N{ALMOST EQUAL TO} approximate" in text.get_text() for text in figure.texts)
