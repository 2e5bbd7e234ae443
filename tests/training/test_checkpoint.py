from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny import slim, tiny

from reidbench.spec import UserError
from reidbench.training import checkpoint as module
from reidbench.training.checkpoint import (
    convert,
    load_weights,
    read_checkpoint,
    save_model,
)


def test_our_own_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    model, other = tiny(), tiny()
    torch.nn.init.normal_(model.tks)
    save_model(
        str(path), model, name="tiny", options={"alpha": 3, "kernels": (3, 5)}, about={"dataset": "mars", "seed": 1}
    )
    found = load_weights(other, str(path))
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
