"""Figures look alike whatever the user has set for figures of their own, and however few rows they have."""

import warnings
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.figure import Figure

from reidbench.reporting.figures import FIGURES, MADE_BY, write_figure
from reidbench.reporting.figures.style import STYLE, new_figure, settle, styled
from reidbench.reporting.tables.table import Table

Fill = Callable[..., Table]
OWN = {"text.usetex": True, "text.color": "white", "axes.facecolor": "black", "lines.linewidth": 9.0}


def line() -> Figure:
    figure = new_figure(3, 2)
    axis = figure.subplots()
    axis.plot([1, 2])
    axis.set_title("95 % of $these")
    return figure


def test_what_a_matplotlibrc_sets_reaches_no_figure_and_holds_again_afterwards(tmp_path: Path) -> None:
    plain = [path.read_bytes() for path in write_figure(line, tmp_path / "plain", "stamp")]
    with matplotlib.rc_context(OWN):
        before = dict(matplotlib.rcParams)
        own = [path.read_bytes() for path in write_figure(line, tmp_path / "own", "stamp")]
        assert dict(matplotlib.rcParams) == before
        with styled():
            assert {name: matplotlib.rcParams[name] for name in STYLE} == STYLE
            assert all(matplotlib.rcParams[name] == matplotlib.rcParamsDefault[name] for name in OWN)
    assert own == plain


def test_the_svg_is_what_matplotlib_draws_without_its_indentation(tmp_path: Path) -> None:
    (svg, _) = write_figure(line, tmp_path / "line", "stamp")
    with styled():
        settle(figure := line())
        figure.savefig(tmp_path / "plain.svg", metadata={"Date": None, "Identifier": MADE_BY})
    plain = (tmp_path / "plain.svg").read_text()
    assert [text.strip() for text in plain.splitlines()] == svg.read_text().splitlines() != plain.splitlines()
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")


@pytest.mark.parametrize("row", ["Base-S (128x64)", "BiCnet-TKS"])
@pytest.mark.parametrize(
    ("suite", "name"),
    [*(("table2", name) for name in ("accuracy", "rows", "latency", "factors")), ("rivals", "field")],
)
def test_a_figure_of_one_row_has_room_for_it(suite: str, name: str, row: str, once: Fill) -> None:
    with styled(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = FIGURES[name].draw(once(suite, rows=(row,)))
        assert figure is not None
        figure.draw_without_rendering()
        assert all(axis.get_window_extent().height > 0.25 * figure.dpi for axis in figure.axes)
