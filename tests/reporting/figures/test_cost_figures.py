"""Time against operations, and the formula against what was counted and measured."""

from collections.abc import Callable

import pytest
from matplotlib.axes import Axes

from reidbench.measurements.formula import pixel_share
from reidbench.reporting.figures.costs import formula_figure, overhead_figure
from reidbench.reporting.tables.table import Table

Fill = Callable[..., Table]


def test_time_stands_beside_operations_relative_to_the_reference(once: Fill) -> None:
    figure = overhead_figure(once("overhead", lambda cell: 0.3))
    assert figure is not None
    assert [axis.get_title() for axis in figure.axes] == ["cpu, fp32, 2 threads", "cpu, bf16, 2 threads"]
    axis = figure.axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["Base-S (128x64)", "Base-B (256x128)", "Two-branch (TB)", "BiCnet", "BiCnet-TKS"]
    strokes = [line.get_xdata()[0] for line in axis.lines if line.get_label() == "MACs"]
    assert strokes[:2] == pytest.approx([0.25, 1]) and 0.4 < strokes[2] < 0.5
    marks = [line for line in axis.lines if line.get_label() == "time"]
    assert [line.get_xdata()[0] for line in marks] == pytest.approx([0.6] * 5), "0.3 s a frame to the 0.5 of Base-B"
    assert [text.get_text() for text in axis.texts] == ["0.60"] * 5
    whiskers = [collection.get_zorder() for collection in axis.collections]
    assert len(whiskers) == 5 and min(whiskers) > max(line.get_zorder() for line in marks), "nothing hides them"
    assert figure.texts[-1].get_text().startswith("whiskers: 95 % intervals")


def test_a_gpu_brings_its_own_panels(once: Fill) -> None:
    figure = overhead_figure(once("overhead", gpu="Imaginary GPU"))
    assert figure is not None
    assert [axis.get_title() for axis in figure.axes if axis.axison][2:] == [
        *("cuda, fp32", "cuda, ieee32", "cuda, bf16"),
        *(f"cuda, {precision}, fused" for precision in ("fp32", "ieee32", "bf16")),
        *(f"cuda, {precision}, cudagraph" for precision in ("fp32", "ieee32", "bf16")),
    ]


def test_the_formula_is_a_line_with_what_was_counted_and_measured_around_it(once: Fill) -> None:
    figure = formula_figure(once("complexity", lambda cell: 0.25))
    assert figure is not None
    axis = figure.axes[0]
    line = next(line for line in axis.lines if line.get_label() == "formula")
    assert list(line.get_ydata())[-1] == pytest.approx(pixel_share({"alpha": 7}))
    assert points(axis, "two-branch: MACs") == pytest.approx(
        [1.05 * share for share in (1, *(pixel_share({"alpha": a}) for a in (1, 2, 3, 4, 7)), 0.25)]
    )
    assert points(axis, "BiCnet-TKS: latency, cpu, fp32, 2 threads") == pytest.approx([0.5] * 5)
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0", "1", "2", "3", "4", "7", "∞"]


def points(axis: Axes, label: str) -> list[float]:
    container = next(c for c in axis.containers if c.get_label() == label)
    return [float(y) for y in container[0].get_ydata()]
