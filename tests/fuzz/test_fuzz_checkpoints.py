"""Damaged checkpoints: loaded whole or refused in one line, and nothing in them is ever run or unpacked."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clip_layouts import hugging_face, openai
from hypothesis import given
from hypothesis import strategies as st
from mutations import Draw, damaged_bytes, damaged_tree
from torch import nn
from trying import attempt, cases, command

from reidbench import registry
from reidbench.spec import UserError, canonical_json
from reidbench.training.archive import read_archive, read_safetensors, write_safetensors
from reidbench.training.checkpoint import FORMAT, convert, load_weights, read_checkpoint
from reidbench.training.trunk_weights import start_trunk

OPTIONS = {"depth": 50, "width": 2, "blocks": (1, 1, 1, 1), "size": (32, 16)}
MARKER = Path("executed")


class Shell:
    """What would run a command where a pickle is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {MARKER}",)


class Samples(list[bytes]):
    def __repr__(self) -> str:
        return "samples"


class Evaluated:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"open({str(MARKER)!r}, 'w')",)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = registry.build("baseline", classes=3, **OPTIONS)
    return built


def content_of(model: nn.Module) -> dict[str, Any]:
    """What `save_model` writes of it."""
    options = json.loads(canonical_json(OPTIONS))
    return {"format": FORMAT, "model": "baseline", "options": options, "about": {}, "state": dict(model.state_dict())}


def trunk_of(model: nn.Module) -> dict[str, Any]:
    """A ResNet as torchvision names it."""
    return {name.removeprefix("trunk."): v for name, v in model.state_dict().items() if name.startswith("trunk.")}


def contents_of(model: nn.Module) -> list[dict[str, Any]]:
    return [content_of(model), {"state_dict": trunk_of(model), "epoch": 3}]


def saved(content: Any, *, legacy: bool = False) -> bytes:
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of storages and kinds of tensors that will go, some once a process
        torch.save(content, written, _use_new_zipfile_serialization=not legacy)
    return written.getvalue()


@pytest.fixture(scope="module")
def samples(model: nn.Module) -> Samples:
    """Both contents as torch writes them now, and as it once did."""
    return Samples(saved(content, legacy=legacy) for content in contents_of(model) for legacy in (False, True))


