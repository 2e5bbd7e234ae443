from dataclasses import replace

import pytest
from made_up import COLUMNS, RECIPE, ROWS

from reidbench.data.synthetic import LIMITS, SHOWS
from reidbench.machine import BUSY
from reidbench.presets import PRESETS
from reidbench.reporting.documents.document import Items
from reidbench.reporting.findings.methods import (
    ELSEWHERE,
    _as_of_today,
    _gpu_software,
    _recipes,
    _together,
    doubts,
    methods,
)
from reidbench.reporting.findings.summary import certainty
from reidbench.reporting.tables.table import assemble


def test_what_tables_share_stands_once_and_what_they_do_not_names_them():
    lines = {"one": ["same", "first"], "two": ["same"], "cost": []}
    assert list(_together(lines)) == ["same", "first (In one.)"]


def test_two_tables_of_the_same_columns_describe_them_once(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    once, twice = (methods(tables, "made-up", {"cpu": "Imaginary 9000"}) for tables in ([table], [table, table]))
    assert once == twice
    assert [found.title for found in once] == [
        "Columns and counting rules",
        "Training and data",
        "Machine and versions",
    ]


@pytest.mark.parametrize("trained", [True, False])
def test_what_nothing_was_trained_for_is_told_as_still_to_be_measured(bench, trained):
    for column in (COLUMNS[0], COLUMNS[3])[0 if trained else 1 :]:
        bench.save(bench.cell(ROWS[0], column))
    told = {
        part.title: [line for each in part.parts if isinstance(each, Items) for line in each.lines]
        for part in methods([assemble(bench.plan, bench.store)], "made-up", {})
    }
    (scale,) = [line for line in told["Columns and counting rules"] if "the scale of preset quick" in line]
    assert scale.startswith("mAP; ") and (": measured at " in scale, ": to be measured at " in scale) == (
        trained,
        not trained,
    )
    (seeds,) = [line for line in told["Training and data"] if line.startswith("Seeds: ")]
    assert seeds == ("Seeds: 1 seed a row." if trained else "Seeds: 1 seed a row, not trained yet.")
    (cost,) = [line for line in told["Columns and counting rules"] if line.startswith("GFLOPs/frame; Params: measured")]
    assert "the paper's scale" in cost


def test_every_dataset_that_a_table_trains_on_is_described(bench):
    bench.save_all()
    bench.save(bench.cell(ROWS[0], COLUMNS[0]), dataset_about="It has no weather.")
    training = methods([assemble(bench.plan, bench.store)], "made-up", {})[1]
    lines = next(part.lines for part in training.parts if isinstance(part, Items))
    assert any("fingerprint f00d" in line for line in lines)
    assert sum("It has no weather." in line for line in lines) == 1


def test_what_a_backend_ran_with_stands_once_under_the_versions_of_all(bench):
    bench.save_all()
    record = next(iter(bench.store.records()))
    bench.store.save(replace(record, versions={**record.versions, "openvino": "2026.4.1", "nncf": "3.4.0"}))
    (place,) = methods([assemble(bench.plan, bench.store)], "made-up", {})[2].parts
    told = [line for line in place.lines if line.startswith(("Versions: ", "Backend: "))]
    assert told == ["Versions: python 3.11.0, torch 2.9.0", "Backend: nncf 3.4.0, openvino 2026.4.1"]


def test_variables_that_change_a_number_stand_apart_from_the_versions(bench):
    bench.save_all()
    record = next(iter(bench.store.records()))
    bench.store.save(replace(record, versions={**record.versions, "LD_PRELOAD": "libjemalloc.so"}))
    (place,) = methods([assemble(bench.plan, bench.store)], "made-up", {})[2].parts
    told = [line for line in place.lines if line.startswith(("Versions: ", "Backend: ", "Environment: "))]
    assert told == ["Versions: python 3.11.0, torch 2.9.0", "Environment: LD_PRELOAD libjemalloc.so"]


TAUGHT = "The shared trunk was taught 768 persons, half of them at 32x16. There the coat flap stood still."
"""What a trunk's text begins with, and what it has of the cues of the synthetic data."""


def training_lines(bench, preset="quick"):
    table = assemble(bench.plan, bench.store)
    training = methods([replace(table, plan=replace(table.plan, preset=PRESETS[preset]))], "made-up", {})[1]
    return next(part.lines for part in training.parts if isinstance(part, Items))


def save_grouped(bench, cell, **context):
    """A record of a recipe that keeps look-alikes together, on data of which its `floor` says whether there are any."""
    record = bench.save(cell, dataset_about="mine: 12 queries.", trunk_about=TAUGHT)
    samples = {name: values for name, values in record.samples.items() if name != "floor" or context.get("floor")}
    bench.store.save(replace(record, samples=samples))


@pytest.mark.parametrize("floor", [True, False])
def test_other_data_are_not_told_of_as_the_synthetic_ones_are(bench, monkeypatch, floor):
    monkeypatch.setattr("made_up.RECIPE", replace(RECIPE, grouped=True))
    bench.dataset = {"name": "mine", "fingerprint": "f00d", "options": {}}
    save_grouped(bench, bench.cell(ROWS[0], COLUMNS[0]), floor=floor)
    lines = training_lines(bench)
    assert ELSEWHERE in lines and "The data: mine: 12 queries." in lines
    assert "The trunk: The shared trunk was taught 768 persons, half of them at 32x16." in lines
    text = "\n".join(lines)
    assert not any(said in text for said in ("can and cannot show", "missed the tempo", "coat flap"))
    assert ("look-alikes together" in text) == floor, "as the data have them"


def test_a_preset_without_rates_of_its_own_says_the_same_on_any_data(bench):
    bench.dataset = {"name": "mine", "fingerprint": "f00d", "options": {}}
    save_grouped(bench, bench.cell(ROWS[0], COLUMNS[0]))
    lines = training_lines(bench, "paper")
    assert ELSEWHERE not in lines and PRESETS["paper"].notes[0] in lines


def test_what_a_row_has_otherwise_stands_by_itself(bench, toy):
    own = replace(ROWS[2], name="Full, smoothed", recipe={"smoothing": 0.1, "trunk": ""})
    bench.rows = (*ROWS, own, replace(own, name="Small, smoothed", options={"width": 1}))
    bench.save(bench.cell(ROWS[2], COLUMNS[0]))
    lines = training_lines(bench)
    (shared,) = [line for line in lines if line.startswith("Recipe of Full, smoothed; Small, smoothed: ")]
    assert "labels smoothed" not in shared and "trunk from synthetic" in shared, "the preset's"
    assert "Otherwise of Full, smoothed; Small, smoothed: smoothing 0.1, trunk none." in lines


def test_the_synthetic_data_are_told_of_in_full(bench, monkeypatch):
    monkeypatch.setattr("made_up.RECIPE", replace(RECIPE, grouped=True))
    save_grouped(bench, bench.cell(ROWS[0], COLUMNS[0]))
    lines = training_lines(bench)
    assert ELSEWHERE not in lines and PRESETS["quick"].notes[0] in lines and f"The trunk: {TAUGHT}" in lines
    assert "What the data can and cannot show: mine: 12 queries." in lines
    assert "look-alikes together" in "\n".join(lines)


@pytest.mark.parametrize(("load", "lines"), [(0.1, 0), (8 * BUSY, 0), (8 * BUSY + 0.01, 1), (1.5, 1)])
def test_a_session_that_others_disturbed_is_told_once(bench, load, lines):
    """A tenth of the cores that compute is what they may use."""
    for row in ROWS:
        bench.save(bench.cell(row, COLUMNS[5]), other_load=load, threads=8)
    found = doubts(assemble(bench.plan, bench.store))
    assert len(found) == lines and all("distrust its times" in line for line in found)


@pytest.mark.parametrize(("slow", "told"), [(1.2, False), (1.3, True)])
def test_a_session_whose_readings_scatter_is_told_though_nobody_else_was_busy(bench, slow, told):
    for row in ROWS:
        record = bench.save(bench.cell(row, COLUMNS[5]), other_load=0.0)
        seconds = [0.1] * 9 + [0.1 * slow] * 11
        bench.store.save(replace(record, samples={**record.samples, "seconds": seconds}))
    table = assemble(bench.plan, bench.store)
    found = doubts(table)
    assert len(found) == told and all(line.startswith("Readings scatter (medians above 1.25 times") for line in found)
    summed = "The readings of 3 of 3 timings scatter as if something had disturbed them."
    assert (summed in certainty([table])) == told


def test_what_ran_on_a_gpu_says_what_it_was_and_what_float32_means_there(bench):
    facts = {"gpu": "NVIDIA H9", "cuda": "13.0", "cudnn": 91000, "cudnn_benchmark": False, "tf32_products": False}
    bench.save(bench.cell(ROWS[0], COLUMNS[5]), **facts, tf32_convolutions=True)
    machine = methods([assemble(bench.plan, bench.store)], "made-up", {})[-1]
    lines = [line for part in machine.parts if isinstance(part, Items) for line in part.lines]
    wanted = "NVIDIA H9: CUDA 13.0, cuDNN 91000, which chooses its algorithms by rules; fp32 is TF32 in convolutions."
    assert lines.count(wanted) == 1


def test_float32_without_tf32_is_called_by_its_name(bench):
    facts = {"gpu": "NVIDIA H9", "cuda": "13.0", "cudnn": 91000, "cudnn_benchmark": False, "tf32_products": False}
    for precision, rounded in (("ieee32", False), ("bf16", True)):
        cell = bench.cell(ROWS[0], COLUMNS[5])
        record = bench.save(
            replace(cell, settings={**cell.settings, "precision": precision}), **facts, tf32_convolutions=rounded
        )
        (said,) = _gpu_software(record)
        assert said.endswith("ieee32 is nowhere rounded to TF32." if precision == "ieee32" else "by rules.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": 9}, ["Recipe: 600 steps", "Clips of another length: Small (9 frames)."]),
        ({"steps": 700}, ["Recipe of Small: 700 steps", "Recipe of Base; Full: 600 steps"]),
    ],
)
def test_rows_that_are_trained_otherwise_are_named(bench, change, said):
    plan, recipes = bench.plan, {}
    for place, (cell,) in plan.cells.items():
        if "recipe" in cell.settings and place[0] == ROWS[0].name:
            recipes[place] = (
                replace(cell, settings={**cell.settings, "recipe": {**cell.settings["recipe"], **change}}),
            )
    table = assemble(replace(plan, cells={**plan.cells, **recipes}), bench.store)
    training = next(found for found in methods([table], "made-up", {}) if found.title == "Training and data")
    lines = [line for line in training.parts[0].lines if line.startswith(("Recipe", "Clips"))]
    assert len(lines) == len(said) and all(line.startswith(start) for line, start in zip(lines, said, strict=True))
    heading = table.headings[0]
    assert heading.settings["recipe"]["size"] == [64, 32] and not heading.settings["recipe"].keys() & change.keys()


