import json
from dataclasses import replace

import made_up
import pytest
from made_up import COLUMNS, GFLOPS, RECIPE, ROWS

from reidbench.reporting.documents.block import CONTINUED, WORDS, text_lines
from reidbench.reporting.figures.style import setting
from reidbench.reporting.tables import matching
from reidbench.reporting.tables.layout import PUBLISHED, block_title, blocks
from reidbench.reporting.tables.table import assemble, heading_of, over_reference, shared
from reidbench.reporting.tables.terminal import terminal_text
from reidbench.spec import Column, Published, Row

MEAN_AP, EMBLEM, TEMPO, GFLOPS_AT, PARAMS_AT, LATENCY, RATIO, CUDA = range(8)


def heading(table, index):
    return next(found for found in table.headings if found.index == index)


def test_every_entry_is_ok_when_everything_is_measured(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    states = {entry.state for (_, index), entry in table.entries.items() if index != CUDA}
    assert states == {"ok"}
    assert table.warnings == ()
    assert table.entries["Base", MEAN_AP].estimate.n == 1


def test_the_states_of_cells_without_a_record_differ(bench):
    small, base, full = (bench.cell(row, COLUMNS[GFLOPS_AT]) for row in ROWS)
    bench.save(small, "failed", "ValueError: made to fail")
    bench.save(base, "out-of-memory", "8 GiB were not enough")
    table = assemble(bench.plan, bench.store)
    assert table.entries["Small", GFLOPS_AT].state == "failed"
    assert table.entries["Small", GFLOPS_AT].reason == "ValueError: made to fail"
    assert table.entries["Base", GFLOPS_AT].state == "out-of-memory"
    assert table.entries["Full", GFLOPS_AT].state == "missing"
    assert table.entries["Full", CUDA].state == "absent"
    assert all(entry.estimate is None for entry in table.entries.values())
    assert {entry.state for entry in table.entries.values()} <= {"ok", "partial", "stale", *WORDS}
    assert full.key not in {record.key for record in bench.store.records()}


def test_values_over_the_reference_rows_are_those_of_rows_that_are_fresh(bench):
    bench.save(bench.cell(ROWS[0], COLUMNS[GFLOPS_AT]))
    table = assemble(bench.plan, bench.store)
    assert over_reference(table, heading(table, GFLOPS_AT)) == {}, "the reference row has no value"
    bench.save(bench.cell(ROWS[1], COLUMNS[GFLOPS_AT]))
    table = assemble(bench.plan, bench.store)
    assert over_reference(table, heading(table, GFLOPS_AT)) == {"Small": GFLOPS["Small"] / GFLOPS["Base"], "Base": 1}
    assert over_reference(table, heading_of(table, "complexity.macs")) == {}, "there is no such column"


@pytest.mark.parametrize(
    ("old", "where"),
    [
        ({}, "code of the model"),
        ({"trunk": "synthetic beef"}, "trunk"),
        ({"version": 0}, "version of the measurement"),
        ({"dataset": {"name": "synthetic", "fingerprint": "beef", "options": {}}}, "content of the dataset"),
    ],
)
def test_a_record_of_what_has_changed_since_is_stale_and_has_no_difference(bench, old, where):
    bench.source = "now" if old else "then"
    bench.save(bench.cell(ROWS[0], COLUMNS[MEAN_AP], **old))
    bench.source = "now"
    entry = assemble(bench.plan, bench.store).entries["Small", MEAN_AP]
    assert (entry.state, entry.reason) == ("stale", f"measured with another {where}")
    assert entry.estimate is not None and entry.difference is None and entry.fresh is None


def test_a_latency_against_an_older_reference_row_is_stale_and_against_another_one_is_not_shown(bench):
    reference = {"model": "toy", "options": {"width": 4}, "source": "now"}
    made = bench.cell
    bench.cell = lambda row, column, *at, **changes: made(row, column, *at, **{"reference": reference, **changes})
    bench.save(bench.cell(ROWS[0], COLUMNS[LATENCY], reference={**reference, "source": "then"}))
    bench.save(bench.cell(ROWS[1], COLUMNS[LATENCY], reference={**reference, "options": {"width": 9}}))
    table = assemble(bench.plan, bench.store)
    assert table.entries["Small", LATENCY].state == "stale"
    assert "code of the reference row" in table.entries["Small", LATENCY].reason
    assert table.entries["Base", LATENCY].state == "missing"


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": {**RECIPE.identity, "steps": 1}},
        {"dataset": {"name": "synthetic", "fingerprint": "f00d", "options": {"people": 9}}},
        {"protocol": {"name": "other"}},
        {"device": "cuda"},
        {"seed": 5},
    ],
)
def test_a_record_of_another_request_is_not_shown_at_all(bench, other):
    bench.source = "then"
    bench.save(bench.cell(ROWS[0], COLUMNS[MEAN_AP], **other))
    bench.source = "now"
    assert assemble(bench.plan, bench.store).entries["Small", MEAN_AP].state == "missing"


