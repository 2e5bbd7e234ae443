"""The plan: rows x columns x seeds become cells whose keys hold exactly what can change a value."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from trees import write_ilids
from trunkless import TRUNKLESS

from reidbench import registry
from reidbench.data.splits import Splits
from reidbench.machine import describe
from reidbench.planning import plan as plan_module
from reidbench.planning.plan import (
    NOT_HERE,
    PUBLISHED_ONLY,
    Plan,
    Request,
    accuracy_cell,
    choose_preset,
    make_plan,
    model_options,
)
from reidbench.presets import PRESETS, preset_name
from reidbench.recipes import Recipe
from reidbench.running.jobs import make_jobs
from reidbench.spec import Cell, Column, Record, Row, Suite, UserError
from reidbench.store import Store
from reidbench.trunks import SYNTHETIC

SUITE = Suite(
    "Two",
    (Row("A", "two_branch"), Row("B", "baseline", {"shrink": (1,)})),
    (Column("complexity.macs"), Column("latency.latency"), Column("accuracy.mAP"), Column("accuracy.top1")),
    "B",
)

TIMED = ("latency", "throughput")


def plan(tmp_path: Path, suite: Suite = SUITE, **request: object) -> Plan:
    return make_plan("two", suite, Request(**request), Store(tmp_path, "here"))  # type: ignore[arg-type]


def cell(made: Plan, row: str, column: int) -> Cell:
    return made.cells[row, column][0]


def test_quantities_of_one_measurement_share_a_cell(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert cell(made, "A", 2).key == cell(made, "A", 3).key
    assert len(made.all_cells()) == 2 * 3


def test_a_cell_holds_what_can_change_its_value_and_nothing_else(tmp_path: Path) -> None:
    """Its settings are its key: what is too few lets one record answer another question, what is too much none."""
    columns = ("complexity.macs", "memory.peak", "throughput.throughput", "latency.latency", "accuracy.mAP")
    suite = replace(SUITE, columns=tuple(map(Column, columns)))
    counted, held, rate, timed, trained = (cell(plan(tmp_path, suite), "A", index).settings for index in range(5))
    assert counted.keys() == {"shape", "version"}
    assert held == {**counted, "version": held["version"], "device": "cpu", "precision": "fp32", "threads": cores()}
    assert rate == {**held, "version": rate["version"], "backend": "eager"}
    assert timed == {**rate, "version": timed["version"], "reference": timed["reference"]}
    known = {"version", "recipe", "trunk", "protocol", "device", "threads", "dataset", "seed"}
    assert trained.keys() == known and trained["threads"] == 1
    on_gpu = accuracy_cell("two_branch", {}, Request(device="cuda"), 0, Store(tmp_path, "here")).settings
    assert on_gpu == {**trained, "device": "cuda", "threads": 0}, "where torch's threads change nothing"
    chosen = {"backend": "compile", "precision": "bf16", "threads": 1}
    suite = replace(SUITE, columns=(Column("latency.latency", settings=chosen),))
    assert cell(plan(tmp_path, suite), "A", 0).settings == {**timed, **chosen}


def cores() -> int:
    return int(describe()["cores"])


@pytest.mark.parametrize("request_", [{"only": "costs"}, {"device": "tpu"}, {"preset": "quik"}, {"protocol": "relase"}])
def test_what_is_not_known_is_refused_before_anything_is_planned(tmp_path: Path, request_: dict[str, str]) -> None:
    with pytest.raises(UserError, match=next(iter(request_.values()))):
        plan(tmp_path, **request_)
    with pytest.raises(UserError, match="suite two: no row for its reference is named 'C'"):
        plan(tmp_path, replace(SUITE, reference="C"))


def test_costs_do_not_depend_on_the_preset_and_accuracy_does(tmp_path: Path) -> None:
    quick, full = plan(tmp_path), plan(tmp_path, preset="full")
    assert cell(quick, "A", 0).key == cell(full, "A", 0).key
    assert cell(quick, "A", 2).key != cell(full, "A", 2).key


def test_a_model_is_the_same_cell_under_any_name(tmp_path: Path) -> None:
    spelled = {"alpha": 3, "csp": False, "attention": "none", "temporal": "none"}
    other = Suite("Other", (Row("C", "bicnet", spelled), SUITE.rows[1]), SUITE.columns, "B")
    assert cell(plan(tmp_path, other), "C", 0).key == cell(plan(tmp_path), "A", 0).key


def test_seeds_make_cells(tmp_path: Path) -> None:
    cells = plan(tmp_path, seeds=3).cells["A", 2]
    assert [c.settings["seed"] for c in cells] == [0, 1, 2]
    assert cells[0].key == cell(plan(tmp_path), "A", 2).key


@pytest.mark.parametrize("seeds", [0, -1])
def test_less_than_one_seed_is_refused(tmp_path: Path, seeds: int) -> None:
    with pytest.raises(UserError, match=f"--seeds {seeds}: give 1 or more"):
        plan(tmp_path, seeds=seeds)


def test_only_leaves_the_other_kind_out(tmp_path: Path) -> None:
    assert {c.measurement for c in plan(tmp_path, only="cost").all_cells()} == {"complexity", "latency"}
    assert {c.measurement for c in plan(tmp_path, only="accuracy").all_cells()} == {"accuracy"}


@pytest.mark.parametrize("rows", [("B",), ("2",)])
def test_rows_are_chosen_by_name_or_number(tmp_path: Path, rows: tuple[str, ...]) -> None:
    assert [row.name for row in plan(tmp_path, rows=rows).suite.rows] == ["B"]


def test_a_gpu_column_without_a_gpu_is_absent_with_a_reason(tmp_path: Path) -> None:
    gpu = Column("latency.latency", settings={"device": "cuda", "precision": "bf16"})
    (tmp_path / "here").mkdir()
    facts = '{"cpu": "x", "cores": 2, "memory_gib": 4, "gpu": "%s"}'
    (tmp_path / "here" / "machine.json").write_text(facts % "")
    made = plan(tmp_path, Suite("G", SUITE.rows, (gpu,), "B"))
    assert made.absent["A", 0] == "no CUDA GPU on this machine" and not made.cells
    (tmp_path / "here" / "machine.json").write_text(facts % "NVIDIA H200")
    made = plan(tmp_path, Suite("G", SUITE.rows, (gpu,), "B"))
    assert cell(made, "A", 0).settings["device"] == "cuda" and not made.absent


def test_costs_alone_on_a_gpu_are_what_it_measures_and_what_no_device_does(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "machine.json").write_text('{"cpu": "x", "cores": 2, "memory_gib": 4, "gpu": "NVIDIA H9"}')
    on_gpu = {"device": "cuda", "precision": "fp32"}
    suite = replace(SUITE, columns=(*SUITE.columns, *(Column(f"{each}.{each}", settings=on_gpu) for each in TIMED)))

    def wanted(**request: str) -> list[tuple[str, str]]:
        made = plan(tmp_path, suite, rows=("A",), **request)
        assert not made.absent
        return [(each.measurement, each.settings.get("device", "")) for each in made.all_cells()]

    costs = [("complexity", ""), ("latency", "cpu"), ("latency", "cuda"), ("throughput", "cuda")]
    assert wanted(only="cost") == costs
    assert wanted(only="cost", device="cuda") == [each for each in costs if each[1] != "cpu"]
    assert wanted(device="cuda") == [*costs[:2], ("accuracy", "cuda"), *costs[2:]]
    assert wanted(only="accuracy", device="cuda") == [("accuracy", "cuda")]


@pytest.mark.parametrize(
    ("asked", "backend", "precision", "where"),
    [
        ("cuda", "openvino", "int8", "openvino does not compute in int8 on cuda"),
        ("cuda", "onnxruntime", "fp32", "onnxruntime does not compute in fp32 on cuda"),
        ("cuda", "compile", "bf16", ""),
        ("cpu", "openvino", "int8", ""),
    ],
)
def test_what_the_device_that_is_trained_on_cannot_run_is_absent(
    asked: str, backend: str, precision: str, where: str, tmp_path: Path
) -> None:
    settings = {"backend": backend, "precision": precision}
    columns = (Column("fidelity.lost", settings=settings), Column("latency.latency", settings=settings))
    made = plan(tmp_path, replace(SUITE, columns=columns), device=asked)
    assert made.absent.get(("A", 0), "") == where
    assert ("A", 1) in made.cells, "its time is measured on the CPU"


def test_without_its_package_a_backend_shows_what_was_recorded_and_no_attempt_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = replace(SUITE, columns=(Column("latency.latency", settings={"backend": "openvino"}),))
    monkeypatch.setattr(plan_module, "missing", lambda *_: "")
    store, installed = Store(tmp_path, "here"), plan(tmp_path, suite)
    for row, status in (("A", "failed"), ("B", "ok")):
        each = cell(installed, row, 0)
        known = ("here", {}, "2026-01-01T00:00:00+00:00", 1.0)
        store.save(Record(each.identity, each.key, row, status, {}, {}, {}, *known))
    monkeypatch.setattr(plan_module, "missing", lambda *_: "openvino not installed: pip install x")
    made = plan(tmp_path, suite)
    assert made.absent == {("A", 0): "openvino not installed: pip install x"} and set(made.cells) == {("B", 0)}
    assert made.uninstalled == {("A", 0): installed.cells["A", 0]}


def test_what_this_processor_does_not_compute_in_is_left_out_here_and_unknown_of_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = replace(SUITE, columns=(Column("latency.latency", settings={"backend": "openvino", "precision": "bf16"}),))
    monkeypatch.setattr(plan_module, "missing", lambda *_: "")
    monkeypatch.setattr(plan_module, "not_in", lambda *_: "this CPU has no bf16")
    assert plan(tmp_path, suite).absent == {("A", 0): "this CPU has no bf16", ("B", 0): "this CPU has no bf16"}
    monkeypatch.setattr(Store, "machine", lambda _: {**describe(), "cpu": "another"})
    assert not plan(tmp_path, suite).absent


def test_latency_names_its_reference_and_the_reference_its_source(tmp_path: Path) -> None:
    reference = cell(plan(tmp_path), "A", 1).settings["reference"]
    assert reference["model"] == "baseline" and reference["source"] == registry.model_source("baseline")


def test_the_paper_trains_on_lsvid_with_another_metric_loss() -> None:
    recipes = {name: choose_preset(Request(preset="paper", dataset=name)).recipe for name in ("mars", "duke", "lsvid")}
    assert {name: recipe.metric_loss for name, recipe in recipes.items()} == {
        "mars": "triplet",
        "duke": "triplet",
        "lsvid": "contrastive",
    }
    assert replace(recipes["lsvid"], metric_loss="triplet") == recipes["mars"]
    assert {preset_name(recipe.identity) for recipe in recipes.values()} == {"paper"}


def test_a_trunk_of_another_kind_learns_at_its_own_rate_and_what_it_starts_from_is_its_kinds(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    resnet = accuracy_cell("baseline", {}, Request(), 0, store).settings
    for name in ("vit_baseline", "stmp"):
        other = accuracy_cell(name, {}, Request(), 0, store).settings
        assert other["recipe"]["rates"] == {**resnet["recipe"]["rates"], "trunk.": 0.1}
        assert replace(Recipe(**other["recipe"]), rates={}) == replace(Recipe(**resnet["recipe"]), rates={})
        assert preset_name(other["recipe"]) == preset_name(resnet["recipe"]) == "quick"
        assert other["trunk"] != resnet["trunk"] and other["trunk"].startswith("synthetic ")
    on_real_data = accuracy_cell("tf_clip", {}, Request(preset="paper", dataset="synthetic"), 0, store).settings
    parts = {"trunk.": 1 / 70, "diffuse.": 1 / 70, "adapters.": 2 / 7}
    assert on_real_data["recipe"]["rates"] == pytest.approx(parts)
    assert {kind for preset in PRESETS.values() for kind in preset.rates_by_trunk} <= set(SYNTHETIC)


def test_a_model_on_no_trunk_starts_as_it_is_built_whatever_the_others_start_from(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(TRUNKLESS)
    registry.add_plugin(tmp_path / "own.py")
    store, weights = Store(tmp_path, "here"), tmp_path / "w.pt"
    weights.write_bytes(b"w")
    for preset in ("quick", "paper", "full"):
        own = accuracy_cell("trunkless", {}, Request(preset=preset, dataset="synthetic"), 0, store).settings
        other = accuracy_cell("baseline", {}, Request(preset=preset, dataset="synthetic"), 0, store).settings
        assert own["trunk"] == own["recipe"]["trunk"] == ""
        assert own["recipe"] == {**other["recipe"], "trunk": ""} and preset_name(own["recipe"]) == preset
    with pytest.raises(UserError, match=r"--weights imagenet: there are none for trunkless, which .* leave it out"):
        accuracy_cell("trunkless", {}, Request(weights="imagenet"), 0, store)
    rows = (Row("A", "baseline"), Row("B", "trunkless"))
    suite = replace(SUITE, rows=rows, columns=SUITE.columns[2:], reference="A")
    for given, wanted in (("imagenet", ("imagenet", "")), (str(weights), ("file", "file"))):
        found = plan(tmp_path, suite, weights=given)
        assert tuple(found.cells[row, 0][0].settings["recipe"]["trunk"] for row in "AB") == wanted
    assert found.cells["B", 0][0].settings["trunk"] == f"file {hashlib.sha256(b'w').hexdigest()[:12]}"


def test_other_weights_of_one_name_are_another_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However soon they come, and in whatever folder the name is looked up."""
    found, trunk = [], plan_module.trunk_identity
    for folder, content in (("a", b"one"), ("a", b"other"), ("b", b"more of it"), ("a", b"one")):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        Path("w.pt").write_bytes(content)
        found.append(trunk("file", "w.pt", "resnet"))
    assert found[0] == found[3] and len(set(found)) == 3


