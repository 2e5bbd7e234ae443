"""Frames: every line identified, stale where a report says so, with the intervals of a report."""

from dataclasses import replace

import pandas as pd
import pytest
from made_up import COLUMNS, ROWS, SUITE

from reidbench import registry
from reidbench.data import synthetic
from reidbench.reporting.answers import evaluation_frame as evaluation_frames
from reidbench.reporting.answers.evaluation_frame import evaluation_frame
from reidbench.reporting.findings import difference_frame as difference_frames
from reidbench.reporting.findings.difference_frame import difference_frame
from reidbench.reporting.tables.dataframe import FRAME_COLUMNS, frame, to_frame
from reidbench.reporting.tables.table import assemble
from reidbench.spec import UserError
from reidbench.store import Store

TODAY = {"name": "synthetic", "fingerprint": synthetic.fingerprint(), "options": {}, "subset": False}
"""The data of a record that is not out of date."""

MEAN_AP, EMBLEM, TEMPO, GFLOPS_AT, PARAMS_AT, LATENCY, RATIO, CUDA = range(8)


def test_to_frame_has_a_line_a_row_and_column_in_the_units_shown(bench):
    bench.save_all()
    found = to_frame(assemble(bench.plan, bench.store))
    assert tuple(found.columns) == FRAME_COLUMNS
    assert len(found) == len(ROWS) * len(COLUMNS)
    line = found[(found.row == "Full") & (found.quantity == "gflops")].iloc[0]
    assert line.value == pytest.approx(2.0) and line.published == "1.99" and line.published_dataset == ""
    accuracy = found[(found.row == "Full") & (found.quantity == "mAP")].iloc[0]
    assert 45 < accuracy.low < accuracy.value < accuracy.high < 65
    assert (accuracy.published_dataset, accuracy.dataset, accuracy.protocol) == ("mars", "synthetic", "release")


def test_frame_lists_all_records_of_the_suite_whatever_their_label(bench, toy):
    bench.source, bench.dataset = registry.model_source("toy"), TODAY
    bench.save_all(without="Full")
    cell = replace(bench.cell(ROWS[2], COLUMNS[GFLOPS_AT]), row="Full")
    bench.save(cell)
    bench.source = "then"
    bench.save(bench.cell(ROWS[2], COLUMNS[LATENCY]))
    found = frame("made_up", str(bench.store.folder.parent))
    assert tuple(found.columns) == FRAME_COLUMNS
    states = found.set_index(["row", "quantity"]).state
    assert states["Base", "mAP"] == states["Full", "gflops"] == "ok"
    assert states["Full", "latency"] == "stale"
    assert set(found[found.state == "stale"].reason) == {"measured with another code of the model"}
    assert ("Full", "mAP") not in states.index
    assert set(found.machine) == {"made-up"}
    assert not found.duplicated(["row", "quantity"]).any()


def test_a_record_that_another_machine_measured_says_so_in_its_reason(bench, toy):
    bench.source, bench.dataset = registry.model_source("toy"), TODAY
    bench.save_all()
    record = bench.store.load(bench.cell(ROWS[0], COLUMNS[LATENCY]))
    bench.store.save(replace(record, machine="elsewhere"))
    for found in (frame("made_up", str(bench.store.folder.parent)), to_frame(assemble(bench.plan, bench.store))):
        found = found[found.state == "ok"]
        told = {line.quantity: line.reason for line in found[found.row == "Small"].itertuples()}
        assert told["latency"] == told["ratio"] == "measured on machine elsewhere"
        assert told["gflops"] == "" and set(found[found.row != "Small"].reason) == {""}
        assert set(found.machine) == {"made-up"}, "the folder"


@pytest.mark.parametrize("load", [frame, difference_frame, lambda _, results: evaluation_frame(results)])
def test_a_damaged_record_is_named_with_how_the_other_machines_are_read_without_it(bench, toy, load, monkeypatch):
    bench.source, bench.dataset = registry.model_source("toy"), TODAY
    bench.save_all()
    results, other = bench.store.folder.parent, Store(bench.store.folder.parent, "other")
    other.introduce_machine()
    damaged = bench.store.path(bench.store.load(bench.cell(ROWS[0], COLUMNS[MEAN_AP])))
    damaged.write_text("{")
    monkeypatch.setattr(difference_frames, "reports_of", lambda suite, store: [store])
    monkeypatch.setattr(difference_frames, "recorded_plan", lambda *_: bench.plan)
    monkeypatch.setattr(evaluation_frames, "EVALUATION", "accuracy")
    with pytest.raises(UserError) as told:
        load("made_up", str(results))
    advice = f"; another machine is read alone by its own folder as results: {other.folder}"
    assert str(told.value).startswith(f"{damaged}: damaged (") and str(told.value).endswith(advice)
    with pytest.raises(UserError) as told:
        load("made_up", str(bench.store.folder))
    assert str(told.value).startswith(f"{damaged}: damaged (") and "another machine" not in str(told.value)