def test_what_a_record_holds_nothing_for_says_why(bench):
    record = bench.save(bench.cell(ROWS[0], COLUMNS[GFLOPS_AT]), lacking={"gflops": "ptflops not installed"})
    bench.store.save(replace(record, values={name: value for name, value in record.values.items() if name != "gflops"}))
    entry = assemble(bench.plan, bench.store).entries["Small", GFLOPS_AT]
    assert (entry.state, entry.reason) == ("skipped", "ptflops not installed")


def test_an_accuracy_over_queries_that_a_dataset_has_not_is_skipped_for_that(bench):
    emblem = next(index for index, column in enumerate(COLUMNS) if column.field == "mAP_emblem")
    record = bench.save(bench.cell(ROWS[0], COLUMNS[emblem]))
    nobody = [0.0] * len(record.samples["ap"])
    bench.store.save(replace(record, samples={**record.samples, "factor:emblem": nobody}))
    table = assemble(bench.plan, bench.store)
    entry = table.entries["Small", emblem]
    assert (entry.state, entry.reason) == ("skipped", "of no query here")
    names = {text for block in blocks(table) for text in block.header}
    assert "mAP, emblem twins (%)" not in names and "mAP, tempo twins (%)" in names, "a column of nothing else"
    bench.save(bench.cell(ROWS[1], COLUMNS[emblem]))
    names = {text for block in blocks(assemble(bench.plan, bench.store)) for text in block.header}
    assert "mAP, emblem twins (%)" in names


def test_some_seeds_of_several_are_partial(bench):
    bench.seeds = 3
    for seed in (0, 1):
        bench.save(bench.cell(ROWS[0], COLUMNS[MEAN_AP], seed))
    entry = assemble(bench.plan, bench.store).entries["Small", MEAN_AP]
    assert (entry.state, entry.estimate.n) == ("partial", 2)
    assert entry.reason.startswith("2 of 3 seeds")
    assert "[2 of 3 seeds]" in terminal_text(assemble(bench.plan, bench.store), 100)