def test_a_row_whose_trunk_has_no_such_weights_is_left_out_with_the_reason(tmp_path: Path) -> None:
    rows = (Row("A", "baseline"), Row("B", "vit_baseline"))
    suite = replace(SUITE, rows=rows, columns=SUITE.columns[2:], reference="A")
    found = plan(tmp_path, suite, preset="paper", dataset="synthetic")
    assert list(found.cells) == [("A", 0), ("A", 1)]
    assert all("give --weights FILE, the model.safetensors" in found.absent["B", index] for index in (0, 1))
    assert ("B", 0) in plan(tmp_path, suite, preset="full").cells


def test_a_preset_gives_a_model_only_the_options_it_has() -> None:
    quick = PRESETS["quick"]
    assert "small" not in model_options(SUITE.rows[1], quick)
    assert model_options(SUITE.rows[0], quick)["small"] == "input"
    assert model_options(Row("x", "bicnet", {"small": "stem"}), quick)["small"] == "stem"


def test_a_column_of_a_dataset_is_measured_only_where_the_plan_trains_on_it(tmp_path: Path) -> None:
    columns = (
        Column("accuracy.mAP", "mAP", dataset="mars"),
        Column("accuracy.mAP", "mAP", dataset="synthetic"),
        Column("accuracy.mAP"),
        Column("accuracy.top1"),
    )
    made = plan(tmp_path, Suite("Two", (Row("B", "baseline"),), columns, "B"))
    assert made.absent == {("B", 0): "trained on synthetic, not on mars"}
    assert set(made.cells) == {("B", 1), ("B", 3)}, "what is bound to the dataset makes the unbound column needless"


