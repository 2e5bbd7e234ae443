import ast
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import COLUMNS, ROWS, Bench

import reidbench
from reidbench.reporting import figures
from reidbench.reporting.figures import FIGURES, draw_figures
from reidbench.reporting.figures.stamps import bears, bring, drawing_code, figure_stamp
from reidbench.reporting.tables.table import Table, assemble


@pytest.fixture
def table(bench: Bench) -> Table:
    bench.save_all()
    return assemble(bench.plan, bench.store)


def test_a_figure_is_drawn_once_and_again_only_for_other_content(table, bench, tmp_path, monkeypatch):
    drawn = []
    real = FIGURES["latency"]
    monkeypatch.setitem(FIGURES, "latency", replace(real, draw=lambda t: drawn.append(1) or real.draw(t)))
    first = draw_figures(table, tmp_path / "made_up")
    contents = [path.read_bytes() for path in first]
    assert draw_figures(table, tmp_path / "made_up") == first and len(drawn) == 1
    assert [path.read_bytes() for path in first] == contents
    bench.store.save(replace(bench.store.load(bench.cell(ROWS[0], COLUMNS[5])), started="2026-02-02T00:00:00"))
    draw_figures(assemble(bench.plan, bench.store), tmp_path / "made_up")
    assert len(drawn) == 2


def test_a_damaged_or_missing_figure_is_drawn_again(table, tmp_path):
    svg, png, *_ = draw_figures(table, tmp_path / "made_up")
    whole = svg.read_bytes()
    svg.write_bytes(b"")
    png.unlink()
    draw_figures(table, tmp_path / "made_up")
    assert svg.read_bytes() == whole and bears(png, figure_stamp(table))


def test_every_figure_file_bears_the_stamp_of_its_table(table, tmp_path):
    stamp = figure_stamp(table)
    files = draw_figures(table, tmp_path / "made_up", printed=True)
    assert len(files) == 12 and all(bears(path, stamp) for path in files)
    assert not bears(files[0], figure_stamp(replace(table, machine="elsewhere")))
    assert not bears(tmp_path / "none.svg", stamp)


def test_only_figures_that_are_up_to_date_are_brought(table, tmp_path: Path):
    stamp = figure_stamp(table)
    files = draw_figures(table, tmp_path / "made_up", printed=True)
    files[0].write_bytes(b"old")
    bring(stamp, tmp_path / "made_up", tmp_path / "out" / "made_up")
    brought = {path.name for path in (tmp_path / "out").iterdir()}
    assert brought == {path.name for path in files[1:]}
    bring(stamp, tmp_path / "made_up", tmp_path / "made_up")


def test_a_stamp_covers_all_code_that_figures_import_of_the_reports():
    """Or an old figure would pass for what other code draws."""
    covered = {path.resolve() for path in drawing_code()}
    root = Path(reidbench.__file__).parent.parent
    waiting, met = [Path(figures.__file__)], set()
    while waiting:
        path = waiting.pop()
        met.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reidbench.reporting"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                places = [root.joinpath(*name.split(".")) for name in names]
                files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
                waiting += [file for file in files if file.is_file() and file not in met]
    assert len(met) > 30 and {path.resolve() for path in met} <= covered
