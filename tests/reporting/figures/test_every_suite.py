"""Each figure that a suite names is drawn, with a caption, text that can be read and labels that do not collide."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from reidbench import registry
from reidbench.reporting.documents.document import Picture
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.figures import FIGURES, caption, draw_figures, shown
from reidbench.reporting.figures.style import STYLE, TALLEST
from reidbench.reporting.report import single_report
from reidbench.reporting.tables.table import Table

SUITES = sorted(name for name in registry.suite_paths() if list(registry.suites_of(name)) == [name])
NAMED = [(suite, name) for suite in SUITES for name in registry.suite(suite).figures]

Fill = Callable[..., Table]


def drawn(table: Table, name: str) -> Iterator[Figure]:
    with matplotlib.rc_context(STYLE):
        figure = FIGURES[name].draw(table)
        assert figure is not None
        figure.draw_without_rendering()
        yield figure


def gpu_of(suite: str) -> str:
    """The GPU of the machine on which a suite is drawn: one has no other columns."""
    return "Imaginary GPU" if suite == "gpu" else ""


@pytest.mark.parametrize(("suite", "name"), NAMED)
def test_text_can_be_read_and_labels_do_not_collide(suite: str, name: str, once: Fill) -> None:
    for figure in drawn(once(suite, gpu=gpu_of(suite)), name):
        texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
        assert min(text.get_fontsize() for text in texts) >= 8
        boxes = [text.get_window_extent() for text in texts if "protocol" in text.get_text()]
        assert boxes or not any("mAP" in text.get_text() for text in texts), "an accuracy carries its protocol's name"
        assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes), "and it can be read"
        for axis in figure.axes:
            for labels in _labels(axis):
                for a, b in combinations(labels, 2):
                    assert not _overlap(a, b), f"{suite}-{name}: two labels cover each other"


@pytest.mark.parametrize("gpu", ["", "Imaginary GPU"])
@pytest.mark.parametrize(("suite", "name"), [(suite, name) for suite, name in NAMED if not FIGURES[name].pixels])
def test_a_page_has_room_for_a_figure_with_its_caption(suite: str, name: str, gpu: str, once: Fill) -> None:
    for figure in drawn(once(suite, gpu=gpu or gpu_of(suite)), name):
        width, height = figure.get_size_inches()
        assert height <= TALLEST * width


@pytest.mark.parametrize("suite", sorted({suite for suite, _ in NAMED}))
def test_files_are_written_with_a_caption(suite: str, once: Fill, tmp_path: Path) -> None:
    written = {path.name for path in draw_figures(once(suite, gpu=gpu_of(suite)), tmp_path / suite)}
    names = registry.suite(suite).figures
    assert {f"{suite}-{name}.{ending}" for name in names for ending in ("svg", "png")} <= written
    for name in names:
        known = caption(tmp_path / f"{suite}-{name}.svg", over="seeds", synthetic=False)
        assert known == FIGURES[name].caption.replace("[", "").replace("]", "")


@pytest.mark.parametrize(("suite", "name"), [("table2", "latency"), ("ranking", "ranking")])
def test_latex_is_given_a_drawing_as_pdf_and_pixels_as_png(suite: str, name: str, filled: Fill, tmp_path: Path) -> None:
    table = filled(suite)
    stem = tmp_path / f"{suite}-{name}"
    one = replace(table, plan=replace(table.plan, suite=replace(table.plan.suite, figures=(name,))))
    written = draw_figures(one, tmp_path / suite, printed=True)
    (picture,) = (Picture(path, "", "") for path in shown(written))
    assert picture.printed in written and picture.printed.suffix == (".png" if FIGURES[name].pixels else ".pdf")
    if picture.printed.suffix == ".pdf":
        first = picture.printed.read_bytes()
        assert b"/Type3" not in first and b"/CreationDate" not in first
        picture.printed.unlink()
        draw_figures(one, tmp_path / suite, printed=True)
        assert picture.printed.read_bytes() == first, f"{stem}: the same each time"


def test_a_figure_made_of_pixels_is_shown_as_png_and_any_other_as_svg() -> None:
    paths = [Path(f"a-{name}.{ending}") for name in ("rows", "ranking") for ending in ("png", "svg")]
    assert sorted(path.name for path in shown(paths)) == ["a-ranking.png", "a-rows.svg"]
    assert shown([Path("a-rows.png")]) == [Path("a-rows.png")]


def test_a_caption_speaks_of_seeds_only_where_there_are_several() -> None:
    path = Path("stress-stress.svg")
    assert "; small hollow marks are the means of single seeds; thick" in caption(path, over="seeds", synthetic=True)
    assert "means of single splits; thick" in caption(path, over="splits", synthetic=True)
    alone = {name: caption(Path(f"any-{name}.png"), over="", synthetic=True) for name in FIGURES}
    assert alone["stress"].startswith("Accuracy under") and "of training; thick" in alone["stress"]
    assert not any("single" in text or "circles" in text or "[" in text for text in alone.values())


def test_a_caption_speaks_of_tempo_twins_on_the_synthetic_data_alone(
    filled: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, drawn = filled("ranking"), [tmp_path / "ranking-ranking.png"]
    assert "each; tempo twins look alike in one frame" in markdown(single_report(table, {}, drawn, ""))
    monkeypatch.setattr("reidbench.reporting.report.dataset_name", lambda table, heading: "mine")
    assert "tempo twins" not in markdown(single_report(table, {}, drawn, ""))


def _labels(axis: Axes) -> Iterator[list[Bbox]]:
    """The level tick labels of each side, and the names beside the points."""
    notes = [text for text in axis.texts if isinstance(text, Annotation)]
    for texts in (axis.get_xticklabels(), axis.get_yticklabels(), notes):
        shown = [text for text in texts if text.get_text() and text.get_visible() and not text.get_rotation()]
        yield [text.get_window_extent() for text in shown if axis.axison]


def _overlap(a: Bbox, b: Bbox) -> bool:
    return min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
