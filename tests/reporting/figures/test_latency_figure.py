"""Bars of time: of a clip, or of a frame where the clips differ in length."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reidbench import registry
from reidbench.reporting.figures.latency import latency_figure
from reidbench.reporting.figures.style import OWN_SCALES
from reidbench.reporting.tables.table import Table, heading_of
from reidbench.spec import Cell, Column

Fill = Callable[..., Table]
TIMES = ("latency.latency", "latency.per_frame")


def in_turn(cell: Cell) -> float:
    return 0.02 if cell.row == "GLTP" else 0.01


def table_with(filled: Fill, monkeypatch: pytest.MonkeyPatch, suite: str, *quantities: str) -> Table:
    """The suite with these columns of times on the CPU."""
    known = registry.suite(suite)
    others = tuple(column for column in known.columns if column.quantity not in TIMES)
    changed = replace(known, columns=(*others, *map(Column, quantities)))
    monkeypatch.setattr(registry, "suite", lambda _: changed)
    return filled(suite, in_turn)


@pytest.mark.parametrize("quantities", [TIMES[:1], TIMES[1:], TIMES])
def test_clips_of_several_lengths_are_compared_by_the_frame(
    filled: Fill, monkeypatch: pytest.MonkeyPatch, quantities: tuple[str, ...]
) -> None:
    figure = latency_figure(table_with(filled, monkeypatch, "table1", *quantities))
    assert figure is not None
    (axis,) = figure.axes
    assert axis.get_xlabel() == "Latency/frame (ms)"
    widths = dict(zip([label.get_text() for label in axis.get_yticklabels()], axis.patches, strict=True))
    assert widths["GLTP"].get_width() == pytest.approx(23), "of 16 frames"
    others = [widths[name].get_width() for name in ("COSAM", "DRSA \N{ALMOST EQUAL TO}")]
    assert others == pytest.approx([11.5, 11.5]), "of 8 frames and of 6"


def test_clips_of_one_length_are_timed_as_they_are(filled: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = latency_figure(table_with(filled, monkeypatch, "table2", *TIMES))
    assert figure is not None
    assert [axis.get_xlabel() for axis in figure.axes] == ["Latency (ms)", "Latency/frame (ms)"]


def test_rows_take_the_height_of_the_panel(once: Fill) -> None:
    table = once("rivals")
    assert heading_of(table, "latency.per_frame")
    figure = latency_figure(table)
    assert figure is not None
    assert figure.axes[0].get_ylim() == (pytest.approx(37.6), -0.6)


def test_panels_that_would_be_higher_than_a_page_stand_in_two_columns(once: Fill) -> None:
    figure = latency_figure(once("overhead", in_turn, gpu="Imaginary GPU"))
    assert figure is not None
    panels = [axis for axis in figure.axes if axis.axison]
    assert len(panels) > 4
    lefts = {round(axis.get_position().x0, 3) for axis in panels}
    assert len(lefts) == 2
    figure.draw_without_rendering()
    for axis in panels:
        for text in axis.texts:
            assert text.get_window_extent().x1 <= axis.get_window_extent().x1 + 10, "the text beside a bar fits"


def test_the_picture_says_how_many_rounds_there_were_and_that_panels_have_scales_of_their_own(once: Fill) -> None:
    for gpu, told in (("", False), ("Imaginary GPU", True)):
        figure = latency_figure(once("table1", in_turn, gpu=gpu))
        assert figure is not None
        small = figure.texts[-1].get_text()
        assert small.startswith("over 20 rounds; ") and (OWN_SCALES in small) == told == (len(figure.axes) > 1)
