"""Differences between rows: a panel for each row that others are compared with, filled where 0 is outside."""

from collections.abc import Callable

import pytest
from matplotlib.axes import Axes

from reidbench.reporting.figures.differences import differences_figure
from reidbench.reporting.findings.differences import steps
from reidbench.reporting.tables.table import Table
from reidbench.spec import Cell

Fill = Callable[..., Table]


def of_recipe(cell: Cell) -> float:
    worse = cell.settings.get("recipe", {}).get("trunk") == ""
    return 0.2 if worse else 0.5


def points(axis: Axes) -> dict[str, tuple[float, bool]]:
    """The difference of each row in points, and whether its mark is filled."""
    names = [label.get_text().replace("\n", " ") for label in axis.get_yticklabels()]
    marks = [line for line in axis.lines if line.get_marker() == "s"]
    found = {}
    for line in marks:
        (value,), (place,) = line.get_xdata(), line.get_ydata()
        found[names[int(place)]] = (float(value), line.get_markerfacecolor() != "white")
    return found


@pytest.mark.parametrize("seeds", [1, 2])
def test_each_row_stands_under_the_one_that_it_is_compared_with(once: Fill, seeds: int) -> None:
    table = once("recipe", of_recipe, seeds=seeds)
    figure = differences_figure(table)
    assert figure is not None
    shown = {axis.get_title(loc="left"): points(axis) for axis in figure.axes}
    stated = {f"each row against {f.title.partition(' against ')[2]}": f.differences for f in steps(table)}
    assert list(shown) == list(stated)
    assert list(shown)[1] == "each row against BiCnet-TKS" and len(shown["each row against BiCnet-TKS"]) == 13
    for title, differences in stated.items():
        wanted = {each.name.removeprefix("BiCnet-TKS, ").removeprefix("Base-B, "): each for each in differences}
        assert list(shown[title]) == list(wanted)
        for name, (value, filled_in) in shown[title].items():
            assert value == pytest.approx(100 * wanted[name].gap.value) and filled_in == wanted[name].told
    drawn = shown["each row against BiCnet-TKS"]["trunk from random weights"]
    assert drawn == (pytest.approx(-30, abs=5), True)
    small_print = figure.texts[-1].get_text()
    assert ("seeds and 20 identities" in small_print) == (seeds > 1)
    assert ("without the chance of training" in small_print) == (seeds == 1)


def test_without_a_pair_there_is_nothing_to_draw(once: Fill) -> None:
    assert differences_figure(once("overhead")) is None
