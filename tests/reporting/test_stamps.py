import os
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import COLUMNS, ROWS, Bench

from reidbench.reporting.figures import FIGURES, draw_figures, stamps
from reidbench.reporting.figures.stamps import bring, figure_stamp, is_drawn, note_of
from reidbench.reporting.tables.table import Table, assemble

pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture
def table(bench: Bench) -> Table:
    bench.save_all()
    return assemble(bench.plan, bench.store)


@pytest.fixture
def drawn(blank_figures, monkeypatch) -> list[int]:
    """Gets longer with each drawing of the figure of latencies."""
    found: list[int] = []
    real = FIGURES["latency"]
    monkeypatch.setitem(FIGURES, "latency", replace(real, draw=lambda t: found.append(1) or real.draw(t)))
    return found


def test_a_figure_is_drawn_once_and_again_only_for_other_content(table, bench, tmp_path, drawn):
    first = draw_figures(table, tmp_path / "made_up")
    contents = [path.read_bytes() for path in first]
    assert draw_figures(table, tmp_path / "made_up") == first and len(drawn) == 1
    assert [path.read_bytes() for path in first] == contents
    bench.store.save(replace(bench.store.load(bench.cell(ROWS[0], COLUMNS[5])), started="2026-02-02T00:00:00"))
    draw_figures(assemble(bench.plan, bench.store), tmp_path / "made_up")
    assert len(drawn) == 2


def test_a_folder_whose_name_is_no_text_holds_figures_like_any_other(table, tmp_path, drawn):
    for _ in range(2):
        assert draw_figures(table, tmp_path / os.fsdecode(b"r\xe9sultats") / "made_up")
    assert len(drawn) == 1


def test_other_code_draws_anew(table, tmp_path, drawn, monkeypatch):
    """Wherever it lies: a figure that contradicts its table would be worse than one that takes a second."""
    files = draw_figures(table, tmp_path / "made_up")
    contents = [path.read_bytes() for path in files]
    package = tmp_path / "package"
    for name in ("spec.py", "clusters.py", "reporting/figures/rows.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(f"# {name}")
        monkeypatch.setattr(stamps, "HERE", package)
        stamps._code.cache_clear()
        before = len(drawn)
        draw_figures(table, tmp_path / "made_up")
        draw_figures(table, tmp_path / "made_up")
        assert len(drawn) == before + 1, name
        assert [path.read_bytes() for path in files] == contents, "what is drawn is the same, and git sees no change"
    monkeypatch.undo()
    stamps._code.cache_clear()


def test_a_damaged_changed_or_missing_figure_is_drawn_again(table, tmp_path):
    svg, png, *_ = draw_figures(table, tmp_path / "made_up")
    whole = svg.read_bytes()
    for spoil in (lambda: svg.write_bytes(b""), lambda: svg.write_bytes(whole[:-1]), png.unlink, note_of(svg).unlink):
        spoil()
        draw_figures(table, tmp_path / "made_up")
        assert svg.read_bytes() == whole and is_drawn(png, figure_stamp(table)) and is_drawn(svg, figure_stamp(table))


def test_every_figure_file_is_noted_as_drawn_of_its_table(table, tmp_path):
    stamp = figure_stamp(table)
    files = draw_figures(table, tmp_path / "made_up", printed=True)
    assert len(files) == 12 and all(is_drawn(path, stamp) for path in files)
    assert not is_drawn(files[0], figure_stamp(replace(table, machine="elsewhere")))
    assert not is_drawn(tmp_path / "none.svg", stamp)


@pytest.mark.parametrize("cache", ["file/cache", "~of_nobody/cache"])
def test_without_a_cache_figures_are_drawn_each_time(table, tmp_path, drawn, monkeypatch, cache):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REIDBENCH_CACHE", cache)
    first, again = (draw_figures(table, tmp_path / "made_up") for _ in range(2))
    assert first == again and len(drawn) == 2


def test_only_figures_that_are_up_to_date_are_brought(table, tmp_path: Path):
    stamp = figure_stamp(table)
    files = draw_figures(table, tmp_path / "made_up", printed=True)
    files[0].write_bytes(b"old")
    bring(stamp, tmp_path / "made_up", tmp_path / "out" / "made_up")
    brought = {path.name for path in (tmp_path / "out").iterdir()}
    assert brought == {path.name for path in files[1:]}
    assert all(is_drawn(tmp_path / "out" / name, stamp) for name in brought)
    bring(stamp, tmp_path / "made_up", tmp_path / "made_up")