def test_frame_identifies_every_line_and_leaves_out_what_is_no_cell_of_the_suite(bench, toy):
    bench.source = registry.model_source("toy")
    bench.save_all()
    results = str(bench.store.folder.parent)
    before = frame("made_up", results)
    line = before[(before.row == "Full") & (before.quantity == "latency")].iloc[0]
    settings = bench.cell(ROWS[2], COLUMNS[LATENCY]).settings
    assert (line.backend, line.threads) == (settings.get("backend", ""), settings["threads"])
    assert line["shape"] == "x".join(map(str, settings["shape"]))
    bench.save(bench.cell(ROWS[2], COLUMNS[0], dataset={**bench.dataset, "options": {"occlusion": 0.5}}))
    bench.save(bench.cell(ROWS[2], COLUMNS[LATENCY], backend="onnxruntime"))
    bench.save(bench.cell(ROWS[2], COLUMNS[LATENCY], threads=7))
    found = frame("made_up", results)
    assert len(found) == len(before) + 2 and 7 in list(found.threads)
    measured = {"value", "low", "high", "n", "sd", "published", "difference"}
    assert not found.duplicated([name for name in FRAME_COLUMNS if name not in measured]).any()
    more = frame("made_up", results, all_data=True)
    assert len(more) > len(found) and "occlusion 0.5" in set(more.dataset_options)


def test_rows_that_differ_in_their_recipe_alone_are_told_apart(bench, toy, monkeypatch):
    bench.source, bench.dataset = registry.model_source("toy"), TODAY
    own = replace(ROWS[2], name="Full, smoothed", recipe={"smoothing": 0.1})
    bench.rows = (*ROWS, own)
    bench.save_all(without=own.name)
    for recipe in (own.recipe, {"smoothing": 0.2}, {"trunk": ""}):
        bench.save(bench.cell(replace(ROWS[2], recipe=recipe), COLUMNS[MEAN_AP]))
    plain = frame("made_up", str(bench.store.folder.parent))
    monkeypatch.setattr(registry, "suites_of", lambda name: {name: replace(SUITE, rows=bench.rows)})
    both = frame("made_up", str(bench.store.folder.parent))
    for found, rows in ((plain, {"Full"}), (both, {"Full", "Full, smoothed"})):
        lines = found[(found.quantity == "mAP") & found.row.str.startswith("Full")]
        assert list(lines.preset) == ["made-up"] * len(rows) and set(lines.row) == rows
    table = assemble(bench.plan, bench.store)
    assert set(to_frame(table)[lambda line: line.quantity == "mAP"].preset) == {"quick"}, "the plan's"
    assert table.warnings == ()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"version": 1}, ""),
        ({"version": 0}, "version of the measurement"),
        ({"training": 0}, "version of the trainer"),
        ({"trunk": "synthetic beef"}, "trunk"),
        ({"dataset": {**TODAY, "fingerprint": "beef"}}, "content of the dataset"),
        ({"reference": {"model": "toy", "source": "then"}}, "code of the reference row"),
    ],
)
def test_a_record_is_stale_in_a_frame_where_it_is_in_a_report(bench, toy, changes, where):
    bench.source, bench.dataset = registry.model_source("toy"), TODAY
    bench.save(bench.cell(ROWS[2], COLUMNS[MEAN_AP], **changes))
    bench.save(bench.cell(ROWS[2], COLUMNS[GFLOPS_AT]), "failed", "made to fail")
    found = frame("made_up", str(bench.store.folder.parent)).set_index("quantity")
    accuracy, failed = found.loc["mAP"], found.loc["gflops"]
    expected = ("stale", f"measured with another {where}") if where else ("ok", "")
    assert (accuracy.state, accuracy.reason) == expected and accuracy.value > 50
    assert pd.isna(accuracy.difference), "on another dataset than the published value"
    assert (failed.state, failed.reason) == ("failed", "made to fail")


def test_a_ratio_has_one_interval_in_a_frame_and_in_a_table(bench, toy):
    bench.source, bench.dataset = registry.model_source("toy"), TODAY
    bench.save_all()
    bounds = []
    for noise in (None, 0.1):
        if noise:
            bench.calibrate(noise)
        recorded = frame("made_up", str(bench.store.folder.parent)).set_index(["quantity", "row"])
        shown = to_frame(assemble(bench.plan, bench.store)).set_index(["quantity", "row"])
        for quantity, row in (("ratio", "Full"), ("ratio", "Base"), ("latency", "Full")):
            own = recorded.loc[(quantity, row)]
            in_table = shown[shown.state == "ok"].loc[(quantity, row)]
            assert (own.low, own.high) == (in_table.low, in_table.high)
            bounds.append(own.high / own.low)
    narrow, of_itself, time, wide, *same = bounds
    assert wide > narrow + 0.2 and same == [of_itself, time] and of_itself == 1


def test_a_frame_of_no_records_is_refused(bench, toy, tmp_path):
    nowhere = str(tmp_path / "none")
    with pytest.raises(UserError, match=f"no records under {nowhere}"):
        frame("made_up", nowhere)


def test_what_is_not_found_is_told_with_where_it_was_looked_for(bench, toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"no records under {tmp_path}/results: measure first, or give the folder"):
        frame("made_up")


def test_the_folder_of_one_machine_and_a_collection_are_taken(bench, toy, tmp_path, monkeypatch):
    bench.source = registry.model_source("toy")
    bench.save_all()
    everything = frame("made_up", str(bench.store.folder.parent))
    pd.testing.assert_frame_equal(frame("made_up", str(bench.store.folder)), everything)
    monkeypatch.chdir(bench.store.folder)
    pd.testing.assert_frame_equal(frame("made_up", "."), everything)
    slim = replace(SUITE, rows=ROWS[:1])
    monkeypatch.setattr(registry, "suites_of", lambda name: {"made_up": SUITE, "slim": slim})
    both = frame("both", str(bench.store.folder))
    pd.testing.assert_frame_equal(both[both.suite == "made_up"], everything)
    assert set(both[both.suite == "slim"].row) == {ROWS[0].name}