def test_a_column_can_ask_for_other_data(tmp_path: Path) -> None:
    columns = (Column("accuracy.mAP"), Column("accuracy.mAP", data={"occlusion": 0.5}))
    made = plan(tmp_path, Suite("Two", (Row("B", "baseline"),), columns, "B"))
    usual, occluded = (cell(made, "B", index).settings["dataset"] for index in (0, 1))
    assert (usual["options"], occluded["options"]) == ({}, {"occlusion": 0.5})
    assert usual["fingerprint"] != occluded["fingerprint"]


def test_a_row_has_its_own_clip_length_in_training_and_costs(tmp_path: Path) -> None:
    rows = (Row("B", "baseline"), Row("A", "two_branch", {"alpha": 2}, frames=9))
    made = plan(tmp_path, replace(SUITE, rows=rows))
    assert [cell(made, row, 1).settings["shape"] for row in "BA"] == [(1, 8, 3, 256, 128), (1, 9, 3, 256, 128)]
    assert [cell(made, row, 2).settings["recipe"]["frames"] for row in "BA"] == [8, 9]
    assert cell(made, "A", 2).options["frames"] == 9
    assert cell(made, "A", 1).settings["reference"]["shape"] == (1, 8, 3, 256, 128), "the reference keeps its own"
    (timed,) = (job for job in make_jobs(made.all_cells()) if job.cells[0].measurement == "latency")
    assert len(timed.cells) == 2, "and they are timed in one session"


