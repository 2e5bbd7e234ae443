"""The stages of a whole tracklet in one bar, and what scoring takes over the gallery's size."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reidbench import registry
from reidbench.reporting.figures.scale import scale_figure
from reidbench.reporting.figures.stages import STAGES, end_to_end_figure
from reidbench.reporting.findings.sentences import ratio_findings
from reidbench.reporting.findings.verdict import verdict
from reidbench.reporting.tables.table import Table
from reidbench.spec import Cell

Fill = Callable[..., Table]


def doubled(cell: Cell) -> float:
    return 2.0 if cell.row == "BiCnet-TKS" else 1.0


def test_the_stages_add_up_to_the_whole(once: Fill) -> None:
    figure = end_to_end_figure(once("end_to_end", doubled))
    assert figure is not None
    axis = figure.axes[0]
    assert [bars.get_label() for bars in axis.containers if bars.get_label() in STAGES] == list(STAGES)
    bars = [bar for bar in axis.patches if bar.get_width()]
    ends = sorted({round(bar.get_y(), 3): bar.get_x() + bar.get_width() for bar in bars}.items())
    assert [end for _, end in ends] == pytest.approx([*[1150] * 4, 2 * 1150]) and axis.yaxis_inverted()
    assert [text.get_text() for text in axis.texts][-1] == "2300 ms, x 4.00"
    assert [label.get_text() for label in axis.get_yticklabels()][-1] == "BiCnet-TKS"


def test_all_but_the_network_stands_beside_on_a_scale_of_its_own(once: Fill) -> None:
    figure = end_to_end_figure(once("end_to_end", doubled))
    assert figure is not None
    whole, rest = figure.axes[:2]
    assert rest.get_xlabel() == "All but the network (ms)"
    assert [bars.get_label() for bars in rest.containers] == [stage for stage in STAGES if stage != "network"]
    assert [text.get_text() for text in rest.texts] == [*["230.0 ms"] * 4, "460.0 ms"]
    assert rest.get_xlim()[1] < 0.3 * whole.get_xlim()[1] and rest.get_ylim() == whole.get_ylim()


def test_what_is_found_is_the_ratio_to_the_reference_and_no_other(once: Fill) -> None:
    table = once("end_to_end")
    first = verdict(table)
    assert first is not None
    assert first.text.startswith("BiCnet-TKS: 1.00x [1.00, 1.00] (not told from 1) Base-B's time (cpu, fp32) and ")
    (found,) = ratio_findings(table)
    on = ("fp32", "bf16", "int8")
    run = f"run otherwise: {'; '.join(f'1.00x [1.00, 1.00] (not told from 1) on cpu, {p}, openvino' for p in on)}."
    assert found == f"BiCnet-TKS over Base-B, time, {run}"
    assert not list(ratio_findings(once("scale"))), "nor of scoring to the matrix product"


def test_every_setting_has_a_panel_of_its_own(once: Fill) -> None:
    figure = end_to_end_figure(once("end_to_end", gpu="Imaginary GPU"))
    assert figure is not None
    assert [axis.get_title() for axis in figure.axes[::2]] == [
        "cpu, fp32, 2 threads",
        "cpu, fp32, openvino, 2 threads",
        "cpu, bf16, openvino, 2 threads",
        "cpu, int8, openvino, 2 threads",
        "cuda, fp32",
    ]


def test_without_all_stages_no_bar_is_drawn(once: Fill) -> None:
    table = once("end_to_end")
    kept = tuple(heading for heading in table.headings if heading.column.quantity != "end_to_end.clips")
    assert end_to_end_figure(replace(table, headings=kept)) is None


def test_the_measurement_and_the_figure_know_the_same_stages() -> None:
    quantities = registry.measurements()["end_to_end"].quantities
    assert set(STAGES) == set(quantities) - {"total", "ratio", "outside"}


def test_time_and_memory_over_the_gallery(once: Fill) -> None:
    figure = scale_figure(once("scale"))
    assert figure is not None
    time, memory = figure.axes
    assert [tick.get_text() for tick in time.get_xticklabels()] == ["10k", "30k", "100k", "300k", "1M"]
    lines = {line.get_label(): line for line in time.lines if not line.get_label().startswith("_")}
    proportion = "in proportion, through the last point"
    assert list(lines) == ["BiCnet-TKS", "TCLNet", proportion]
    assert list(lines["TCLNet"].get_ydata()) == pytest.approx([1.1e-3 * size for size in (1e4, 3e4, 1e5, 3e5, 1e6)])
    straight = [line for line in time.lines if line.get_color() == lines[proportion].get_color()]
    assert [list(line.get_ydata()) for line in straight] == [pytest.approx([1.1e1, 1.1e3])] * 2, "one a row"
    assert not time.containers, "three readings have no interval, nor has the legend one"
    assert memory.get_ylabel() == "Scoring memory (MB)" and memory.get_yscale() == "linear"
