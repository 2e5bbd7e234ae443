"""The commands on given weights and features, from the shell to what they print and leave."""

from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import reidbench
from reidbench import registry
from reidbench.cli import main
from reidbench.commands.scoring import fitting_preset
from reidbench.data import synthetic
from reidbench.planning.plan import Request, accuracy_cell, model_options
from reidbench.presets import PRESETS
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Row, UserError, canonical_json
from reidbench.store import Store
from reidbench.training.checkpoint import save_model

AT = ["--dataset", "synthetic", "--root", "few"]
NAMED = "synthetic train_ids=2 test_ids=4 cameras=2 frames=8"
UNDRESSED = [name for name, protocol in PROTOCOLS.items() if protocol.clothes == "any"]
"""The protocols that do not go by clothes, which synthetic data do not name."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a few walkers and `model.pt`, untrained weights of two_branch under the preset quick."""
    folder = tmp_path_factory.mktemp("given")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REIDBENCH_CACHE", str(folder / "cache"))
        synthetic.write_synthetic(folder / "few", train_ids=2, test_ids=4, cameras=2, frames=8)
        cell = accuracy_cell("two_branch", {}, Request(root=str(folder / "few")), 0, Store(folder / "results", "here"))
    torch.manual_seed(0)
    model = registry.build(cell.model, **cell.options)
    save_model(folder / "model.pt", model, name=cell.model, options=cell.identity["options"])
    return folder


