import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from trees import write_ilids

from reidbench import cli, machine, registry
from reidbench.commands import profiling
from reidbench.commands.reports import request_of
from reidbench.planning.plan import Request, make_plan
from reidbench.planning.wellformed import check_suite
from reidbench.reporting.reproduce import command


@pytest.fixture(autouse=True)
def made_up_measurements():
    """The real measurements: the commands here are those of real suites."""


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(), "python bench.py table2 --preset quick --seeds 1"),
        (Request(preset="standard", seeds=5), "python bench.py table2 --preset standard --seeds 5"),
        (Request(only="cost", preset="tiny"), "python bench.py table2 --only cost"),
        (
            Request(only="cost", rows=("2", "TB+CSP")),
            "python bench.py table2 --only cost --rows 'Base-B (256x128)' TB+CSP",
        ),
        (Request(weights="imagenet"), "python bench.py table2 --preset quick --seeds 1 --weights imagenet"),
        (
            Request(protocol="mars_matlab", device="cuda"),
            "python bench.py table2 --preset quick --seeds 1 --protocol mars_matlab --device cuda",
        ),
        (
            Request(dataset_options={"seed": 3, "occlusion": 0.5}),
            "python bench.py table2 --preset quick --seeds 1 --data occlusion=0.5 --data seed=3",
        ),
        (
            Request(preset="fine", dataset_options={"height": 64, "width": 64}),
            "python bench.py table2 --preset fine --seeds 1 --data height=64",
        ),
    ],
)
def test_the_command_says_all_that_the_plan_was_asked_for(bench, request_, expected):
    plan = make_plan("table2", registry.suite("table2"), request_, bench.store)
    assert command(plan) == expected
    parsed = cli._parser().parse_all(shlex.split(expected)[2:])
    again = make_plan("table2", registry.suite("table2"), request_of(parsed), bench.store)
    assert again.cells == plan.cells


def test_costs_on_the_gpu_alone_are_asked_for_on_it(bench, monkeypatch):
    monkeypatch.setattr(bench.store, "machine", lambda: {**machine.describe(), "gpu": "NVIDIA H200"})
    made = {
        device: make_plan("table2", registry.suite("table2"), Request(only="cost", device=device), bench.store)
        for device in ("cpu", "cuda")
    }
    assert command(made["cuda"]) == "python bench.py table2 --only cost --device cuda"
    assert command(made["cpu"]) == "python bench.py table2 --only cost" and made["cpu"].cells != made["cuda"].cells


def test_what_lies_elsewhere_on_each_machine_is_left_to_fill_in(bench):
    plan = bench.plan
    preset = replace(plan.preset, dataset="mars", recipe=replace(plan.preset.recipe, trunk="file"))
    found = command(replace(plan, preset=preset, request=Request(subset=True)))
    assert "--dataset mars --root DIR --weights FILE --subset" in found


def test_a_synthetic_dataset_that_was_kept_needs_its_root(bench):
    found = command(replace(bench.plan, request=Request(root="walkers")))
    assert "--root DIR" in found and "walkers" not in found


def test_splits_are_named_where_they_are_not_all(bench, tmp_path):
    root = str(write_ilids(tmp_path / "ilids"))

    def made(splits):
        request = Request(dataset="ilids", root=root, subset=True, splits=splits)
        return make_plan("table2", registry.suite("table2"), request, bench.store)

    usual = "python bench.py table2 --preset quick --seeds 1 --dataset ilids --root DIR"
    assert command(made("")) == command(made("all")) == f"{usual} --subset"
    assert command(made("1-3,5")) == f"{usual} --splits 1-3,5 --subset"
    parsed = cli._parser().parse_all(shlex.split(command(made("5,1-3")).replace("DIR", root))[2:])
    assert make_plan("table2", registry.suite("table2"), request_of(parsed), bench.store).cells == made("1-3,5").cells


PLUGIN = """from reidbench.spec import Column, Row, Suite
SUITE = Suite("Mine", (Row("B", "baseline"),), (Column("complexity.macs"),), "B")
"""


@pytest.mark.parametrize(
    ("here", "expected"), [(".", "'my own.py'"), ("..", "'mine/my own.py'"), ("deep/deeper", "'../../my own.py'")]
)
def test_a_plugin_is_named_from_the_folder_that_the_command_runs_in(bench, tmp_path, monkeypatch, here, expected):
    path = tmp_path / "mine" / "my own.py"
    (path.parent / "deep" / "deeper").mkdir(parents=True)
    path.write_text(PLUGIN)
    registry.add_plugin(path)
    monkeypatch.chdir(path.parent / here)
    found = command(make_plan("my own", registry.suite("my own"), Request(), bench.store))
    assert found == f"python bench.py 'my own' --plugin {expected}"
    assert Path(shlex.split(found)[-1]).resolve() == path


def test_a_plugin_whose_name_is_no_text_is_named_as_a_report_can_hold_it(bench, tmp_path, monkeypatch):
    path = tmp_path / os.fsdecode(b"m\xefne.py")
    path.write_text(PLUGIN)
    registry.add_plugin(path)
    monkeypatch.chdir(tmp_path)
    plan = make_plan(path.stem, registry.suite(path.stem), Request(), bench.store)
    assert command(plan).encode().endswith(b"--plugin 'm\\udcefne.py'")


def test_a_plugin_without_a_folder_in_common_has_its_whole_path(bench, tmp_path, monkeypatch):
    path = tmp_path / "my own.py"
    path.write_text(PLUGIN)
    registry.add_plugin(path)
    monkeypatch.chdir("/usr")
    found = command(make_plan("my own", registry.suite("my own"), Request(), bench.store))
    assert shlex.split(found)[-1] == str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["bicnet_tks"],
        ["gltp", "--frames", "16"],
        ["bicnet", "--set", "alpha=1", "--set", "kernels=(3, 7)", "--set", "small=stem"],
    ],
)
@pytest.mark.parametrize(
    "where",
    [
        [],
        ["--device", "cuda"],
        ["--backend", "onnxruntime", "openvino", "compile"],
        ["--precision", "int8", "--backend", "openvino"],
        ["--backend", "eager"],
        ["--backend", "eager", "--precision", "bf16"],
        ["--device", "cuda", "--backend", "cudagraph", "eager"],
        ["--device", "cuda", "--precision", "ieee32", "--backend", "fused", "cudagraph"],
    ],
)
def test_a_profile_is_made_again_by_its_own_command(bench, arguments, where, monkeypatch):
    made = []
    monkeypatch.setattr(profiling, "run", lambda suites, *_, **__: made.append(suites) or 0)
    monkeypatch.setattr(profiling, "missing", lambda *_: "")
    assert cli.main(["profile", *arguments, *where]) == 0
    ((name, suite),) = made[0].items()
    check_suite(name, suite)
    assert name.startswith(f"profile-{arguments[0].replace('_', '-')}"), "a report's own name for each model"
    found = command(make_plan(name, suite, Request(only="cost"), bench.store))
    assert cli.main(shlex.split(found)[2:]) == 0
    assert found.startswith("python bench.py profile ") and made[1] == made[0]
