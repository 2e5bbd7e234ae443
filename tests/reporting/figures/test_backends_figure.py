"""Each dashed line of counted operations is named at its end."""

import itertools
from collections.abc import Callable

import pytest

from reidbench.reporting.figures.backends import backends_figure
from reidbench.reporting.tables.table import Table


def test_lines_of_close_counts_have_names_apart(once: Callable[..., Table]) -> None:
    figure = backends_figure(once("backends"))
    assert figure is not None
    axis = figure.axes[1]
    figure.draw_without_rendering()
    named = {text.get_text().partition(" ")[2]: text for text in axis.texts if text.get_text()[0].isdigit()}
    assert set(named) == {"Base-S (128x64)", "TCLNet", "Two-branch (TB)", "BiCnet-TKS"}
    dashed = {line.get_color(): line.get_ydata()[0] for line in axis.lines if line.is_dashed()}
    shares = [float(text.get_text().partition(" ")[0]) for text in named.values()]
    assert sorted(shares) == pytest.approx(sorted(dashed.values()), abs=0.005)
    boxes = sorted((text.get_window_extent() for text in named.values()), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(boxes))
    assert all(axis.bbox.x1 < box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