def test_a_row_can_be_trained_otherwise_and_costs_the_same(tmp_path: Path) -> None:
    own = {"smoothing": 0.1, "trunk": "", "size": (32, 16)}
    rows = (Row("B", "two_branch"), Row("A", "two_branch", recipe=own, against="B"))
    made = plan(tmp_path, replace(SUITE, rows=rows))
    usual, other = cell(made, "B", 2).settings, cell(made, "A", 2).settings
    assert other["recipe"] == {**usual["recipe"], **own} and "smoothing" not in usual["recipe"]
    assert usual["trunk"].startswith("synthetic ") and other["trunk"] == ""
    assert cell(made, "A", 2).options["size"] == (32, 16) and cell(made, "B", 2).options["size"] == (64, 32)
    assert cell(made, "A", 0).key == cell(made, "B", 0).key
    assert made.own == set(own) and plan(tmp_path).own == set()
    alone = plan(tmp_path, replace(SUITE, rows=rows), weights="imagenet")
    assert [cell(alone, row, 2).settings["trunk"] for row in "BA"] == ["imagenet", ""]


def test_a_preset_can_have_a_recipe_for_each_model(tmp_path: Path) -> None:
    rows = (Row("B", "baseline"), Row("A", "ap3d"), Row("M", "stmn", frames=6))
    made = plan(tmp_path, replace(SUITE, rows=rows), preset="authors", dataset="synthetic")
    recipes = {name: cell(made, name, 2).settings["recipe"] for name in "BAM"}
    paper = plan(tmp_path, replace(SUITE, rows=rows), preset="paper", dataset="synthetic")
    assert cell(made, "B", 2).key == cell(paper, "B", 2).key
    assert {k: recipes["A"][k] for k in ("frames", "stride", "epochs", "margin")} == {
        "frames": 4,
        "stride": 8,
        "epochs": 240,
        "margin": 0.3,
    }
    assert recipes["M"]["epoch_of"] == "identities" and cell(made, "M", 2).options["frames"] == 6
    assert cell(made, "A", 0).settings["shape"] == (1, 8, 3, 256, 128), "costs are those of the row"


