"""One panel a factor, its levels in order, the level of look-alikes in each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes

from reidbench import registry
from reidbench.reporting.figures.stress import stress_figure
from reidbench.reporting.figures.style import LOOKALIKES, SEED
from reidbench.reporting.findings.sentences import findings
from reidbench.reporting.tables.table import Table
from reidbench.spec import Cell

Fill = Callable[..., Table]


def by_occlusion(cell: Cell) -> float:
    return 0.9 - 0.5 * cell.settings["dataset"]["options"].get("occlusion", 0.2)


def factor(axis: Axes) -> str:
    """What a panel varies, without what it sets beside it."""
    return axis.get_xlabel().partition("\n")[0].removesuffix(", log scale")


def test_lines_follow_the_level_of_the_factor(once: Fill) -> None:
    figure = stress_figure(once("stress", by_occlusion))
    assert figure is not None
    axes = {factor(axis): axis for axis in figure.axes if axis.get_xlabel()}
    assert list(axes) == [
        *("occlusion rate", "share told by the emblem", "share told by the tempo"),
        *("frame rate (x default)", "misaligned boxes (x default)"),
    ]
    panel = axes["occlusion rate"]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0", "0.2", "0.5", "0.8"]
    lines = {container.get_label(): container[0].get_ydata() for container in panel.containers}
    assert len(lines) == 7
    assert list(lines["BiCnet-TKS"]) == pytest.approx([90, 80, 65, 50], abs=1)
    floors = [line for line in panel.lines if len(line.get_ydata()) == 2 and line.get_linewidth() == 2]
    assert [float(line.get_ydata()[0]) for line in floors] == pytest.approx([30] * 4)
    places = [np.mean(line.get_xdata()) for line in floors]
    assert np.diff(places) / (places[-1] - places[0]) == pytest.approx([0.25, 0.375, 0.375]), "true to scale"
    ends = [x for line in floors for x in line.get_xdata()]
    assert ends == sorted(ends), "and none covers another"
    assert np.ptp(np.diff(axes["frame rate (x default)"].get_xticks())) == pytest.approx(0), "doubling ones evenly"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_legend_names_every_line_once_and_takes_no_more_room_than_it_needs(once: Fill, count: int) -> None:
    table = once("stress", by_occlusion)
    factors = list(dict.fromkeys(heading.column.level[0] for heading in table.headings))[:count]
    kept = tuple(heading for heading in table.headings if heading.column.level[0] in factors)
    figure = stress_figure(replace(table, headings=kept))
    assert figure is not None
    figure.draw_without_rendering()
    panels = [axis for axis in figure.axes if axis.axison]
    assert [factor(axis) for axis in panels] == factors
    legends = [*figure.legends, *(axis.get_legend() for axis in figure.axes if axis.get_legend())]
    (legend,) = legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == [*(row.name for row in table.plan.suite.rows), LOOKALIKES]
    whole = figure.bbox.width * figure.bbox.height
    assert sum(axis.bbox.width * axis.bbox.height for axis in panels) > 0.4 * whole
    assert all(figure.bbox.contains(*corner) for corner in legend.get_window_extent().corners())


def test_each_seed_is_marked_at_its_own_height(once: Fill) -> None:
    figure = stress_figure(once("stress", by_occlusion, seeds=3))
    assert figure is not None
    panel = figure.axes[0]
    marks = [
        line for line in panel.lines if (line.get_markersize(), line.get_markerfacecolor()) == (SEED["ms"], "white")
    ]
    assert len(marks) == 7 * 4 and all(len(line.get_ydata()) == 3 for line in marks)
    means = [np.mean(line.get_ydata()) for line in marks[:4]]
    assert means == pytest.approx([float(y) for y in panel.containers[0][0].get_ydata()], abs=0.01)


def test_rows_differ_in_marker_and_dash_and_not_in_colour_alone(once: Fill) -> None:
    figure = stress_figure(once("stress", by_occlusion))
    assert figure is not None
    lines = [container[0] for container in figure.axes[0].containers]
    assert len({line.get_marker() for line in lines}) == len(lines)
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == len(lines)


def test_the_findings_compare_the_pairs_of_the_suite_at_every_level(once: Fill) -> None:
    def short_kernels_are_better(cell: Cell) -> float:
        return 0.7 if list(cell.options.get("kernels", ())) == [3] else 0.6

    found = [line for line in findings(once("stress", short_kernels_are_better)) if "kernel 3 over" in line]
    (line,) = found
    beyond = line.partition("within the noise")[0]
    assert "beyond the noise occlusion rate 0 +10." in beyond and "occlusion rate 0.8 +10." in beyond
    assert beyond.count("[") == 15, "at every level of every factor, the levels that are the same data once"
    assert "default) 2 " in beyond and "default) 1 +" not in beyond.replace("boxes (x default) 1 +", "")


def test_a_panel_names_what_it_sets_beside_its_factor(once: Fill) -> None:
    panels = {axis.get_xlabel() for axis in stress_figure(once("stress", by_occlusion)).axes if axis.axison}
    assert panels == {
        "occlusion rate",
        "share told by the emblem\n(no tempo twins)",
        "share told by the tempo\n(no emblem twins)",
        "frame rate (x default), log scale\n(no occluders)",
        "misaligned boxes (x default)",
    }
    note, *_ = registry.suite("stress").notes
    assert "the emblem, all at gait 0; share told by the tempo, all at detail 0; frame rate (x default), all at" in note