@pytest.fixture(autouse=True)
def place(given: Path, own_cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of what is `given`, to work in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(given / "few", "few")
    shutil.copy(given / "model.pt", "model.pt")


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_evaluate_prints_and_records(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "two_branch", *AT, "--weights", "model.pt"]
    said = run(*command, capsys=capsys)
    for name in ("protocol", "dataset", "mAP (%)", "top-1 (%)", "top-20 (%)", "mINP (%)", "weights", "record"):
        assert any(line.startswith(f"{name} ") for line in said.splitlines()), name
    found = json.loads(run(*command, "--json", capsys=capsys))
    (record,) = Path("results").glob("*/evaluation/*.json")
    assert (found["protocol"], found["record"]) == ("release", str(record))
    assert sorted(found["dataset"].split()) == sorted(NAMED.split())
    assert found["mAP"]["low"] <= found["mAP"]["value"] <= found["mAP"]["high"]
    samples = json.loads(record.read_text())["samples"]
    assert found["mAP"]["value"] == pytest.approx(100 * np.mean(samples["ap"]), abs=1e-9), "and not rounded"
    assert f"{round(found['mAP']['value'], 1)} (" in said and found["queries"] == len(samples["ap"])
    other = json.loads(run(*command, "--json", "--protocol", "mars_matlab", capsys=capsys))
    assert other["protocol"] == "mars_matlab" and len(list(Path("results").glob("*/evaluation/*.json"))) == 2
    run(*command, "--fresh", capsys=capsys)
    assert len(list(Path("results").glob("*/evaluation/superseded/*.json"))) == 1


def test_evaluations_are_read_as_a_frame(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["evaluate", "two_branch", *AT, "--weights", "model.pt", "--json"]
    told = [json.loads(run(*command, *own, capsys=capsys)) for own in ([], ["--protocol", "first_clip"])]
    frame = reidbench.load_evaluations()
    assert set(frame.state) == {"ok"} and set(frame.reason) == {""} and set(frame["size"]) == {"64x32"}
    (name,) = set(frame.machine)
    shutil.copytree(Path("results", name), Path("copied", "another"))
    copied = reidbench.load_evaluations("copied")
    assert set(copied.machine) == {"another"} and set(copied.reason) == {f"measured on machine {name}"}
    assert (set(frame.weights), set(frame.row), set(frame.model)) == ({"model.pt"}, {"two_branch"}, {"bicnet"})
    for one in told:
        lines = frame[frame.protocol == one["protocol"]].set_index("quantity")
        assert set(lines.weights_hash) == {one["weights"]} and set(lines.measured) == {one["measured"]}
        assert set(lines.queries) == {one["queries"]} and set(lines.unit) == {"%"}
        for name in lines.index:
            bounds = lines.loc[name, ["value", "low", "high"]].to_dict()
            assert {end: None if np.isnan(bound) else bound for end, bound in bounds.items()} == one[name], name
        assert {"mAP", "top1", "top5", "top10", "top20", "mINP"} <= set(lines.index)
    monkeypatch.setattr(registry, "model_source", lambda _: "changed since")
    (reason,) = reidbench.load_evaluations().reason.unique()
    assert reason == "measured with another code of the model"


def test_protocols_compares_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["protocols", "two_branch", *AT, "--weights", "model.pt"]
    said = run(*command, capsys=capsys)
    assert max(map(len, said.splitlines())) <= 80
    found = json.loads(run(*command, "--json", capsys=capsys))
    assert (found["model"], found["weights"], found["dataset"]) == ("two_branch", "model.pt", NAMED)
    lines = {line["protocol"]: line for line in found["protocols"]}
    assert list(lines) == UNDRESSED
    assert all(name in said for name in lines)
    alone = json.loads(run("evaluate", *command[1:], "--protocol", "first_clip", "--json", capsys=capsys))
    assert lines["first_clip"]["mAP"] == pytest.approx(alone["mAP"], abs=0.2)
    assert "not scored: no query has a match" in " ".join(said.split())


def test_embed_writes_what_score_scores(capsys: pytest.CaptureFixture[str]) -> None:
    model = ["two_branch", *AT, "--weights", "model.pt"]
    said = run("embed", *model, "--out", "out/f.npz", capsys=capsys)
    assert "out/f.npz" in said and "release" in said
    compared = json.loads(run("protocols", *model, "--json", capsys=capsys))["protocols"]
    wanted = {line["protocol"]: line for line in compared}
    found = json.loads(run("score", "out/f.npz", "--json", capsys=capsys))
    assert (found["model"], found["dataset"]) == ("two_branch", NAMED)
    names = [line["protocol"] for line in found["protocols"]]
    others = ("first_clip", "restricted", "four_frames", "neck_before")
    assert names == [name for name in UNDRESSED if name not in others]
    for line in found["protocols"]:
        assert line.get("mAP") == wanted[line["protocol"]].get("mAP")
    only = json.loads(run("score", "out/f.npz", "--protocol", "euclidean", "--json", capsys=capsys))["protocols"]
    assert [line["protocol"] for line in only] == ["euclidean"]
    assert main(["score", "out/f.npz", "--protocol", "first_clip"]) == 2
    assert "protocol first_clip: these features are not of the first" in capsys.readouterr().err


def test_embed_keeps_the_distractors_whatever_the_protocol(
    write_mars: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--dataset", "mars", "--root", str(write_mars()), "--subset"]
    model = ["two_branch", *at, "--weights", "model.pt"]
    run("embed", *model, "--protocol", "no_distractors", "--out", "f.npz", capsys=capsys)
    with np.load("f.npz", allow_pickle=False) as file:
        assert file["identity"].tolist() == [2, 4, 0, 2, 4, 4]
    wanted = json.loads(run("protocols", *model, "--json", capsys=capsys))["protocols"]
    found = json.loads(run("score", "f.npz", "--json", capsys=capsys))["protocols"]
    galleries = {line["protocol"]: line["gallery"] for line in found}
    assert galleries == {line["protocol"]: line["gallery"] for line in wanted if line["protocol"] in galleries}
    assert galleries["release"] == 6 and galleries["no_distractors"] == 5


def test_convert_there_and_back_scores_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(run("convert", "model.pt", "model.safetensors", "--json", capsys=capsys))
    assert (said["kind"], said["model"], said["written"]) == ("model", "bicnet", "model.safetensors")
    run("convert", "model.safetensors", "again.pt", capsys=capsys)
    values = []
    for file in ("model.pt", "model.safetensors", "again.pt"):
        said = json.loads(run("evaluate", "two_branch", *AT, "--weights", file, "--json", capsys=capsys))
        values.append((said["mAP"], said["mINP"]))
    assert values[0] == values[1] == values[2]


def test_the_authors_checkpoint_needs_no_preset(
    write_mars: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """`evaluate MODEL --weights FILE --dataset mars --root DIR`, as the paper has it: ResNet-50 at 256x128."""
    root = write_mars(test=((2, 1, 1, 3), (2, 2, 1, 3), (4, 2, 1, 3)), queries=[1], size=(32, 16))
    with (Path(__file__).parents[1] / "training" / "release_bicnet_tks_keys.csv").open() as file:
        shapes = {row["key"]: row["shape"] for row in csv.DictReader(file)}
    state = {
        key: torch.ones(()) if shape == "scalar" else torch.rand([int(n) for n in shape.split("x")]) / 1000
        for key, shape in shapes.items()
    }
    state |= {key: torch.ones_like(value) for key, value in state.items() if key.endswith("running_var")}
    torch.save({"state_dict": state, "mAP": np.float64(0.86), "epoch": 149}, "checkpoint_ep150.pth.tar")
    command = ["evaluate", "bicnet_tks", "--weights", "checkpoint_ep150.pth.tar", "--dataset", "mars"]
    said = json.loads(run(*command, "--root", str(root), "--subset", "--json", capsys=capsys))
    assert (said["dataset"], said["queries"], said["gallery"]) == ("mars (a subset)", 1, 3)
    (record,) = Path("results").glob("*/evaluation/*.json")
    settings = json.loads(record.read_text())["cell"]["settings"]
    assert settings["recipe"] == {"size": [256, 128], "frames": 8, "precision": "fp32"}
    assert fitting_preset(Path("checkpoint_ep150.pth.tar"), "bicnet_tks", {}) == "paper"
    run("convert", "checkpoint_ep150.pth.tar", "released.safetensors", capsys=capsys)
    assert fitting_preset(Path("released.safetensors"), "bicnet_tks", {}) == "paper"


@pytest.mark.parametrize("preset", ["quick", "fine", "full", "paper"])
def test_the_preset_is_the_one_that_the_weights_fit(preset: str) -> None:
    row = Row("baseline", "baseline", {"depth": 18, "width": 4, "shrink": (1, 2)})
    options = registry.resolve_options("baseline", model_options(row, PRESETS[preset]))
    del options["classes"]
    save_model(Path("a.pt"), torch.nn.Linear(1, 1), name="baseline", options=json.loads(canonical_json(options)))
    found = fitting_preset(Path("a.pt"), "baseline", row.options)
    assert found == ("paper" if preset == "full" else preset)
    assert fitting_preset(Path("a.pt"), "baseline", {}) == "quick", "what does not fit is told when it is loaded"


def found_options(preset: str, model: str = "baseline") -> dict[str, object]:
    """What a checkpoint says of a model's options under a preset."""
    options = registry.resolve_options(model, model_options(Row(model, model, {}), PRESETS[preset]))
    del options["classes"]
    return json.loads(canonical_json(options))


@pytest.mark.parametrize("name", registry.models())
def test_a_full_size_checkpoint_is_scored_in_single_precision_whatever_the_model(name: str) -> None:
    function = registry.lookup("model", name, registry.models()).function
    save_model(Path("a.pt"), torch.nn.Linear(1, 1), name=function, options=found_options("paper", name))
    assert fitting_preset(Path("a.pt"), name, {}) == "paper"
    for preset in ("tiny", "full"):
        about = {"preset": preset}
        save_model(Path("a.pt"), torch.nn.Linear(1, 1), name=function, options=found_options(preset, name), about=about)
        assert fitting_preset(Path("a.pt"), name, {}) == preset
    save_model(
        Path("a.pt"), torch.nn.Linear(1, 1), name=function, options=found_options("paper", name), about={"preset": []}
    )
    assert fitting_preset(Path("a.pt"), name, {}) == "paper", "what is no preset is passed over"


def plain_state(**options: object) -> dict[str, torch.Tensor]:
    """A state dict of the model in `model.pt`, with a classifier, as a training script of one's own has it."""
    cell = accuracy_cell("two_branch", options, Request(root="few"), 0, Store("results", "here"))
    torch.manual_seed(0)
    model = registry.build(cell.model, **cell.options)
    return {**model.state_dict(), "classifier.weight": torch.zeros(7, 3), "classifier.bias": torch.zeros(7)}


def test_a_state_dict_of_ones_own_scores_as_the_same_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    state = plain_state()
    kept: dict[str, object] = {
        "alone": state,
        "state_dict": {"state_dict": state, "epoch": 3, "optimizer": {}},
        "model": {"model": state, "args": {"lr": 1.0}},
        "module.": {"state_dict": {f"module.{name}": value for name, value in state.items()}},
        "without classifier": {name: value for name, value in state.items() if "classifier" not in name},
    }
    command = ["evaluate", "two_branch", *AT, "--json", "--weights"]
    wanted = json.loads(run(*command, "model.pt", capsys=capsys))
    for how, content in kept.items():
        torch.save(content, "own.pth")
        own = json.loads(run(*command, "own.pth", "--fresh", capsys=capsys))
        assert (own["mAP"], own["mINP"]) == (wanted["mAP"], wanted["mINP"]), how


def test_a_state_dict_of_ones_own_goes_into_every_command_that_names_the_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.save({"model": plain_state()}, "own.pth")
    given = ["two_branch", "--weights", "own.pth"]
    run("protocols", *given, *AT, capsys=capsys)
    run("embed", *given, *AT, "--out", "f.npz", capsys=capsys)
    run("export", *given, *AT, "--format", "torchscript", "--out", "own.ts", capsys=capsys)
    assert main(["convert", "own.pth", "out.pt"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "own.pth: a state dict that does not say what model it is of" in said


def test_a_state_dict_that_does_not_fit_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    state = plain_state()
    renamed = {name.replace("trunk.", "base."): value for name, value in state.items()}
    changed = {
        **state,
        "trunk.conv1.weight": torch.zeros(3),
        "extra": torch.zeros(1),
        "aux_classifier.weight": state["classifier.weight"],
    }
    for content, told in (
        (renamed, "missing (trunk.conv1.weight, trunk.bn1.weight, trunk.bn1.bias, ...); "),
        (changed, "2 unexpected (extra, aux_classifier.weight); 1 of another shape (trunk.conv1.weight); "),
    ):
        torch.save(content, "own.pth")
        for preset in ([], ["--preset", "quick"]):
            assert main(["evaluate", "two_branch", *AT, *preset, "--weights", "own.pth"]) == 2
            said = capsys.readouterr().err
            assert said.count("\n") == 1 and "own.pth: a state dict that does not fit this model: " in said
            assert told in said, said
            assert ("(compared with preset quick, which it fits best)" in said) == (not preset)


def test_one_renamed_entry_stands_alone_whatever_the_scale(capsys: pytest.CaptureFixture[str]) -> None:
    """Compared with another preset every entry would be of another shape."""
    state = plain_state()
    state["neck.scale"] = state.pop("neck.weight")
    torch.save(state, "own.pth")
    assert main(["evaluate", "two_branch", *AT, "--weights", "own.pth"]) == 2
    assert "model: 1 missing (neck.weight); 1 unexpected (neck.scale); rename them" in capsys.readouterr().err


def test_a_state_dict_of_the_paper_s_size_means_the_papers_recipe() -> None:
    torch.save(registry.build("baseline", classes=3).state_dict(), "own.pth")
    assert fitting_preset(Path("own.pth"), "baseline", {}) == "paper"


class Shell:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("command", ["evaluate", "protocols", "embed", "convert"])
@pytest.mark.parametrize("name", ["evil.pt", "plain.pt", "evil.safetensors"])
def test_a_file_that_carries_code_is_refused_by_every_command(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": Shell()}, "evil.pt")
    Path("plain.pt").write_bytes(pickle.dumps(Shell()))
    Path("evil.safetensors").write_bytes(pickle.dumps(Shell()))
    given = {
        "convert": ["convert", name, "out.pt"],
        "embed": ["embed", "two_branch", *AT, "--weights", name, "--out", "out.npz"],
    }.get(command, [command, "two_branch", *AT, "--weights", name])
    assert main(given) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{name}: cannot be read as a checkpoint" in said
    assert not Path("executed").exists() and not list(Path().glob("out.*")) and not Path("results").exists()


def as_json(found: object) -> Any:
    """What is not finite is null, as `--json` prints it."""
    return json.loads(json.dumps(found), parse_constant=lambda _: None)


def test_features_of_ones_own_score_the_same_from_python_and_from_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    chance = np.random.default_rng(0)
    identity, camera, query = chance.integers(1, 9, 60), chance.integers(1, 4, 60), np.arange(60) < 20
    vector = chance.normal(size=(9, 5))[identity] + chance.normal(size=(60, 5))
    np.savez("own.npz", vector=vector, identity=identity, camera=camera, query=query)
    said = json.loads(run("score", "own.npz", "--json", capsys=capsys))
    assert said["dataset"] == "unnamed" and "model" not in said
    assert run("score", "own.npz", capsys=capsys).startswith("features own.npz, dataset unnamed\n")
    assert {line["protocol"] for line in said["protocols"]} >= {"release", "release_with_queries", "reranked"}
    for line in said["protocols"]:
        found = reidbench.score(vector, identity, camera, query, protocol=line["protocol"])
        assert as_json(found) == {name: {**line[name], "queries": line["queries"]} for name in found}
        assert {"mAP", "top1", "mINP"} <= found.keys()
    alone = np.where(np.arange(60) < 5, 100 + np.arange(60), identity)  # five queries without a match
    found = reidbench.score(vector, alone, camera, query)
    matched = [((alone == alone[q]) & (camera != camera[q]) & ~query).any() for q in range(20)]
    assert {accuracy["queries"] for accuracy in found.values()} == {sum(matched)} and sum(matched) <= 15
    with pytest.raises(UserError, match="protocol first_clip: these features are not of the first"):
        reidbench.score(vector, identity, camera, query, protocol="first_clip")
    with pytest.raises(UserError, match="no protocol is named 'relaese'"):
        reidbench.score(vector, identity, camera, query, protocol="relaese")


def write_own(path: str, seed: int, noise: float, **changed: Any) -> None:
    """Features of one's own, of the same 60 tracklets of 8 persons for every seed."""
    chance = np.random.default_rng(0)
    identity, camera = chance.integers(1, 9, 60), chance.integers(1, 4, 60)
    own = np.random.default_rng(seed)
    vector = own.normal(size=(9, 5))[identity] + noise * own.normal(size=(60, 5))
    known = {"vector": vector, "identity": identity, "camera": camera, "query": np.arange(60) < 20}
    np.savez(path, **{**known, **changed})


def test_several_files_are_compared_with_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    for number, (name, noise) in enumerate({"a": 1.5, "b": 0.5, "c": 1.5}.items()):
        write_own(f"{name}.npz", number, noise)
    found = json.loads(run("score", "a.npz", "b.npz", "c.npz", "a.npz", "--json", capsys=capsys))
    apart = {name: json.loads(run("score", f"{name}.npz", "--json", capsys=capsys)) for name in "abc"}
    assert (found["features"], found["protocols"]) == ("a.npz", apart["a"]["protocols"])
    assert [one["features"] for one in found["compared"]] == ["b.npz", "c.npz", "a.npz"]
    for one in found["compared"]:
        own = apart[one["features"][0]]["protocols"]
        for line, alone, first in zip(one["protocols"], own, apart["a"]["protocols"], strict=True):
            gaps = line.pop("less_first")
            assert line == alone
            for name, gap in gaps.items():
                assert gap["value"] == pytest.approx(alone[name]["value"] - first[name]["value"], abs=1e-9)
    better = run("score", "a.npz", "b.npz", "--protocol", "release", capsys=capsys)
    assert "\nfeatures b.npz, dataset unnamed, less a.npz\n\nprotocol " in better
    assert "  this - first (pp)\n" in better
    (line,) = [line for line in better.splitlines() if line.split()[:2] == ["release", "mAP"] and "[" in line]
    low = float(line.partition("[")[2].partition(",")[0])
    assert low > 0, "told from the noisier one"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"query": np.arange(60) < 19}, "b.npz: holds 19 queries and 41 gallery tracklets, not 20 and 40; give feat"),
        ({"camera": np.ones(60, dtype=int)}, "b.npz: holds person "),
    ],
)
def test_files_of_other_queries_are_not_compared(
    changed: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_own("a.npz", 0, 1.0)
    write_own("b.npz", 1, 1.0, **changed)
    assert main(["score", "a.npz", "b.npz"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and told in said.err and not said.out


def test_what_two_models_embedded_is_compared_under_the_protocols_that_both_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, protocol in (("a", "release"), ("b", "release"), ("c", "first_clip")):
        model = ["two_branch", *AT, "--weights", "model.pt", "--protocol", protocol]
        run("embed", *model, "--out", f"{name}.npz", capsys=capsys)
    said = json.loads(run("score", "a.npz", "b.npz", "--json", capsys=capsys))["compared"][0]
    assert said["model"] == "two_branch"
    assert all(line["less_first"]["mAP"]["value"] == 0 for line in said["protocols"] if "mAP" in line)
    for protocols in ([], ["--protocol", "release"]):
        assert main(["score", "a.npz", "c.npz", *protocols]) == 2
        assert "c.npz: protocol release: these features are not of " in capsys.readouterr().err


def test_the_lines_of_the_page_run_and_give_the_commands_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text()
    names: dict[str, dict[str, dict[str, float]]] = {}
    exec(page.partition("<!-- tested -->\n\n```python\n")[2].partition("```")[0], names)
    capsys.readouterr()
    said = json.loads(run("score", "mine.npz", "--protocol", "release", "--json", capsys=capsys))["protocols"][0]
    queries = {"queries": said["queries"]}
    assert as_json(names["scores"]) == {name: {**said[name], **queries} for name in names["scores"]}