def test_accuracy_on_another_dataset_has_no_difference_but_counts_have(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    accuracy = table.entries["Full", MEAN_AP]
    assert accuracy.published == "86.0" and accuracy.difference is None
    assert "another dataset" in accuracy.incomparable
    assert table.entries["Full", GFLOPS_AT].difference == pytest.approx(GFLOPS["Full"] / 1e9 - 1.99)


@pytest.mark.parametrize(
    ("dataset", "size", "reason"),
    [
        ({"name": "mars", "fingerprint": "1"}, [256, 128], ""),
        ({"name": "mars", "fingerprint": "1"}, [64, 32], "another scale"),
        ({"name": "mars", "fingerprint": "1", "subset": True}, [256, 128], "subset"),
    ],
)
def test_accuracy_is_compared_on_the_published_dataset_whole_and_at_its_scale(
    bench, monkeypatch, dataset, size, reason
):
    bench.dataset = dataset
    monkeypatch.setattr("made_up.RECIPE", replace(RECIPE, size=tuple(size)))
    bench.save(bench.cell(ROWS[0], COLUMNS[MEAN_AP]))
    entry = assemble(bench.plan, bench.store).entries["Small", MEAN_AP]
    assert (entry.difference is None) == bool(reason)
    assert reason in entry.incomparable


def test_one_seed_is_never_bold_and_a_clear_lead_over_three_is(bench):
    bench.save_all()
    assert heading(assemble(bench.plan, bench.store), MEAN_AP).best == ""
    bench.seeds, bench.rows = 3, ROWS[:2]
    bench.save_all()
    assert heading(assemble(bench.plan, bench.store), MEAN_AP).best == "Base"


def test_a_gap_within_the_noise_of_three_seeds_is_not_bold(bench):
    bench.seeds, bench.rows = 3, ROWS[1:]
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    assert table.entries["Full", MEAN_AP].estimate.value > table.entries["Base", MEAN_AP].estimate.value
    assert heading(table, MEAN_AP).best == ""


def test_the_fastest_row_of_one_session_is_bold_where_sessions_are_calibrated_and_counts_never_are(bench):
    bench.save_all()
    assert heading(assemble(bench.plan, bench.store), LATENCY).best == ""
    bench.calibrate()
    table = assemble(bench.plan, bench.store)
    assert heading(table, LATENCY).best == "Small"
    assert heading(table, GFLOPS_AT).best == heading(table, PARAMS_AT).best == ""


def test_rows_are_judged_by_the_first_column_that_can_and_by_the_first_accuracy(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    assert [found.index for found in table.judged] == [MEAN_AP]
    other = replace(heading(table, EMBLEM), column=replace(COLUMNS[EMBLEM], quantity="ranking.found"))
    first = replace(table, headings=(other, *(h for h in table.headings if h.index != EMBLEM)))
    assert [found.index for found in first.judged] == [EMBLEM, MEAN_AP]


def test_records_of_other_settings_in_one_column_are_named(bench):
    bench.save_all(without="Full")
    bench.save(bench.cell(ROWS[2], COLUMNS[MEAN_AP], trunk="synthetic beef"))
    table = assemble(bench.plan, bench.store)
    assert table.warnings == ("accuracy: rows differ in their trunk: Full from Small",)


def test_what_models_of_one_kind_of_trunk_share_may_differ_from_the_others(bench, monkeypatch):
    bench.save_all(without="Full")
    bench.save(bench.cell(ROWS[2], COLUMNS[MEAN_AP], trunk="synthetic beef"))
    monkeypatch.setattr(matching, "_trunk", lambda record: "vit" if record.row == "Full" else "resnet")
    assert assemble(bench.plan, bench.store).warnings == ()
    monkeypatch.setattr(matching, "_trunk", lambda record: "resnet" if record.row == "Small" else "vit")
    assert assemble(bench.plan, bench.store).warnings == ("accuracy: rows differ in their trunk: Full from Base",)


def test_records_of_another_machine_in_the_folder_are_named(bench):
    bench.save_all()
    record = bench.store.load(bench.cell(ROWS[0], COLUMNS[GFLOPS_AT]))
    bench.store.save(replace(record, machine="elsewhere"))
    warnings = assemble(bench.plan, bench.store).warnings
    assert "records of machine elsewhere lie in the folder of made-up" in warnings


def test_rows_without_a_model_are_published_only(bench):
    published = (Published({"mAP": "79.9"}, "mars", "Table 1"),)
    bench.rows = (*ROWS[:2], replace(ROWS[2], approximate=True), Row("Elsewhere", "", {}, published))
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    entry = table.entries["Elsewhere", MEAN_AP]
    assert (entry.state, entry.published, entry.estimate) == ("published", "79.9", None)
    found = blocks(table, 200)
    rows = {block.title.partition(":")[0]: [line[0] for line in block.lines] for block in found}
    assert rows["Accuracy"] == ["Small", "Base", "Full ≈", "Elsewhere †"]
    assert rows["Cost"] == ["Small", "Base", "Full ≈"], "a block for which nothing was published leaves the row out"
    assert [note[0] for note in found[0].notes[-2:]] == ["†", "≈"] and [note[0] for note in found[-1].notes] == ["≈"]
    assert found[0].notes[-2] == "† published only: Elsewhere (the registry does not have this method yet)."


def test_rows_without_a_model_say_why_each_with_its_reason(bench):
    published = (Published({"mAP": "79.9"}, "mars", "Table 1"),)
    reasons = {"Nowhere": "no code", "Elsewhere": "", "Hidden": "no code"}
    bench.rows = (*ROWS, *(Row(name, "", {}, published, absent=reason) for name, reason in reasons.items()))
    bench.save_all()
    note = blocks(assemble(bench.plan, bench.store), 200)[0].notes[-1]
    told = "Nowhere, Hidden (no code); Elsewhere (the registry does not have this method yet)"
    assert note == f"† published only: {told}."


def test_what_was_published_of_other_data_stands_behind_what_was_measured(bench, monkeypatch):
    other = Column("accuracy.mAP", "mAP", dataset="mars")
    monkeypatch.setattr(made_up, "SUITE", replace(made_up.SUITE, columns=(other, *COLUMNS[3:])))
    plan = bench.plan
    absent = {(row.name, 0): "trained on synthetic, not on mars" for row in ROWS}
    cells = {place: own for place, own in plan.cells.items() if place[1]}
    titles = [block.title for block in blocks(assemble(replace(plan, cells=cells, absent=absent), bench.store), 200)]
    assert titles[-1] == PUBLISHED and titles[0].startswith("Cost: ") and PUBLISHED not in titles[:-1]


def test_times_on_a_gpu_have_a_digit_more(bench):
    cells, column = dict(bench.plan.cells), COLUMNS.index(Column("latency.latency", settings={"device": "cuda"}))
    cells |= {(row.name, column): bench.plan.cells[row.name, COLUMNS.index(Column("latency.latency"))] for row in ROWS}
    on_cpu = assemble(replace(bench.plan, cells=cells, absent={}), bench.store).headings
    cells |= {
        (row.name, column): tuple(
            replace(cell, settings={**cell.settings, "device": "cuda"}) for cell in cells[row.name, column]
        )
        for row in ROWS
    }
    on_gpu = assemble(replace(bench.plan, cells=cells, absent={}), bench.store).headings
    digits = {h.column.field: (h.quantity.digits, g.quantity.digits) for h, g in zip(on_cpu, on_gpu, strict=True)}
    assert digits["latency"] == (1, 2) and digits["ratio"] == (2, 2) and digits["params"] == (1, 1)


def test_a_block_in_which_nothing_is_measured_is_left_out_beside_others(bench):
    def titles():
        return {block.title.removesuffix(CONTINUED) for block in blocks(assemble(bench.plan, bench.store))}

    assert {"Cost: cpu, fp32, the paper's scale", "Cost: counted at the paper's scale"} <= titles()
    bench.save(bench.cell(ROWS[0], COLUMNS[3]))
    assert "Cost: cpu, fp32, the paper's scale" not in titles()
    bench.save(bench.cell(ROWS[0], COLUMNS[5]), status="failed")
    assert "Cost: cpu, fp32, the paper's scale" in titles(), "that it failed is to be seen"


def test_rows_of_which_nothing_is_run_are_left_out_where_they_are_most(bench):
    def rows():
        found = blocks(assemble(bench.plan, bench.store))
        (block,) = [block for block in found if block.title.startswith("Cost: cpu")]
        return [line[0] for line in block.lines], block.notes

    bench.save(bench.cell(ROWS[0], COLUMNS[5]))
    assert rows() == (["Small"], ("Left out: 2 rows of which nothing is run yet.",))
    bench.save(bench.cell(ROWS[1], COLUMNS[5]), status="failed")
    assert rows() == (["Small", "Base", "Full"], ())


def test_terminal_table_is_narrow_and_marks_states(bench):
    bench.save_all(without="Full")
    bench.save(bench.cell(ROWS[2], COLUMNS[LATENCY]), "failed", "made to fail")
    text = terminal_text(assemble(bench.plan, bench.store), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "failed" in text and "not run" in text and "cuda" not in text


def test_that_data_are_a_subset_is_said_in_tables_and_figures(bench) -> None:
    part = replace(bench, dataset={**bench.dataset, "subset": True})
    part.save_all()
    table = assemble(part.plan, part.store)
    accuracy = table.trained()
    for text in (block_title(accuracy, table), setting(table, accuracy)):
        assert "synthetic (a subset), protocol " in text


def test_numbers_are_right_aligned() -> None:
    assert text_lines([("", "found"), ("frames", "7")]) == ["        found", "frames      7"]


def test_a_heading_says_of_its_cells_only_what_all_of_them_share():
    one = {"device": "cpu", "threads": 2, "recipe": {"lr": 1.0, "size": [64, 32]}, "shape": {"frames": 8}}
    other = {"device": "cpu", "threads": 1, "recipe": {"lr": 2.0, "size": [64, 32]}, "shape": {"frames": 8}}
    assert shared([one]) == shared([one, one]) == one
    alike = {"device": "cpu", "recipe": {"size": [64, 32]}, "shape": {"frames": 8}}
    assert shared([one, other, one]) == shared([one, one, other]) == alike
    assert shared([one, {**one, "recipe": "another"}, {"device": "cpu", "threads": 2}]) == {
        "device": "cpu",
        "threads": 2,
    }


def test_another_machines_calibration_in_the_folder_is_told_once(bench):
    """A folder that was renamed, or into which the file was copied, is read all the same."""
    bench.save_all()
    bench.calibrate()
    path = bench.store.folder / "calibration.json"
    for origin, told in (
        (bench.store.name, ()),
        ("there", ("a calibration of machine there that lies in the folder",)),
    ):
        found = json.loads(path.read_text())
        path.write_text(json.dumps({**found, "about": {"device": "cpu", "machine": origin}}))
        table = assemble(bench.plan, bench.store)
        assert len(table.warnings) == len(told) and all(text in table.warnings[0] for text in told)
        assert table.noise, "it counts"
