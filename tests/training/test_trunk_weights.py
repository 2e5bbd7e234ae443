"""What a model's trunk starts from."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny import SLIM, slim
from trunkless import READING, TRUNKLESS

from reidbench import registry
from reidbench.spec import NO_TRUNK, UserError
from reidbench.training import trunk_weights as module
from reidbench.training.checkpoint import convert, load_weights, read_checkpoint, save_model
from reidbench.training.trunk_weights import imagenet_weights, start_trunk


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


def test_a_file_that_lies_there_is_checked_too(server: tuple[str, list[str]], tmp_path: Path) -> None:
    """Also one that was put there by hand: random numbers under that name would be trained from without a word."""
    path = imagenet_weights(18, address=server[0])
    path.write_bytes(b"others" * 1000)
    with pytest.raises(UserError, match=r"resnet18-\w+\.pth: is not torchvision's file .*; remove it") as error:
        imagenet_weights(18, address=server[0])
    assert "\n" not in str(error.value) and path.is_file() and len(server[1]) == 1
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"resnet18-\w+\.pth: cannot be read \(Is a directory\); remove it"):
        imagenet_weights(18, address=server[0])


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
