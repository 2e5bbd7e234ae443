"""The second process that draws: the same files, no start for little work, and an end with the report."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from launching import none_left
from made_up import Bench

from reidbench.reporting.figures import draw_figures, drawing, undrawn
from reidbench.reporting.figures.drawing import FEWEST, drawing_beside, start
from reidbench.reporting.tables.table import Table, assemble

Work = list[tuple[Table, Path]]


@pytest.fixture
def work(bench: Bench, tmp_path: Path) -> Work:
    """Two tables, three figures each."""
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    other = replace(table, machine="elsewhere")
    return [(table, tmp_path / "first"), (other, tmp_path / "second")]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    found: list[subprocess.Popen[bytes]] = []

    def begin(work: Work, *, printed: bool) -> subprocess.Popen[bytes]:
        found.append(start(work, printed=printed))
        return found[-1]

    monkeypatch.setattr(drawing, "start", begin)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with none_left(found):
        yield found


def test_the_other_process_draws_the_files_that_this_one_would(work: Work, tmp_path: Path) -> None:
    process = start(work, printed=True)
    with none_left([process]):
        assert process.wait(120) == 0
    assert [undrawn(table, stem, printed=True) for table, stem in work] == [0, 0]
    for table, stem in work:
        for path in draw_figures(table, tmp_path / "again" / stem.name, printed=True):
            assert path.read_bytes() == stem.with_name(path.name).read_bytes()


def test_it_ends_with_the_block_whatever_happens_in_it(work: Work, started: list[subprocess.Popen[bytes]]) -> None:
    with pytest.raises(ZeroDivisionError), drawing_beside(work):
        assert len(started) == 1
        raise ZeroDivisionError
    assert started[0].returncode is not None


def test_little_work_or_a_single_core_starts_none(
    work: Work, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_figures(*work[0])
    assert sum(undrawn(table, stem) for table, stem in work) < FEWEST
    with drawing_beside(work):
        pass
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    with drawing_beside([(replace(table, machine="nowhere"), stem) for table, stem in work]):
        pass
    assert started == []