def test_the_recipe_of_most_rows_does_not_name_them(bench, monkeypatch):
    monkeypatch.setattr("reidbench.reporting.findings.methods.MANY", 1)
    plan, cells = bench.plan, dict(bench.plan.cells)
    for place, (cell,) in plan.cells.items():
        if "recipe" in cell.settings and place[0] == ROWS[2].name:
            recipe = {**cell.settings["recipe"], "steps": 700}
            cells[place] = (replace(cell, settings={**cell.settings, "recipe": recipe}),)
    lines = list(_recipes(assemble(replace(plan, cells=cells), bench.store), lookalikes=True))
    assert [line.partition(":")[0] for line in lines] == ["Recipe of Full", "Recipe of all other rows"]


def test_columns_that_count_the_same_are_described_in_one_line(bench):
    bench.save_all()
    text = [
        part for part in methods([assemble(bench.plan, bench.store)], "made-up", {})[0].parts if isinstance(part, Items)
    ]
    assert "mAP, emblem twins; mAP, tempo twins: higher is better." in text[0].lines


def test_limits_of_the_data_are_told_in_todays_words_whatever_the_record_says() -> None:
    facts = "synthetic: 8 test persons; seed 3, pixels 0123456789ab."
    for written in (f"{facts} {SHOWS} It does whatever was thought once.", f"{facts} {LIMITS}"):
        assert _as_of_today(written) == f"synthetic: 8 test persons; seed 3. {LIMITS}"
    assert _as_of_today("a dataset of one's own") == "a dataset of one's own"
