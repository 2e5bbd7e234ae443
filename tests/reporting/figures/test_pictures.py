"""Figures with pictures: everything is there, nothing covers anything, and a record is data, whatever it holds."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import matplotlib
import numpy as np
import pytest
from made_up_pictures import SIZE, frames
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from reidbench.reporting.figures import FIGURES
from reidbench.reporting.figures.images import frames_of, laid_over, side_by_side
from reidbench.reporting.figures.ranking import FRAMES
from reidbench.reporting.figures.style import STYLE
from reidbench.reporting.tables.table import Table, assemble
from reidbench.spec import Record, UserError
from reidbench.store import Store

PICTURED = {"figure1": "activation", "figure3": "attention", "kernels": "selection", "ranking": "ranking"}

Fill = Callable[..., Table]


def drawn(table: Table, name: str) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure = FIGURES[name].draw(table)
        assert figure is not None
        figure.draw_without_rendering()
        return figure


@pytest.fixture(scope="module")
def pictured(once: Fill) -> Callable[[str], Figure]:
    """The figure of a suite of `PICTURED`, drawn once for all tests that look at it."""
    return cache(lambda suite: drawn(once(suite), PICTURED[suite]))


def texts(figure: Figure) -> list[Text]:
    """What is to be read, tick labels left out that are not drawn: of axes without ticks, and beyond the ends."""
    hidden = {text for axis in figure.axes if not axis.axison for text in axis.findobj(Text)}
    for line in (line for axis in figure.axes for line in (axis.xaxis, axis.yaxis)):
        low, high = sorted(line.get_view_interval())
        beyond = [tick for tick in line.get_major_ticks() if not low <= tick.get_loc() <= high]
        hidden |= {text for tick in beyond for text in (tick.label1, tick.label2)}
    found = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return [text for text in found if text not in hidden]


def changed(table: Table, tmp_path: Any, change: Callable[[Record], Record]) -> Table:
    """The table after every record was changed behind our back."""
    store = Store(tmp_path, "made-up")
    for record in store.records():
        store.save(change(record))
    return assemble(table.plan, store)


@pytest.mark.parametrize("suite", PICTURED)
def test_no_text_covers_another_or_leaves_the_page(suite: str, pictured: Callable[[str], Figure]) -> None:
    figure = pictured(suite)
    page = figure.bbox
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    assert len(boxes) > 10
    for text, box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = min(a.x1, b.x1) - max(a.x0, b.x0) <= 1 or min(a.y1, b.y1) - max(a.y0, b.y0) <= 1
        assert apart, f"{one!r} and {other!r}"


@pytest.mark.parametrize(
    ("suite", "pictures", "names"),
    [
        ("figure1", 4 * 2 * 3, ["frames", "Base-B", "BiCnet", "query 101, camera 1", "match, camera 2"]),
        ("figure3", 4 * 3 + 2, ["frames", "AO", "DAO", "query 81", "5\nbig", "row of the map"]),
        ("ranking", 4 * (1 + 2 * 10), ["Base-B", "BiCnet-TKS", "query 1", "3 matches", "10 ✓"]),
    ],
)
def test_every_strip_is_there_under_its_name(
    suite: str, pictures: int, names: list[str], pictured: Callable[[str], Figure]
) -> None:
    figure = pictured(suite)
    images = [image for axis in figure.axes for image in axis.findobj(AxesImage)]
    assert len(images) == pictures
    said = "\n".join(text.get_text() for text in texts(figure))
    assert all(name in said for name in names), said


def test_the_maps_and_not_the_frames_are_in_colour(pictured: Callable[[str], Figure]) -> None:
    figure = pictured("figure1")
    strips = [np.asarray(image.get_array())[..., :3] for axis in figure.axes for image in axis.findobj(AxesImage)]
    assert {strip.shape for strip in strips} == {(64, 4 * 32 + 3 * 2, 3)}
    blocks = strips[1][:16, :16].reshape(-1, 3)
    grey = blocks - blocks.mean(0)
    assert np.allclose(grey.max(1), grey.min(1), atol=1e-6), "within a position only the grey of the frame changes"
    assert not np.allclose(strips[1][:16, :16].mean((0, 1)), strips[1][:16, 16:32].mean((0, 1)), atol=0.02)


def test_right_and_wrong_differ_in_line_and_sign_and_not_in_colour_alone(pictured: Callable[[str], Figure]) -> None:
    figure = pictured("ranking")
    edges = [patch for axis in figure.axes for patch in axis.patches if isinstance(patch, Rectangle)]
    assert len(edges) == 4 * 2 * 10 + len(FRAMES)
    lines = {(str(edge.get_linestyle()), edge.get_linewidth()) for edge in edges}
    assert len({style for style, _ in lines}) == len({look.sign for look in FRAMES.values()}) == 3


def test_selection_says_that_its_axes_are_cut_and_how_far_from_even_its_marks_are(once: Fill) -> None:
    figure = drawn(once("kernels", seeds=3), "selection")
    small = " ".join(figure.texts[-1].get_text().split())
    assert "above: a mark a seed, whiskers 95 % over 20 identities; the axes above are cut" in small
    assert "below: diamonds are means, hollow circles seeds, whiskers 95 % over persons or pairs and seeds" in small
    told = float(re.search(r"within ([\d.]+) pp", small)[1])  # type: ignore[index]
    farthest = 0.0
    for axis in figure.axes[:3]:
        (even,) = (line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == "--")
        marks = [line for line in axis.lines if line.get_markersize() == 4.5]
        farthest = max(farthest, *(abs(float(line.get_ydata()[0]) - even) for line in marks))
    assert told - 0.1 < farthest <= told


def test_selection_shows_a_mark_a_seed_and_the_even_weight(once: Fill) -> None:
    figure = drawn(once("kernels", seeds=3), "selection")
    panels = [axis for axis in figure.axes if axis.get_title().startswith("kernels")]
    for axis, kernels in zip(panels, (2, 2, 3), strict=True):
        assert len(axis.containers) == kernels * 5 * 3
        assert axis.lines[0].get_ydata()[0] == pytest.approx(100 / kernels)
    left = [axis.get_title(loc="left") for axis in figure.axes]
    assert "Slow - fast" in left and "Occluded - clear" in left


def test_data_that_knows_no_groups_leaves_them_out(filled: Fill, tmp_path: Any) -> None:
    def without(record: Record) -> Record:
        kept = {n: v for n, v in record.samples.items() if n.startswith(("weight", "long", "identity"))}
        return replace(record, samples=kept)

    figure = drawn(changed(filled("kernels"), tmp_path, without), "selection")
    assert len(figure.axes) == 3
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["all"]


@pytest.mark.parametrize(("suite", "name"), PICTURED.items())
def test_names_are_shown_as_they_are(suite: str, name: str, once: Fill) -> None:
    table = once(suite)
    strange = "a $x_1$ <b> % row"
    row = table.plan.suite.rows[0]
    rows = (replace(row, name=strange), *table.plan.suite.rows[1:])
    entries = {(strange if at == row.name else at, i): entry for (at, i), entry in table.entries.items()}
    plan = replace(table.plan, suite=replace(table.plan.suite, rows=rows))
    figure = drawn(replace(table, plan=plan, entries=entries), name)
    said = [text for text in texts(figure) if "$x_1$" in text.get_text()]
    assert said and not any(text.get_parse_math() for text in said)


@pytest.mark.parametrize(("suite", "name"), PICTURED.items())
@pytest.mark.parametrize("damage", ["nothing there", "not what it should be"])
def test_a_damaged_record_is_one_line(suite: str, name: str, damage: str, filled: Fill, tmp_path: Any) -> None:
    table = filled(suite)
    wrong = {"pairs": [7], "tracklets": [7], "rankings": [7], "kernels": ["seven"]}
    table = changed(table, tmp_path, lambda record: replace(record, context=wrong if damage.startswith("not") else {}))
    with pytest.raises(UserError, match=rf"^figure {name} of {suite}: .*measure it again with --fresh$"):
        drawn(table, name)


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"no picture").decode()])
def test_a_picture_that_is_none_is_refused(text: str) -> None:
    with pytest.raises((ValueError, OSError)):
        frames_of(text, 1)


def test_frames_must_divide_the_strip() -> None:
    text = frames(np.random.default_rng(0), 3)
    assert frames_of(text, 3).shape == (3, *SIZE, 3)
    with pytest.raises(ValueError, match="96 columns are not 5 frames"):
        frames_of(text, 5)


def test_a_map_is_laid_over_its_own_frame() -> None:
    black = np.zeros((2, 4, 2, 3))
    over = laid_over(black, [np.array([[0.0], [1.0]]), np.array([[1.0]])])
    assert over[0, :2].max() < 0.05 < over[0, 2:].min() and np.ptp(over[1], axis=(0, 1)).max() == 0
    assert side_by_side(over).shape == (4, 2 * 2 + 2, 3)
