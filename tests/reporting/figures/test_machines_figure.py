"""One row beside another on every machine: what is gathered, said, written and drawn, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from filling import fill

from reidbench import registry
from reidbench.cli import main
from reidbench.reporting.figures.machines import PALE, machines_figure
from reidbench.reporting.findings.machines import Comparison, compare_machines, headlines
from reidbench.reporting.machines import machine_block, remarks
from reidbench.reporting.tables.dataframe import stores
from reidbench.spec import Cell, key_of
from reidbench.store import Store

SECONDS = {"cpu": 0.3, "cuda": 0.9}
"""Of a frame of BiCnet-TKS by device; one of Base-B takes 0.5."""

RATES = {"Base-B (256x128)": 10.0, "BiCnet-TKS": 16.0}


def seconds(cell: Cell) -> float:
    return SECONDS.get(cell.settings.get("device", ""), 0.5) if cell.row == "BiCnet-TKS" else 0.5


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two machines: one has the CPU and GPU columns of `overhead`, the other the CPU's times of one clip alone."""
    folder = tmp_path_factory.mktemp("measured")
    store = Store(folder, "made-up")
    fill(store, "overhead", seconds, gpu="Imaginary GPU")
    for record in list(store.records("throughput")):
        store.save(replace(record, samples={"frames_per_second": [RATES.get(record.row, 1.0)] * 3}))
    shutil.copytree(folder / "made-up", folder / "other")
    for path in (folder / "other").rglob("*.json"):
        if path.name != "machine.json" and ("latency" not in path.parts or '"cuda"' in path.read_text()):
            path.unlink()
    return folder


@pytest.fixture
def results(measured: Path, tmp_path: Path) -> Path:
    """A copy of what was measured, for one test."""
    return shutil.copytree(measured, tmp_path / "results")


def gathered(results: Path, suite: str = "overhead") -> Comparison:
    return compare_machines(suite, registry.suite(suite), stores(str(results)))


def test_each_way_of_running_the_two_rows_is_there_once_with_its_ratios(results: Path) -> None:
    found = gathered(results)
    assert (found.row, found.reference, [place.name for place in found.places]) == (
        *("BiCnet-TKS", "Base-B"),
        ["made-up", "other"],
    )
    ways = {way.ran_on: way for way in found.places[0].ways}
    assert len(ways) == len(found.places[0].ways) == 11
    cpu, cuda = ways["cpu", "fp32"], ways["cuda", "bf16", "fused"]
    assert cpu.ratio and cuda.ratio and cpu.at_once
    assert (cpu.ratio.value, cuda.ratio.value) == (pytest.approx(0.6), pytest.approx(1.8))
    assert [known.value for known in cpu.times] == pytest.approx([0.5 * 1.15, 0.3 * 1.15])
    assert (cpu.at_once.value, cpu.clips) == (pytest.approx(10 / 16), (4, 4)) and cuda.at_once is None
    assert [(way.ran_on, way.at_once) for way in found.places[1].ways] == [
        (("cpu", "fp32"), None),
        (("cpu", "bf16"), None),
    ]


def test_a_record_counts_for_whatever_suite_it_was_measured(results: Path) -> None:
    of_suites = [
        {way.ran_on: way.ratio and way.ratio.value for way in gathered(results, suite).places[0].ways}
        for suite in ("overhead", "table2", "end_to_end")
    ]
    assert of_suites[0] == of_suites[1] == of_suites[2] and len(of_suites[0]) == 11


def test_of_rows_of_one_network_the_reference_row_and_the_one_in_focus_are_compared(results: Path) -> None:
    suite = registry.suite("overhead")
    base, focus = (next(row for row in suite.rows if row.name == name) for name in (suite.reference, suite.focus))
    twins = (replace(focus, name="First"), base, replace(base, name="Other"), focus)
    found = compare_machines("mine", replace(suite, rows=twins), stores(str(results)))
    assert (found.row, found.reference) == ("BiCnet-TKS", "Base-B")
    assert {way.ran_on: way.ratio and way.ratio.value for way in found.places[0].ways}["cpu", "fp32"] == pytest.approx(
        0.6
    )