def _quantized(values: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they will go from torch
        return torch.quantize_per_tensor(values, 1.0, 0, torch.qint8)


def odd_values() -> tuple[Any, ...]:
    """What may stand in the place of a tensor, or of anything else in a checkpoint."""
    ones = torch.ones(2, 3)
    return (
        *(None, 3, "text", b"bytes", [], {}, (), float("nan"), 10**400, {"a": {"b": ones}}, [ones], np.float64(1)),
        *(
            torch.tensor(1.0),
            torch.zeros(0),
            torch.full((8,), float("nan")),
            torch.full((2,), float("inf")),
            ones.bool(),
        ),
        *(ones.half(), ones.bfloat16(), ones.to(torch.complex64), ones.long(), ones.to(torch.int8), ones.to_sparse()),
        *(
            torch.ones(1).to(torch.float8_e4m3fn),
            nn.Parameter(ones),
            ones.expand(5, 2, 3),
            torch.empty(3, device="meta"),
        ),
        *(
            Shell(),
            Evaluated(),
            OrderedDict(a=ones),
            {1: ones},
            {None: ones},
            {"a": Shell()},
            nn.Linear(1, 1),
            "x" * 999,
        ),
        *(_quantized(ones), torch.Size([1]), torch.float16, torch.device("cpu")),
    )


def damaged_content(dice: random.Random, sample: dict[str, Any]) -> Any:
    """The content of a checkpoint with a few entries gone, renamed, or something else."""
    content = {name: dict(value) if isinstance(value, dict) else value for name, value in sample.items()}
    for _ in range(dice.randint(1, 2)):
        inner = [value for value in content.values() if isinstance(value, dict) and value]
        part = dice.choice([content, *inner])
        if not part:
            break
        name = dice.choice(sorted(part, key=str))
        action = dice.choice(["replace", "replace", "replace", "delete", "rename", "swap"])
        if action == "replace":
            part[name] = dice.choice(odd_values())
        elif action == "delete":
            del part[name]
        elif action == "rename":
            part[dice.choice(["", "x", 3, None, "TKS.conv1.weight", "state_dict", "../x"])] = part.pop(name)
        else:
            part[name] = part[dice.choice(sorted(part, key=str))]
    return content


def flipped(dice: random.Random, content: bytes) -> bytes:
    """Bytes cut short, or with a few of them changed."""
    if not content or dice.random() < 0.2:
        return content[: dice.randrange(len(content) + 1)]
    changed = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        changed[dice.randrange(min(len(changed), dice.choice([64, 600, len(changed)])))] = dice.randrange(256)
    return bytes(changed)


def odd_zip(dice: random.Random, sample: bytes) -> bytes:
    """The zip archive that `torch.save` writes, with odd members, others missing, changed or packed otherwise."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sample)) as old, zipfile.ZipFile(written, "w") as new:
        names = old.namelist()
        chosen = dice.choice(names)
        action = dice.choice(["add", "drop", "damage", "pack", "pickle", "rename"])
        for name in names:
            content = old.read(name)
            if name == chosen and action == "drop":
                continue
            if name == chosen and action == "damage":
                content = flipped(dice, content)
            if name.endswith("data.pkl") and action == "pickle":
                content = dice.choice([pickle.dumps(Shell(), 2), pickle.dumps(Evaluated(), 2), b"\x80\x02."])
            kind = zipfile.ZIP_DEFLATED if action == "pack" else zipfile.ZIP_STORED
            name = f"../{name}" if name == chosen and action == "rename" else name
            new.writestr(name, content, compress_type=kind)
        if action == "add":
            link = zipfile.ZipInfo("archive/link")
            link.external_attr = 0o120777 << 16
            names = [
                "../escaped",
                "/tmp/escaped_fuzz",
                "archive/../../escaped",
                "archive/code/x.py",
                "archive/data.pkl2",
            ]
            new.writestr(dice.choice([*names, link]), b"import os")
    return written.getvalue()


def odd_safetensors(draw: Draw, sample: bytes) -> bytes:
    """A safetensors file with a damaged header over sound bytes."""
    (length,) = struct.unpack("<Q", sample[:8])
    header = json.loads(sample[8 : 8 + length])
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(header)))
        kinds = ["F8_E4M3", "F4", "BOOL", "U64", "C64", "F64", "I8", "BF16", "X", ""]
        odd = {
            "dtype": st.sampled_from(kinds),
            "shape": st.sampled_from([[], [0], [-1], [2**62, 4], [2**64], [1.5], "x"]),
        }
        odd["data_offsets"] = st.sampled_from([[0, 0], [0, 2**62], [5, 1], [-1, 3], [0], "x", [0, 4]])
        field = draw(st.sampled_from(sorted(odd)))
        header[name] = {**header[name], field: draw(odd[field])} if name != "__metadata__" else {"format": FORMAT}
    else:
        header = draw(damaged_tree(header, most=2))
    text = json.dumps(header).encode()
    claimed = draw(st.sampled_from([len(text)] * 6 + [0, 2**62, len(text) - 1, 2**63]))
    return struct.pack("<Q", claimed) + text + sample[8 + length :]


def use(path: Path, model: nn.Module) -> None:
    """All that is done with the weights of a file."""
    found = read_checkpoint(path)
    assert all(isinstance(value, torch.Tensor) for value in found.state.values())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        load_weights(model, path)
        assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    except UserError:
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items()), "loaded in part"
        raise
    finally:
        model.load_state_dict(before)


def start(path: Path, model: nn.Module) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        start_trunk(model, str(path))
    finally:
        model.load_state_dict(before)


def nothing_ran() -> None:
    assert not MARKER.exists() and not Path("../escaped").exists() and not Path("escaped").exists()
    assert not Path("/tmp/escaped_fuzz").exists()


def archive(dice: random.Random, model: nn.Module, samples: Sequence[bytes]) -> bytes:
    """A damaged checkpoint.

    Made by dice of a drawn seed: what is drawn must not depend on how long a pickle is, which differs by object ids.
    """
    which, legacy = dice.randrange(2), dice.randrange(2)
    kind = dice.choice(["content", "content", "bytes", "zip", "pickle"])
    if kind == "content":
        return saved(damaged_content(dice, contents_of(model)[which]), legacy=bool(legacy))
    if kind == "bytes":
        return flipped(dice, samples[2 * which + legacy])
    if kind == "zip":
        return odd_zip(dice, samples[2 * which])
    return pickle.dumps(dice.choice((Shell(), Evaluated(), *odd_values()[:12])), dice.randint(0, 4))


@cases(70, 800)
@given(number=st.integers(0, 2**32))
def test_archives(model: nn.Module, samples: Samples, number: int) -> None:
    dice, path = random.Random(number), Path("weights.pt")
    path.write_bytes(archive(dice, model, samples))
    act = dice.choice([use, use, start])
    attempt("checkpoint", lambda: act(path, model))
    nothing_ran()


@cases(40, 600)
@given(data=st.data())
def test_safetensors(model: nn.Module, data: st.DataObject) -> None:
    about = {"format": FORMAT, "model": "baseline", "options": canonical_json(OPTIONS), "about": "{}"}
    if data.draw(st.integers(0, 2)) == 0:
        name = data.draw(st.sampled_from(sorted(about)))
        about[name] = data.draw(
            st.sampled_from(["", "[]", "3", "{", "[[1, 2]]", '[["a", 1]]', "x", "[" * 9999, '{"a": {}}'])
        )
    path = Path("weights.safetensors")
    write_safetensors(path, dict(model.state_dict()), about)
    kind = data.draw(st.sampled_from(["bytes", "header", "about"]))
    if kind != "about":
        content = path.read_bytes()
        path.write_bytes(data.draw(damaged_bytes(content)) if kind == "bytes" else odd_safetensors(data.draw, content))
    attempt("safetensors", lambda: use(path, model))
    nothing_ran()


@cases(12, 150)
@given(number=st.integers(0, 2**32))
def test_convert(model: nn.Module, samples: Samples, number: int) -> None:
    dice = random.Random(number)
    Path("weights.pt").write_bytes(archive(dice, model, samples))
    target = dice.choice(["out.pt", "out.safetensors", "weights.pt", "x/y.pt", "out.onnx"])
    outcome, _, _ = command("checkpoint, command", ["convert", "weights.pt", target])
    if outcome == "success":
        assert read_checkpoint(Path(target)).state
    nothing_ran()


@pytest.fixture(scope="module")
def release() -> dict[str, torch.Tensor]:
    """The names of the authors' BiCnet-TKS with a few tensors of the right shapes."""
    rows = (Path(__file__).parents[1] / "training/release_bicnet_tks_keys.csv").read_text().splitlines()
    names = [row.split(",")[0].strip('"') for row in rows[1:]]
    return {name: torch.zeros(1) for name in names}


@cases(2, 30)
@given(number=st.integers(0, 2**32))
def test_releases(release: dict[str, torch.Tensor], number: int) -> None:
    content = damaged_content(random.Random(number), {"state_dict": release, "mAP": 0.86})
    path = Path("release.pth.tar")
    path.write_bytes(saved(content))
    attempt("checkpoint, release", lambda: convert(path, Path("out.pt")))


@pytest.fixture(scope="module")
def transformer() -> nn.Module:
    torch.manual_seed(0)
    built: nn.Module = registry.build("vit_baseline", vit_depth=1, vit_width=64, size=(32, 32))
    return built


@cases(25, 300)
@given(number=st.integers(0, 2**32))
def test_public_clip(transformer: nn.Module, number: int) -> None:
    dice, path = random.Random(number), Path("clip.pt")
    layout = dice.choice([openai, hugging_face])
    path.write_bytes(saved(damaged_content(dice, {"state_dict": layout(dict(transformer.trunk.state_dict()))})))
    attempt("checkpoint, clip", lambda: start(path, transformer))
    nothing_ran()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("neck.norm.weight", torch.full((64,), float("nan")), "1 without finite numbers"),
        ("trunk.conv1.weight", torch.ones(2, 3, 7, 7, dtype=torch.complex64), "holds no weights known here"),
        (3, torch.ones(1), "holds no weights known here"),
    ],
)
def test_weights_that_would_be_loaded_and_mean_nothing_are_refused(
    model: nn.Module, name: Any, value: torch.Tensor, message: str
) -> None:
    content = content_of(model)
    name = next(iter(n for n in content["state"] if "bn" in n or "neck" in n)) if name == "neck.norm.weight" else name
    if name in content["state"]:
        value = value if value.is_complex() else torch.full_like(content["state"][name], float("nan"))
    content["state"][name] = value
    Path("weights.pt").write_bytes(saved(content))
    with pytest.raises(UserError, match=message):
        load_weights(model, Path("weights.pt"))


