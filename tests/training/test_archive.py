"""Files of tensors: what is written comes back, and what carries code, is damaged or is something else is refused."""

from __future__ import annotations

import os
import pickle
import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from reidbench.deployment import files
from reidbench.spec import UserError
from reidbench.training.archive import read_archive, read_safetensors, write_archive, write_safetensors


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("executed"),)  # type: ignore[return-value]


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"a": torch.zeros(1)}, "mAP": Code()}, "evil.pth.tar")
    Path("plain.pt").write_bytes(pickle.dumps(Code()))
    for name in ("evil.pth.tar", "plain.pt"):
        with pytest.raises(UserError, match=f"{name}: cannot be read as a checkpoint"):
            read_archive(Path(name))
    with pytest.raises(UserError, match="carries code"):
        read_archive(Path("evil.pth.tar"))
    with pytest.raises(UserError, match="may carry code"):
        read_archive(Path("plain.pt"))
    assert not Path("executed").exists()


def test_the_arguments_of_a_script_are_named_and_its_weights_can_be_saved_alone(tmp_path: Path) -> None:
    torch.save({"net": {"a": torch.zeros(1)}, "args": Namespace(lr=0.1)}, tmp_path / "x.pt")
    with pytest.raises(UserError, match=r"objects such as argparse\.Namespace\); where FILE is your own") as error:
        read_archive(tmp_path / "x.pt")
    call = str(error.value).rpartition("'state_dict': ")[2]
    exec(call, {"torch": torch, "FILE": tmp_path / "x.pt", "KEY": "net", "NEW": tmp_path / "y.pt"})
    assert read_archive(tmp_path / "y.pt").keys() == {"a"}


class Shell:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_call_of_the_shell_is_called_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, legacy: bool) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Shell()}, "evil.pt", _use_new_zipfile_serialization=not legacy)
    Path("plain.pt").write_bytes(pickle.dumps(Shell(), protocol=2))
    for name in ("evil.pt", "plain.pt"):
        with pytest.raises(UserError, match=rf"{name}: .*carries code") as error:
            read_archive(Path(name))
        assert "\n" not in str(error.value)
    assert not Path("executed").exists()


def whole(folder: Path, **content: object) -> Path:
    torch.save(content, folder / "x.pt")
    return folder / "x.pt"


def test_every_tensor_has_its_bytes_in_the_file(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    itself: list[object] = [torch.zeros(3)]
    itself.append(itself)
    for content in (
        {"a": shared, "b": shared[2:], "c": [shared.view(2, 3), torch.empty(0)]},
        {"a": nn.Parameter(torch.ones(2)), "meta": torch.empty(4, device="meta"), "none": None},
        {"sparse": torch.eye(3).to_sparse(), "itself": itself, "half": torch.ones(2, dtype=torch.bfloat16)},
    ):
        read_archive(whole(tmp_path, **content))
    torch.save({"a": shared}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert torch.equal(read_archive(tmp_path / "old.pt")["a"], shared)


def test_a_tensor_whose_bytes_are_missing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch before 2.10 gives it: as long as the file says, though less lies there."""
    path, long = whole(tmp_path, a=torch.ones(2), b=torch.ones(3)), torch.zeros(4)
    for given in (
        {"a": torch.ones(2), "b": long},
        {"a": torch.ones(2), "deep": [{"b": (long,)}]},
        [long, long.clone()],
    ):
        monkeypatch.setattr(torch, "load", lambda *_, given=given, **__: given)
        with pytest.raises(UserError, match=r"x\.pt: cannot be read as a checkpoint \(damaged"):
            read_archive(path)
    monkeypatch.setattr(torch, "load", lambda *_, **__: [torch.ones(1)] * 3 + [torch.ones(1) for _ in range(2)])
    with pytest.raises(UserError, match="damaged"):
        read_archive(path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04 not a zip", b"<html>not found</html>"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pt: cannot be read as a checkpoint") as error:
        read_archive(tmp_path / "x.pt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", files.FORMATS)
def test_an_exported_network_is_told_with_what_to_do(kind: str, tmp_path: Path) -> None:
    """By the name's ending, or where it has lost it by what an ONNX or OpenVINO file begins with."""
    path = tmp_path / f"a{files.FORMATS[kind].suffix}"
    files.write(nn.Linear(2, 2), torch.zeros(1, 2), path, kind)
    renamed = [Path(shutil.copy(path, tmp_path / "x.pt"))] if kind in ("onnx", "openvino") else []
    for each in (path, *renamed):
        with pytest.raises(UserError, match=rf"an exported network, {kind}\); give the checkpoint") as error:
            read_archive(each)
        assert "\n" not in str(error.value)


def test_a_truncated_archive_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    write_archive(path, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged, or no checkpoint"):
        read_archive(path)
    with pytest.raises(UserError, match="no such file"):
        read_archive(tmp_path / "y.pt")


def test_numpy_scalars_of_a_release_are_read(tmp_path: Path) -> None:
    for legacy in (True, False):
        torch.save(
            {"mAP": np.float64(0.86), "x": np.float32(1), "epoch": 3},
            tmp_path / "x.pth.tar",
            _use_new_zipfile_serialization=not legacy,
        )
        assert read_archive(tmp_path / "x.pth.tar")["mAP"] == 0.86
        with pytest.raises(pickle.UnpicklingError):
            torch.load(tmp_path / "x.pth.tar", weights_only=True)


def test_numpy_scalars_written_under_numpy_1_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.pth.tar"
    torch.save({"mAP": np.float64(0.86)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert read_archive(path)["mAP"] == 0.86


def test_writing_is_atomic_and_refusals_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"x\.pt: cannot be written"):
        write_archive(tmp_path / "file" / "x.pt", {"a": 1})
    write_archive(tmp_path / "x.pt", {"a": 1})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "x.pt"]


def test_safetensors_come_back_with_their_texts(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {
        "turned": torch.arange(6.0).view(2, 3).T,
        "channels last": torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "counter": torch.tensor(7),
        "half": torch.ones(2, dtype=torch.float16),
    }
    write_safetensors(path, tensors, {"model": "tiny"})
    found, texts = read_safetensors(path)
    assert texts == {"model": "tiny"} and found.keys() == tensors.keys()
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in tensors.items())
    assert safetensors.torch.load_file(path).keys() == tensors.keys(), "the library reads it by itself"


def test_safetensors_without_texts_are_read(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "x.safetensors")
    assert read_safetensors(tmp_path / "x.safetensors")[1] == {}


def test_a_pickle_under_the_name_of_safetensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Shell()}, "evil.safetensors")
    Path("plain.safetensors").write_bytes(pickle.dumps(Shell()))
    Path("empty.safetensors").write_bytes(b"")
    for name in ("evil", "plain", "empty"):
        with pytest.raises(UserError, match=rf"{name}\.safetensors: .*damaged, or no \.safetensors file") as error:
            read_safetensors(Path(f"{name}.safetensors"))
        assert "\n" not in str(error.value)
    assert not Path("executed").exists()


def test_truncated_and_missing_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"a": torch.zeros(100)}, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"x\.safetensors: cannot be read as a checkpoint"):
        read_safetensors(path)
    with pytest.raises(UserError, match="no such file"):
        read_safetensors(tmp_path / "y.safetensors")
