"""One cell over several commits: its code's last records, in series that nothing else differs in."""

from dataclasses import replace
from pathlib import Path

from sides_made_up import Code, two_sides

from reidbench import registry
from reidbench.regression.series import Point, collect, series_of
from reidbench.scatter import Noise
from reidbench.spec import Record
from reidbench.statistics import Estimate

MAP = registry.measurements()["accuracy"].quantities["mAP"]
RATIO = registry.measurements()["latency"].quantities["ratio"]
PARAMS = registry.measurements()["complexity"].quantities["params"]


def slim(code: Code, measurement: str) -> list[Record]:
    return [r for r in code.store.records() if r.row == "Slim" and r.cell["measurement"] == measurement]


def points(commit: str, records: list[Record], folder: str = "machine") -> list[Point]:
    return collect(commit, "2026-01-01", folder, records, PARAMS, "params")


def test_seeds_of_one_commit_are_one_point(tmp_path: Path) -> None:
    new, _ = two_sides(tmp_path)
    (point,) = collect("abc", "2026-01-01", "machine", slim(new, "accuracy"), MAP, "mAP")
    assert point.known.n == 3 and point.label == "machine, quick, synthetic, version 1"


def test_a_recipe_of_a_rows_own_is_that_of_its_preset(tmp_path: Path) -> None:
    new, _ = two_sides(tmp_path)
    record = slim(new, "accuracy")[0]
    settings = {**record.cell["settings"], "recipe": {**record.cell["settings"]["recipe"], "flip": 0.0}}
    for row, told in (("Base-B, without flips", "quick"), ("Base-B, boxes erased", "another recipe")):
        other = replace(record, row=row, cell={**record.cell, "settings": settings})
        (point,) = collect("abc", "2026-01-01", "machine", [other], MAP, "mAP")
        assert point.label == f"machine, {told}, synthetic, version 1"


def test_the_code_measured_last_counts_where_a_commit_has_several(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path, params=5e5)
    later = replace(new, source="later", params=3e5)
    later.save(session=3)
    (point,) = points("abc", [*slim(new, "complexity"), *slim(old, "complexity")])
    assert point.known.value == 3e5


def test_series_join_what_only_the_code_tells_apart(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path, params=5e5)
    other = replace(new, settings={"version": 2}, source="x")
    other.save(only=["complexity"])
    mine = [r for r in slim(new, "complexity") if r.cell["settings"]["version"] == 1]
    theirs = [r for r in slim(new, "complexity") if r.cell["settings"]["version"] == 2]
    found = series_of([*points("a", slim(old, "complexity")), *points("b", mine), *points("b", theirs)])
    assert [[point.commit for point in series.points] for series in found] == [["a", "b"], ["b"]]
    assert [point.known.value for point in found[0].points] == [1e6, 5e5]
    assert [series.label for series in found] == ["machine, version 1", "machine, version 2"]


def test_cells_that_read_alike_are_numbered() -> None:
    found = series_of([Point("a", "d", what, "same", Estimate(1.0)) for what in ("x", "y")])
    assert [series.label for series in found] == ["same (1)", "same (2)"]


def test_commits_that_changed_nothing_of_a_cell_are_one_point() -> None:
    values = [1.0, 1.0, 1.0, 2.0, 1.0]
    points = [Point(str(commit), "d", "x", "label", Estimate(value)) for commit, value in enumerate(values)]
    (series,) = series_of(points)
    assert [(p.commit, p.known.value, p.commits) for p in series.points] == [("0", 1, 3), ("3", 2, 1), ("4", 1, 1)]


def test_ratios_of_times_cover_the_scatter_between_sessions(tmp_path: Path) -> None:
    new, _ = two_sides(tmp_path)
    known = {"cpu": Noise(0.05, 0.0)}
    for row, widened in (("Slim", True), ("Base", False)):
        records = [r for r in new.store.records() if r.row == row and r.cell["measurement"] == "latency"]
        plain, covered = (
            collect("a", "d", "machine", records, RATIO, "ratio", each)[0].known for each in (None, known)
        )
        assert (covered.high - covered.low > plain.high - plain.low + 0.01) == widened, row
        assert covered.value == plain.value


def test_the_name_of_a_series_is_that_of_the_folder_and_says_which_other_machine_measured_it(tmp_path: Path) -> None:
    new, _ = two_sides(tmp_path)
    own, copied = (points("a", slim(new, "complexity"), folder)[0] for folder in ("machine", "box"))
    assert own.label == "machine, version 1" and own.what != copied.what
    assert copied.label == "box, measured on machine machine, version 1"
