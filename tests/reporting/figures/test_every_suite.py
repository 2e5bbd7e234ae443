"""Each figure that a suite names is drawn, with a caption and text that can be read; so can be the suite's report."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from reading import latex_nodes, pdf_text, read_html

from reidbench import registry
from reidbench.reporting.documents.document import Picture, Section, Tabular
from reidbench.reporting.documents.html import html
from reidbench.reporting.documents.latex import escape, latex
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.documents.typeset import pdf
from reidbench.reporting.figures import FIGURES, caption, draw_figures, shown
from reidbench.reporting.figures.style import TALLEST, styled
from reidbench.reporting.report import single_report
from reidbench.reporting.tables.layout import blocks
from reidbench.reporting.tables.table import Table

SUITES = sorted(name for name in registry.suite_paths() if list(registry.suites_of(name)) == [name])
NAMED = [(suite, name) for suite in SUITES for name in registry.suite(suite).figures]

ON_GPU = [n for n in SUITES if any(c.settings.get("device") == "cuda" for c in registry.suite(n).columns)]
"""The suites of which a machine with a GPU has more columns."""

Fill = Callable[..., Table]


@dataclass
class Drawn:
    """The table of a suite, the figures that were drawn of it by name, and the files that these were written to."""

    table: Table
    figures: dict[str, Figure] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def draw(self, name: str, draw: Callable[[Table], Figure | None], table: Table) -> Figure | None:
        """Draws a figure and keeps it."""
        figure = draw(table)
        if figure is not None:
            self.figures[name] = figure
        return figure


@pytest.fixture(scope="module")
def drawn(once: Fill, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Drawn]:
    """What is drawn of a suite and written as `<suite>-<figure>.*`, once for all tests that look at it."""

    @cache
    def made(suite: str) -> Drawn:
        found = Drawn(once(suite, gpu=gpu_of(suite)))
        with pytest.MonkeyPatch.context() as patch:
            for name in registry.suite(suite).figures:
                draw = partial(found.draw, name, FIGURES[name].draw)
                patch.setitem(FIGURES, name, replace(FIGURES[name], draw=draw))
            found.files = draw_figures(found.table, tmp_path_factory.mktemp("drawn") / suite)
        return found

    return made


def gpu_of(suite: str) -> str:
    """The GPU of the machine on which a suite is drawn: one has no other columns."""
    return "Imaginary GPU" if suite == "gpu" else ""


@pytest.mark.parametrize(("suite", "name"), NAMED)
def test_text_can_be_read_and_labels_do_not_collide(suite: str, name: str, drawn: Callable[[str], Drawn]) -> None:
    figure = drawn(suite).figures[name]
    with styled():
        figure.draw_without_rendering()
        texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
        assert min(text.get_fontsize() for text in texts) >= 8
        boxes = [text.get_window_extent() for text in texts if "protocol" in text.get_text()]
        assert boxes or not any("mAP" in text.get_text() for text in texts), "an accuracy carries its protocol's name"
        assert all(box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 for box in boxes), "and it can be read"
        for axis in figure.axes:
            for labels in _labels(axis):
                for a, b in combinations(labels, 2):
                    assert not _overlap(a, b), f"{suite}-{name}: two labels cover each other"


@pytest.mark.parametrize(("suite", "name"), [(suite, name) for suite, name in NAMED if not FIGURES[name].pixels])
def test_a_page_has_room_for_a_figure_with_its_caption(
    suite: str, name: str, drawn: Callable[[str], Drawn], once: Fill
) -> None:
    """With the columns of a GPU as well, where the suite has any."""
    figures = [drawn(suite).figures[name]]
    if suite in ON_GPU:
        with styled():
            figures.append(FIGURES[name].draw(once(suite, gpu="Imaginary GPU")))
    for figure in figures:
        width, height = figure.get_size_inches()
        assert height <= TALLEST * width


@pytest.mark.parametrize("suite", sorted({suite for suite, _ in NAMED}))
def test_files_are_written_with_a_caption(suite: str, drawn: Callable[[str], Drawn]) -> None:
    files = drawn(suite).files
    names = registry.suite(suite).figures
    assert {f"{suite}-{name}.{ending}" for name in names for ending in ("svg", "png")} <= {path.name for path in files}
    assert all(path.is_file() for path in files)
    for name in names:
        known = caption(Path(f"{suite}-{name}.svg"), over="seeds", synthetic=False)
        assert known == FIGURES[name].caption.replace("[", "").replace("]", "")


@pytest.mark.parametrize("suite", SUITES)
def test_the_report_can_be_read_in_each_format(suite: str, drawn: Callable[[str], Drawn]) -> None:
    table = drawn(suite).table
    document = single_report(table, {"cpu": "Imaginary 9000"}, drawn(suite).files, "")
    parts = [part for section in document.parts if isinstance(section, Section) for part in section.parts]
    tables = [part for part in parts if isinstance(part, Tabular)]
    pieces = [piece for part in tables for piece in part.pieces]
    assert pieces[: len(blocks(table))] == blocks(table)
    rows = [block.lines[0][0] for block in pieces]
    figures = len(table.plan.suite.figures)

    lines = [line for line in markdown(document).splitlines() if line.startswith("|")]
    assert len(lines) == sum(len(block.lines) + 2 for block in pieces)
    assert all(line.endswith(" |") for line in lines)

    page = read_html(html(document))
    assert (page.tags["table"], page.tags["figure"]) == (len(rows), figures)
    assert set(page.ids.values()) == {1}

    files = latex(document, table.plan.name)
    assert all(map(latex_nodes, files.values()))
    text = "".join(files.values())
    assert text.count("begin{tabular}") == len(rows) + 1 and text.count("includegraphics[") == figures
    whole = files[f"{table.plan.name}-all.tex"]
    shown = {index for block in blocks(table) for index in block.columns}
    assert {index for block in document.wholes for index in block.columns} == shown
    headers = {escape(text) for block in blocks(table) for text in block.header if "¹" not in text}
    assert all(f"{header} " in whole for header in headers), "every column, in one table"
    assert all(f"{escape(row)} & " in text for row in rows)

    found = pdf_text(pdf(document))
    assert f"Table {len(tables)}:" in found and f"Table {len(tables) + 1}:" not in found
    assert f"Figure {figures + 1}:" not in found
    assert not figures or f"Figure {figures}:" in found
    assert re.sub(r"\W", "", rows[0]) in re.sub(r"\W", "", found)


@pytest.mark.parametrize(("suite", "name"), [("table2", "latency"), ("ranking", "ranking")])
def test_latex_is_given_a_drawing_as_pdf_and_pixels_as_png(suite: str, name: str, once: Fill, tmp_path: Path) -> None:
    table = once(suite)
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
    once: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, drawn = once("ranking"), [tmp_path / "ranking-ranking.png"]
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
