from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny import tiny
from trunkless import READING, TRUNKLESS

from reidbench import registry
from reidbench.spec import NO_TRUNK, UserError
from reidbench.training import checkpoint as module
from reidbench.training.checkpoint import (
    convert,
    imagenet_weights,
    load_weights,
    read_checkpoint,
    save_model,
    start_trunk,
)

SLIM = {"width": 4, "blocks": (1, 1, 1, 1), "size": (32, 16)}


def slim(classes: int = 0, **options: object) -> torch.nn.Module:
    return registry.build("baseline", classes=classes, **{**SLIM, **options})


def test_our_own_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    model, other = tiny(), tiny()
    torch.nn.init.normal_(model.tks)
    save_model(path, model, name="tiny", options={"alpha": 3, "kernels": (3, 5)}, about={"dataset": "mars", "seed": 1})
    found = load_weights(other, path)
    assert torch.equal(other.tks, model.tks)
    assert (found.kind, found.model) == ("model", "tiny")
    assert dict(found.options) == {"alpha": 3, "kernels": (3, 5)} and found.about["seed"] == 1


def test_the_classifier_is_left_out_of_a_model_that_has_none(tmp_path: Path) -> None:
    save_model(tmp_path / "model.pt", tiny(), name="tiny", options={})
    load_weights(tiny(0), tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"2 of another shape \(classifier\.weight, classifier\.bias\)"):
        load_weights(tiny(4), tmp_path / "model.pt")


