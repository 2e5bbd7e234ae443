"""The ratio of the row in focus by the number of clips at once: as a figure, and as a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from reidbench.reporting.figures.batches import batches_figure
from reidbench.reporting.findings.throughputs import ratios_by_batch, throughput_findings
from reidbench.reporting.tables.table import Table, assemble
from reidbench.scatter import Noise
from reidbench.store import Store

Fill = Callable[..., Table]

TIMES = {
    "baseline": {1: [9.0, 4.0], 2: [5.0, 6.0], 4: [8.0, 9.0], 8: [16.0, 17.0]},
    "bicnet_tks": {1: [8.0, 9.0], 2: [7.0, 6.0], 4: [6.0, 8.1]},
}
RATES = {"baseline": [10.0] * 6, "bicnet_tks": [25.0, 20.0, 20.0, 20.0, 20.0, 16.0]}


@pytest.fixture
def timed(filled: Fill, tmp_path) -> Callable[..., Table]:
    """The suite of a GPU's costs, with these seconds by batch; `apart`: each row in a session of its own.

    `batch` is the best one on the CPU."""

    def make(apart: bool = False, batch: float = 4.0) -> Table:
        table = filled("overhead", gpu="Imaginary GPU")
        store = Store(tmp_path, "made-up")
        for record in list(store.records("throughput")):
            model = "bicnet_tks" if record.row == "BiCnet-TKS" else "baseline"
            samples = {f"seconds_batch_{batch}": seconds for batch, seconds in TIMES[model].items()}
            started = f"2026-01-0{1 + (model == 'baseline')}T00:00:00+00:00" if apart else record.started
            samples = {**samples, "frames_per_second": RATES[model]}
            best = batch if record.cell["settings"]["device"] == "cpu" else 4.0
            store.save(replace(record, samples=samples, values={"batch": best}, started=started))
        return assemble(table.plan, store)

    return make


def test_a_line_for_each_setting_goes_over_the_batches_of_both_rows(timed) -> None:
    figure = batches_figure(timed())
    assert figure is not None
    (axis,) = figure.axes
    lines = {str(line.get_label()): line for line in axis.lines if line.get_label() != "_nolegend_"}
    assert list(lines)[1:] == [
        *("MACs: 0.44", "cpu, fp32, 2 threads", "cpu, bf16, 2 threads"),
        *("cuda, fp32", "cuda, ieee32", "cuda, bf16"),
    ]
    assert [list(axis) for axis in lines["cuda, fp32"].get_data()] == [[1, 2, 4], pytest.approx([2.25, 1.0, 0.9])]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["1", "2", "4"]


def test_left_of_one_clip_stands_the_latency_ratio_with_its_interval_and_single_readings_are_called_so(timed) -> None:
    table = timed()
    figure = batches_figure(table)
    assert figure is not None
    (axis,) = figure.axes
    marks = [container[0] for container in axis.containers]
    places = [float(mark.get_xdata()[0]) for mark in marks]
    assert len(marks) == 5 and places == sorted(places) and places[0] > 0.5 and places[-1] < 1
    heading = next(h for h in table.headings if h.column.quantity == "latency.ratio")
    assert marks[0].get_ydata()[0] == table.fresh(heading)["BiCnet-TKS"][0].value
    small = " ".join(figure.texts[-1].get_text().split())
    assert "one reading a point, no interval; left of 1 clip" in small and "over 20 rounds" in small
    alone = replace(table, headings=tuple(h for h in table.headings if h.column.measurement != "latency"))
    figure = batches_figure(alone)
    assert figure is not None and not figure.axes[0].containers
    assert "one reading a point, no interval; on" in " ".join(figure.texts[-1].get_text().split())


def test_precisions_differ_in_dash_and_backends_in_mark_so_that_grey_tells_them_apart(once: Fill) -> None:
    figure = batches_figure(once("gpu", gpu="Imaginary GPU"))
    assert figure is not None
    looks = {
        str(line.get_label()): (str(line._unscaled_dash_pattern), line.get_marker())
        for line in figure.axes[0].lines
        if str(line.get_label()).startswith("cuda")
    }
    assert len(looks) == len(set(looks.values())) == 4
    assert looks["cuda, fp32"][0] == looks["cuda, fp32, cudagraph"][0] != looks["cuda, bf16"][0]
    assert looks["cuda, bf16"][1] == looks["cuda, fp32"][1] != looks["cuda, fp32, cudagraph"][1]


def test_the_sentence_has_the_ratio_at_the_best_batches_and_where_it_comes_below_1(timed) -> None:
    (said,) = throughput_findings(timed())
    start = "BiCnet-TKS over Base-B, time per frame of many clips at once, each at its best batch: "
    first = "0.50x on cpu, fp32 (4 and 4 clips; below 1 from 4 on)"
    assert said.startswith(f"{start}{first}; 0.50x on cpu, bf16") and said.count("below 1 from 4 on") == 5


def test_a_number_of_threads_that_the_suite_names_is_said(timed) -> None:
    table = timed()
    heading = next(h for h in table.headings if h.column.measurement == "throughput")
    on_one = replace(heading, column=replace(heading.column, settings={"threads": 1}))
    (said,) = throughput_findings(replace(table, headings=(on_one,)))
    assert said.endswith(": 0.50x on cpu, fp32, 1 thread (4 and 4 clips; below 1 from 4 on).")


def test_a_line_says_how_many_threads_ran_it(timed) -> None:
    table = timed()
    heading = next(h for h in table.headings if h.column.measurement == "throughput")
    figure = batches_figure(replace(table, headings=(replace(heading, settings={**heading.settings, "threads": 1}),)))
    assert figure is not None
    assert "cpu, fp32, 1 thread" in [str(line.get_label()) for line in figure.axes[0].lines]


def test_one_clip_is_not_called_many(timed) -> None:
    (said,) = throughput_findings(timed(batch=1.0))
    assert said.startswith("BiCnet-TKS over Base-B, time per frame, each at its best batch: 0.50x on cpu, fp32 (one")
    assert "many" not in said and "(one clip each; below 1 from 4 on)" in said and "(4 and 4 clips; " in said


def test_where_it_is_known_how_sessions_differ_the_sentence_has_an_interval_that_covers_it(timed) -> None:
    table = replace(timed(), noise={"cuda": Noise(0.1, 0.0)})
    (said,) = throughput_findings(table)
    low, high = map(float, re.search(r"0\.50x \[(\S+), (\S+)\] on cuda, fp32 ", said).groups())
    assert low < 0.40 < 0.62 < high and "0.50x on cpu" in said


def test_rows_of_different_sessions_are_not_paired(timed) -> None:
    table = timed(apart=True)
    assert not any(ratios_by_batch(table, heading) for heading in table.headings)
    assert not list(throughput_findings(table)) and batches_figure(table) is None


def test_where_it_is_below_1_from_one_clip_on_nothing_is_said_of_it(timed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIMES, "bicnet_tks", {1: [1.0], 2: [2.0]})
    (said,) = throughput_findings(timed())
    assert "below 1" not in said
    monkeypatch.setitem(TIMES, "bicnet_tks", {1: [10.0], 2: [12.0]})
    (said,) = throughput_findings(timed())
    assert "below 1" not in said, "nor where it never is"