@pytest.mark.parametrize("options", [[], [1], "text", {3: 1}, torch.ones(2), None])
def test_options_that_are_none_are_refused(model: nn.Module, options: Any) -> None:
    content = content_of(model) | {"options": options, "about": options}
    Path("weights.pt").write_bytes(saved(content))
    with pytest.raises(UserError, match="its options are damaged"):
        read_checkpoint(Path("weights.pt"))


def test_options_nested_too_deeply_are_refused(model: nn.Module) -> None:
    """They were a RecursionError."""
    about = {"format": FORMAT, "options": "[" * 9999, "about": "{}"}
    write_safetensors(Path("x.safetensors"), dict(model.state_dict()), about)
    with pytest.raises(UserError, match="its options are damaged"):
        read_checkpoint(Path("x.safetensors"))


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: Path(path).mkdir(), lambda path: Path(path).symlink_to("/dev/zero")]
)
def test_what_is_no_file_is_not_waited_for(make: Any) -> None:
    """A pipe without a writer kept the reader for ever, and the hash of /dev/zero never ended."""
    for name, read in (("x.pt", read_archive), ("x.safetensors", read_safetensors)):
        make(name)
        with pytest.raises(UserError, match="is no file"):
            read(Path(name))
    outcome, _, said = command("checkpoint, command", ["train", "bicnet", "--out", "o", "--weights", "x.pt"])
    assert outcome == "refused" and "is no file" in said