def test_another_models_checkpoint_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    save_model(path, slim(), name="baseline", options={"width": 4})
    model = tiny(0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(UserError, match=r"model\.pt: another model's .*\(baseline .*width.*\): 8 missing") as error:
        load_weights(model, path)
    assert "unexpected (trunk.conv1.weight, " in str(error.value) and ", ...)" in str(error.value)
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("content", [{"a": 1}, {"state_dict": {"a": 1}}, [1], {}, {"format": module.FORMAT}])
def test_an_archive_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(UserError, match="holds no weights known here"):
        read_checkpoint(tmp_path / "x.pt")


def test_weights_under_another_name_are_pointed_at(tmp_path: Path) -> None:
    state = tiny().state_dict()
    torch.save({"epoch": 3, "best": {"weight": torch.zeros(1)}, "net": state, "optim": {}}, tmp_path / "x.pt")
    with pytest.raises(UserError, match=r"x\.pt: holds its weights under 'net', 'best', which is not") as error:
        read_checkpoint(tmp_path / "x.pt")
    call = str(error.value).rpartition("state_dict: ")[2]
    exec(call, {"torch": torch, "FILE": tmp_path / "x.pt", "NEW": tmp_path / "y.pt"})
    load_weights(tiny(), tmp_path / "y.pt")
    torch.save({"epoch": 3, "lr": [1.0]}, tmp_path / "x.pt")
    with pytest.raises(UserError, match=r"holds no weights known here \(it holds 'epoch', 'lr'\); give a checkpoint"):
        read_checkpoint(tmp_path / "x.pt")


def test_safetensors_are_saved_and_loaded_as_our_own(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model, other = tiny(), tiny()
    torch.nn.init.normal_(model.tks)
    save_model(path, model, name="tiny", options={"alpha": 3, "kernels": [3, 5]}, about={"dataset": "mars", "seed": 1})
    found = load_weights(other, path)
    assert torch.equal(other.tks, model.tks)
    assert (found.kind, found.model, dict(found.options)) == ("model", "tiny", {"alpha": 3, "kernels": [3, 5]})
    assert dict(found.about) == {"dataset": "mars", "seed": 1}
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, {"format": module.FORMAT, "options": "{"})
    with pytest.raises(UserError, match=r"model\.safetensors: .*its options are damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_a_model_is_converted_there_and_back(ending: str, tmp_path: Path) -> None:
    model = slim(classes=3)
    save_model(tmp_path / "a.pt", model, name="baseline", options={"width": 4}, about={"cell": "x"})
    convert(tmp_path / "a.pt", tmp_path / f"b{ending}")
    convert(tmp_path / f"b{ending}", tmp_path / "c.pt")
    found = read_checkpoint(tmp_path / "c.pt")
    assert (found.kind, found.model, dict(found.options)) == ("model", "baseline", {"width": 4})
    assert dict(found.about) == {"cell": "x", "converted_from": f"b{ending}"}
    state = model.state_dict()
    assert found.state.keys() == state.keys() and all(torch.equal(found.state[name], state[name]) for name in state)


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_imagenet_weights_are_converted_as_a_trunk(ending: str, tmp_path: Path) -> None:
    state = registry.build("baseline", depth=18).trunk.state_dict()
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    torch.save({**old, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "resnet18.pth")
    convert(tmp_path / "resnet18.pth", tmp_path / f"trunk{ending}")
    found = read_checkpoint(tmp_path / f"trunk{ending}")
    assert found.kind == "trunk" and found.about["converted_from"] == "resnet18.pth"
    model = registry.build("baseline", depth=18)
    start_trunk(model, str(tmp_path / f"trunk{ending}"))
    assert all(torch.equal(model.trunk.state_dict()[name], value) for name, value in old.items())


@pytest.fixture(scope="module")
def inception() -> torch.nn.Module:
    return registry.build("inception_baseline", side=75, inception_width=4)


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_an_inception_is_known_as_a_trunk(ending: str, inception: torch.nn.Module, tmp_path: Path) -> None:
    state = dict(inception.trunk.state_dict())
    others = {"AuxLogits.conv0.conv.weight": torch.zeros(1), "fc.weight": torch.zeros(2, 2)}
    torch.save({**state, **others}, tmp_path / "inception.pth")
    convert(tmp_path / "inception.pth", tmp_path / f"trunk{ending}")
    assert read_checkpoint(tmp_path / f"trunk{ending}").kind == "trunk"
    model = registry.build("inception_baseline", side=75, inception_width=4)
    start_trunk(model, str(tmp_path / f"trunk{ending}"), "inception")
    assert all(torch.equal(model.trunk.state_dict()[name], value) for name, value in state.items())


def test_a_trunk_of_another_kind_is_refused(inception: torch.nn.Module, tmp_path: Path) -> None:
    resnet = slim()
    torch.save(inception.trunk.state_dict(), tmp_path / "inception.pth")
    torch.save(resnet.trunk.state_dict(), tmp_path / "resnet.pth")
    save_model(tmp_path / "whole.pt", resnet, name="baseline", options=SLIM)
    for name in ("resnet.pth", "whole.pt"):
        with pytest.raises(UserError, match=rf"{name}: holds a trunk of kind resnet, .* stands on one of kind incep"):
            start_trunk(inception, str(tmp_path / name), "inception")
    with pytest.raises(UserError, match=r"inception\.pth: holds a trunk of kind inception, .* one of kind resnet"):
        start_trunk(resnet, str(tmp_path / "inception.pth"))


def test_converting_refuses_what_it_cannot_name(tmp_path: Path) -> None:
    save_model(tmp_path / "a.pt", tiny(), name="tiny", options={})
    with pytest.raises(UserError, match=r"b\.onnx: let the name end with \.pt or \.safetensors"):
        convert(tmp_path / "a.pt", tmp_path / "b.onnx")
    (tmp_path / "x.pt").write_text("hello")
    with pytest.raises(UserError, match=r"x\.pt: cannot be read as a checkpoint"):
        convert(tmp_path / "x.pt", tmp_path / "b.pt")
    assert not (tmp_path / "b.pt").exists()


def test_a_release_checkpoint_goes_through_the_converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()
    monkeypatch.setattr(module, "convert_release", lambda state: {**model.state_dict(), "tks": state["TKS.weight"]})
    torch.save(
        {"state_dict": {"TKS.weight": torch.arange(6.0)}, "mAP": np.float64(0.8), "epoch": 1}, tmp_path / "x.tar"
    )
    found = load_weights(model, tmp_path / "x.tar")
    assert (found.kind, found.model) == ("release", "bicnet_tks")
    assert model.tks.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("key", ["", "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_state_dict_of_unknown_names_is_any_models(key: str, prefix: str, tmp_path: Path) -> None:
    model, other = tiny(), tiny()
    torch.nn.init.normal_(model.tks)
    state = {f"{prefix}{name}": value for name, value in model.state_dict().items()}
    torch.save({key: state, "epoch": 3} if key else state, tmp_path / "x.pth")
    found = load_weights(other, tmp_path / "x.pth")
    assert torch.equal(other.tks, model.tks)
    assert (found.kind, found.model, dict(found.about)) == ("plain", "", {"epoch": 3} if key else {})
    with pytest.raises(UserError, match=r"x\.pth: a state dict that does not say what model it is of; .*evaluate"):
        convert(tmp_path / "x.pth", tmp_path / "y.pt")
    with pytest.raises(UserError, match=r"x\.pth: a state dict that does not fit this model: \d+ missing \(trunk"):
        load_weights(slim(), tmp_path / "x.pth")


def test_module_is_left_out_of_a_name_only_where_all_have_it(tmp_path: Path) -> None:
    torch.save({"module.a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "x.pth")
    assert read_checkpoint(tmp_path / "x.pth").state.keys() == {"module.a", "b"}


def test_a_trunk_starts_from_the_state_dict_of_a_whole_model(tmp_path: Path) -> None:
    given, model = slim(classes=3), slim()
    torch.save({f"module.{name}": value for name, value in given.state_dict().items()}, tmp_path / "own.pth")
    start_trunk(model, str(tmp_path / "own.pth"))
    assert torch.equal(model.trunk.conv1.weight, given.trunk.conv1.weight)
    torch.save({"base.conv1.weight": torch.zeros(1)}, tmp_path / "own.pth")
    with pytest.raises(UserError, match=r"own\.pth: holds no trunk \(no name begins with trunk\.\)"):
        start_trunk(model, str(tmp_path / "own.pth"))


def test_what_stands_on_no_trunk_starts_from_what_its_own_loader_takes(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(TRUNKLESS)
    (tmp_path / "reading.py").write_text((TRUNKLESS + READING).replace("def trunkless", "def reading"))
    for name in ("own", "reading"):
        registry.add_plugin(tmp_path / f"{name}.py")
    model, given = registry.build("reading"), registry.build("reading")
    state = given.maps.state_dict()
    torch.save(state, tmp_path / "maps.pth")
    torch.save({f"trunk.{name}": value for name, value in state.items()} | {"other": torch.zeros(1)}, tmp_path / "w.pt")
    for name in ("maps.pth", "w.pt"):
        model = registry.build("reading")
        assert not torch.equal(model.maps[0].weight, given.maps[0].weight)
        start_trunk(model, str(tmp_path / name), NO_TRUNK)
        assert torch.equal(model.maps[0].weight, given.maps[0].weight)
    torch.save(slim().trunk.state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(UserError, match=r"resnet\.pth: Error\(s\) in loading state_dict for Sequential") as error:
        start_trunk(model, str(tmp_path / "resnet.pth"), NO_TRUNK)
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)
    bare = registry.build("trunkless")
    start_trunk(bare, "", NO_TRUNK)
    with pytest.raises(UserError, match=r"--weights .*maps\.pth: Trunkless has no `load_trunk\(state\)`, .* leave it"):
        start_trunk(bare, str(tmp_path / "maps.pth"), NO_TRUNK)
    with pytest.raises(UserError, match=r"Trunkless has no `trunk` .* register it by @model\(trunk=\"none\"\)"):
        start_trunk(bare, "synthetic")


def test_a_trunk_starts_from_a_file(tmp_path: Path) -> None:
    given, model, whole = slim(), slim(classes=3), slim(classes=5)
    state = {
        name: value.half() if value.is_floating_point() else value for name, value in given.trunk.state_dict().items()
    }
    torch.save({**state, "fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet.pth")
    torch.save({"state_dict": state, "taught": "coats"}, tmp_path / "trunk.pt")
    save_model(tmp_path / "whole.pt", whole, name="baseline", options=SLIM)
    for name in ("resnet.pth", "trunk.pt"):
        start_trunk(model, str(tmp_path / name))
        assert torch.equal(model.trunk.conv1.weight, given.trunk.conv1.weight.half().float())
    assert read_checkpoint(tmp_path / "trunk.pt").about == {"taught": "coats"}
    start_trunk(model, str(tmp_path / "whole.pt"))
    assert torch.equal(model.trunk.conv1.weight, whole.trunk.conv1.weight)
    start_trunk(model, "")
    with pytest.raises(UserError, match=r"resnet\.pth: these weights are not this trunk's"):
        start_trunk(slim(width=8), str(tmp_path / "resnet.pth"))
    with pytest.raises(UserError, match="holds a trunk alone"):
        load_weights(model, tmp_path / "trunk.pt")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """Serves ImageNet "weights" of depth 18 and of an Inception-v3, whose names are patched to fit their hash.

    And lists what is asked for.
    """
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    content = b"weights" * 1000
    digest = hashlib.sha256(content).hexdigest()[:8]
    files = {18: f"resnet18-{digest}.pth", "inception": f"inception_v3_google-{digest}.pth"}
    monkeypatch.setattr(module, "IMAGENET_FILES", {**files, 34: "resnet34-00000000.pth", 50: "resnet50-11111111.pth"})
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404 if "resnet50" in self.path else 200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/", asked
        finally:
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("trunk", [18, "inception"])
def test_imagenet_weights_are_fetched_once(trunk: int | str, server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = server
    first = imagenet_weights(trunk, address=address)
    assert first.read_bytes() == b"weights" * 1000 and first.is_relative_to(tmp_path / "cache")
    assert imagenet_weights(trunk, address=address) == first and len(asked) == 1


def test_damaged_and_missing_downloads_leave_nothing(server: tuple[str, list[str]], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"resnet34-00000000\.pth: arrived damaged"):
        imagenet_weights(34, address=server[0])
    with pytest.raises(
        UserError, match=r"resnet50-1{8}\.pth: cannot be fetched \(Not Found\); put the file at .*weights"
    ):
        imagenet_weights(50, address=server[0])
    assert not list((tmp_path / "cache" / "weights").iterdir())


@pytest.mark.parametrize(("trunk", "name"), [(50, "resnet50-19c8e357"), ("inception", "inception_v3_google-0cc3c7bd")])
def test_offline_says_where_to_put_the_file(
    trunk: int | str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=rf"cannot be fetched .*put the file at .*{name}\.pth by") as error:
        imagenet_weights(trunk, address="http://127.0.0.1:9/")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "kind", "wanted"),
    [
        *(("baseline", {"depth": depth}, "resnet", depth) for depth in (18, 34, 50, 101)),
        ("inception_baseline", {}, "inception", "inception"),
    ],
)
def test_imagenet_goes_by_the_trunk(
    name: str, options: dict[str, int], kind: str, wanted: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | str] = []

    def weights(trunk: int | str) -> Path:
        asked.append(trunk)
        raise UserError("asked")

    monkeypatch.setattr(module, "imagenet_weights", weights)
    with torch.device("meta"):
        model = registry.build(name, **options)
    with pytest.raises(UserError, match="asked"):
        start_trunk(model, "imagenet", kind)
    assert asked == [wanted]