@pytest.mark.parametrize("text", ["~6", "5-6", "-", "0", "1e1"])
def test_a_published_time_that_is_no_plain_number_is_none(text: str, results: Path) -> None:
    suite = registry.suite("overhead")
    rows = tuple(
        replace(row, published=(replace(row.published[0], values={"latency_ms": text}),)) if row.published else row
        for row in suite.rows
    )
    assert compare_machines("overhead", replace(suite, rows=rows), stores(str(results))).published is None


def test_a_machine_by_itself_keeps_the_operations_that_another_has_counted(results: Path, capsys) -> None:
    assert main(["machines", "overhead", "--results", str(results), "--machine", "other"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "0.44x Base-B's multiply-accumulates" in said and "Many clips" not in said


def test_a_single_ratio_is_told_as_one(results: Path) -> None:
    found = gathered(results)
    one = replace(found.places[1], ways=found.places[1].ways[:1])
    once, share, _ = headlines(replace(found, places=(one,)))
    assert once.startswith("One clip at a time: BiCnet-TKS over Base-B, in the only way measured, 0.60x [")
    _, near, _ = headlines(replace(found, places=(one,), share=0.599))
    assert share.endswith("of 1 ratios of time none is as small.") and "interval" not in near
    wide = replace(one.ways[0], ratio=replace(one.ways[0].ratio, low=0.5))
    _, near, none = headlines(
        replace(found, places=(replace(one, ways=(wide,)),), share=0.599, published=replace(found.published, high=0.55))
    )
    assert near.endswith("none is as small, and the interval of 1 more reaches it.")
    assert none.endswith("No ratio of one clip here lies within it.")


def test_what_is_out_of_date_is_left_out(results: Path) -> None:
    store = Store(results, "made-up")
    for record in list(store.records("latency")):
        store.path(record).unlink()
        cell = {**record.cell, "source": "another"}
        store.save(replace(record, cell=cell, key=key_of(cell)))
    assert all(way.ratio is None for way in gathered(results).places[0].ways)


def test_the_sentences_count_and_name_the_extremes_and_hold_them_against_what_is_published(results: Path) -> None:
    once, many, share, published = headlines(gathered(results))
    assert once.startswith("One clip at a time: BiCnet-TKS takes less time than Base-B in 4 of 13 ways; from 0.60x [")
    assert "(cpu, fp32 on made-up) to 1.80x [" in once and once.endswith("on made-up).")
    assert "in each of 5 ways; from 0.62x (" in many
    assert share == "BiCnet-TKS has 0.44x Base-B's multiply-accumulates: of 18 ratios of time none is as small."
    assert "11 and 6 ms of one clip, by their digits a ratio of 0.48 to 0.62. One clip here lies within it" in published
    assert published.endswith("on made-up by cpu, fp32 / cpu, bf16; on other by cpu, fp32 / cpu, bf16.")


def test_what_is_in_doubt_is_marked_remarked_drawn_pale_and_left_out_of_the_sentences(results: Path, capsys) -> None:
    store = Store(results, "made-up")
    for record in list(store.records("latency")):
        if record.cell["settings"]["backend"] == "fused" and record.cell["settings"]["precision"] == "bf16":
            store.save(replace(record, context={**record.context, "other_load": 1.5}))
    for record in list(store.records("throughput")):
        if record.row == "Base-B (256x128)" and record.cell["settings"]["precision"] == "ieee32":
            fallen = {f"seconds_batch_{batch}": [batch / rate] for batch, rate in ((1, 8), (2, 10), (4, 9))}
            store.save(replace(record, samples={**record.samples, **fallen}))
    found = gathered(results)
    once, many, share, _, left = headlines(found)
    assert "in 4 of 12 ways" in once and "in each of 4 ways" in many and "of 16 ratios" in share
    assert left == (
        "Left out of all this, as the remarks put it in doubt: many clips by cuda, ieee32 on made-up; "
        "one clip by cuda, bf16, fused on made-up."
    )
    lines = {line[0]: line[3:5] for line in machine_block(found, found.places[0]).lines}
    assert lines["cuda, bf16, fused"] == ("1.80 ± 0.00 †", "-") and "†" not in lines["cuda, fp32, fused"][0]
    assert lines["cuda, ieee32"][1].endswith(" †") and not lines["cuda, fp32"][1].endswith("†")
    (axis,) = machines_figure(found).axes
    assert [container.lines[0].get_alpha() for container in axis.containers].count(PALE) == 2
    assert main(["machines", "overhead", "--results", str(results)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("made-up: The machine was busy (other processes used 1.50 cores)") == 1
    assert said.count("best batch of Base-B (256x128) ended at 4 clips, where its rate fell, in") == 1


def test_records_of_another_machine_in_a_folder_are_remarked(results: Path) -> None:
    for path in (results / "other" / "latency").glob("*.json"):
        path.unlink()
    for path in (results / "made-up" / "latency").glob("*.json"):
        shutil.copy(path, results / "other" / "latency" / path.name)
    text = "\n".join(remarks(gathered(results)))
    assert "other: records of machine made-up lie in the folder of other." in text


def test_without_a_ratio_of_one_clip_nothing_is_said_of_the_published_one(results: Path) -> None:
    found = gathered(results)
    many = tuple(replace(way, ratio=None) for way in found.places[0].ways if way.at_once)
    assert not any(
        "Published" in text for text in headlines(replace(found, places=(replace(found.places[0], ways=many),)))
    )


def test_of_other_rows_than_the_published_ones_nothing_is_said_to_be_published(results: Path) -> None:
    suite = replace(registry.suite("overhead"), focus="Two-branch (TB)")
    found = compare_machines("overhead", suite, stores(str(results)))
    assert found.published is None and found.row == "Two-branch"
    once, *_, share = headlines(found)
    assert "1.00x" in once and "ways" in once and share.startswith("Two-branch has 0.44x")


def test_a_table_has_a_dash_for_what_was_not_measured_and_the_figure_a_mark_for_what_was(results: Path) -> None:
    found = gathered(results)
    block = machine_block(found, found.places[1])
    assert block.title == "other (Imaginary 9000; Imaginary GPU; 2 cores)"
    assert block.lines[0] == ("cpu, fp32", "575.0", "345.0", "0.60 ± 0.00", "-", "-")
    figure = machines_figure(found)
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()][11:] == [
        "cuda, bf16, cudagraph",
        "other",
        "cpu, fp32",
        "cpu, bf16",
    ]
    marks = [container.get_label() for container in axis.containers]
    assert (marks.count("one clip at a time"), marks.count("many at once, each row at its best batch")) == (13, 5)
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 4


def test_the_command_writes_the_report_with_its_figure_and_prints_it(results: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["machines", "overhead", "--results", str(results), "--format", "md", "html", "latex"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.replace(str(results), "").splitlines())) <= 80
    assert "in 4 of 13 ways" in printed.replace("\n", " ") and "cuda, ieee32, cudagraph" in printed
    names = {path.name for path in results.iterdir() if path.is_file()}
    assert {f"machines-overhead.{ending}" for ending in ("md", "html", "tex")} <= names
    assert {f"machines-overhead-ratios.{ending}" for ending in ("svg", "png", "pdf")} <= names
    text = (results / "machines-overhead.md").read_text()
    assert "](machines-overhead-ratios.svg)" in text and text.count("| cpu, bf16 ") == 2


def test_the_command_answers_as_json_for_one_row_and_machine(results: Path, capsys) -> None:
    asked = ["machines", "overhead", "--results", str(results), "--machine", "other", "--row", "BiCnet", "--json"]
    assert main(asked) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["row"] == "BiCnet" and [place["name"] for place in answer["places"]] == ["other"]
    assert (results / "machines-overhead-bicnet-other.md").is_file(), "that of all machines is not written over"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["machines", "overhaed"], "overhead"),
        (["machines", "paper"], "is a collection of"),
        (["machines", "overhead", "--row", "BiCnet-TK"], "'BiCnet-TKS'"),
        (["machines", "recipe", "--row", "Base-B, without triplets"], "is the network of the reference row"),
        (["machines", "overhead", "--row", "Base-B (256x128)"], "is the network of the reference row"),
        (["machines", "recipe"], "has no row in focus; give --row, one of "),
        (["machines", "overhead", "--machine", "othr"], "no machine is named 'othr'; did you mean 'other'?"),
        (["machines", "table3", "--machine", "other"], "other has no times of both"),
        (["machines", "table3"], "no machine there has times of both"),
        (["machines", "overhead", "--format", "doc"], "doc"),
    ],
)
def test_what_cannot_be_compared_is_one_line(asked: list[str], said: str, results: Path, capsys) -> None:
    assert main([*asked, "--results", str(results)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(results.glob("machines*"))