def test_a_row_without_a_model_is_published_only(tmp_path: Path) -> None:
    made = plan(tmp_path, replace(SUITE, rows=(Row("B", "baseline"), Row("Elsewhere"))))
    reasons = {reason for (row, _), reason in made.absent.items() if row == "Elsewhere"}
    assert reasons == {f"{PUBLISHED_ONLY}: {NOT_HERE}"}
    assert not any(row == "Elsewhere" for row, _ in made.cells)
    told = plan(tmp_path, replace(SUITE, rows=(Row("B", "baseline"), Row("Elsewhere", absent="no code"))))
    assert f"{PUBLISHED_ONLY}: no code" in told.absent.values()
    assert {cell.key for cell in told.all_cells()} == {cell.key for cell in made.all_cells()}


def test_options_of_the_dataset_are_part_of_a_cells_identity(tmp_path: Path) -> None:
    usual, shaded = plan(tmp_path), plan(tmp_path, dataset_options={"occlusion": 0.5})
    settings = cell(shaded, "A", 2).settings["dataset"]
    assert settings["options"] == {"occlusion": 0.5}
    assert settings["fingerprint"] != cell(usual, "A", 2).settings["dataset"]["fingerprint"]
    assert cell(shaded, "A", 0).key == cell(usual, "A", 0).key, "and not of a cost's"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oclusion": 1}, "dataset synthetic has no option 'oclusion'; did you mean 'occlusion'"),
        ({"root": "x"}, "--data root: give --root"),
        ({"subset": True}, "--data subset: give --subset"),
    ],
)
def test_an_option_that_the_dataset_lacks_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(tmp_path, dataset_options=options)


def test_each_split_of_the_dataset_has_cells_of_every_seed(tmp_path: Path) -> None:
    root = write_ilids(tmp_path / "ilids")
    asked = {"dataset": "ilids", "root": str(root), "subset": True, "seeds": 2}
    made = plan(tmp_path, splits="1-2,5", **asked)
    assert made.splits == Splits((1, 2, 5), 10)
    settings = [c.settings for c in made.cells["A", 2]]
    assert [(s["dataset"]["options"]["split"], s["seed"]) for s in settings] == [
        *((1, 0), (1, 1)),
        *((2, 0), (2, 1)),
        *((5, 0), (5, 1)),
    ]
    assert len({s["dataset"]["fingerprint"] for s in settings}) == 3
    assert len({c.key for c in made.cells["A", 2]}) == 6
    assert made.cells["A", 0] == plan(tmp_path).cells["A", 0], "a cost has no split"
    whole = plan(tmp_path, **asked)
    assert whole.splits == Splits(tuple(range(1, 11)), 10) and len(whole.cells["A", 2]) == 20
    one = plan(tmp_path, dataset_options={"split": 5}, **asked)
    assert one.cells["A", 2] == made.cells["A", 2][4:], "the option chooses the same cells"
    trained = accuracy_cell(
        "two_branch", {}, Request(dataset="ilids", root=str(root), subset=True), 0, Store(tmp_path, "x")
    )
    assert trained.settings["dataset"] == settings[0]["dataset"], "a single model is of the first split, and says so"


def test_a_dataset_without_splits_is_planned_as_ever(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert made.splits == Splits() and "splits" not in cell(made, "A", 2).settings["dataset"]
