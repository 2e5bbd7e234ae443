"""Tensors and plain values in files, by `torch.save` or as safetensors: read without ever running what a file says."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from reidbench.deployment.files import FORMATS
from reidbench.files import replacing, write_bytes
from reidbench.spec import UserError

SAFETENSORS = ".safetensors"
"""How the name of a safetensors file ends."""

NUMPY_SCALARS: list[Any] = [
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
]
"""What release checkpoints hold besides tensors: their mAP, a NumPy scalar, under its name in NumPy 1 or 2."""

ALONE = (
    "where FILE is your own or trusted, save its state dict alone, KEY being what it lies under, such as "
    "'state_dict': torch.save(torch.load(FILE, weights_only=False)[KEY], NEW)"
)
"""What to do with a training script's checkpoint that holds its arguments, too."""

BEGINS = {b"<?xml": "openvino", **{bytes([8, version, 18]): "onnx" for version in range(3, 32)}}
"""What exported networks begin with: an ONNX file with its field 1, the version of its format, and field 2."""

EXPORTED = "give the checkpoint that it was made from; docs/deployment.md says how to score what a file itself gives"
"""What to do with an exported network, of which no command reads weights."""

CARRIES_CODE = re.compile("unsupported global|unrecognized function", re.IGNORECASE)
"""How torch words its refusal of a pickle that names a function or a class beyond tensors and plain values."""

NAMED = re.compile(r"GLOBAL (\S{1,80})")
"""Where it says which."""


def write_archive(path: Path, content: Mapping[str, Any]) -> None:
    """Writes tensors and plain values atomically. Raises UserError where the system refuses."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_archive(path: Path) -> Any:
    """Reads what `torch.save` wrote onto the CPU: tensors and plain values, never code.

    Before version 2.10 torch's reader can be made to corrupt memory, which is not to be prevented from here.

    Raises UserError for a file that is missing, damaged, no such archive, or that carries anything else.
    """
    _check_file(path)
    try:
        with torch.serialization.safe_globals(NUMPY_SCALARS), warnings.catch_warnings():
            # torch warns of a pickle's protocol before it refuses it; the refusal below says it in one line.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
        check_whole(content, path)
        return content
    except Exception as error:  # a damaged archive raises errors of a dozen types
        if kind := exported_kind(path):
            raise _unreadable(path, f"an exported network, {kind}", EXPORTED) from error
        if CARRIES_CODE.search(str(error)):
            found = NAMED.search(str(error))
            reason = f"beside weights it carries code or objects{f' such as {found[1]}' if found else ''}"
            raise _unreadable(path, reason, ALONE) from error
        if "TorchScript" in str(error):
            reason = "a TorchScript archive, which may carry code; if it is CLIP's, take its model.safetensors"
        elif "Unsupported operand" in str(error):
            reason = "a plain pickle, which may carry code, not what torch.save writes"
        else:
            reason = "damaged, or no checkpoint"
        raise _unreadable(path, reason) from error


def check_whole(content: Any, path: Path) -> None:
    """Raises ValueError where the tensors that were read of an archive are longer than what it holds: torch before 2.10
    takes the memory behind a cut one for the rest of it.

    Each must have a part of the file for itself that is as long.
    """
    if not zipfile.is_zipfile(path):
        return  # the format of torch before 1.6, of which any torch misses what is cut off
    with zipfile.ZipFile(path) as archive:
        held = [member.file_size for member in archive.infolist() if "/data/" in member.filename]
    read = {storage.data_ptr(): storage.nbytes() for storage in map(Tensor.untyped_storage, _tensors(content))}
    pairs = zip_longest(sorted(read.values(), reverse=True), sorted(held, reverse=True), fillvalue=0)
    if any(length > there for length, there in pairs):
        raise ValueError("a tensor of which bytes are missing")


def _tensors(content: Any) -> Iterator[Tensor]:
    """The tensors with numbers in memory, in containers inside each other; a container may hold itself."""
    seen, waiting = set(), [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Tensor) and part.layout == torch.strided and not part.is_meta:
            yield part
        elif isinstance(part, (dict, list, tuple, set)) and id(part) not in seen:
            seen.add(id(part))
            waiting += part.values() if isinstance(part, dict) else part


def exported_kind(path: Path) -> str:
    """What kind of exported network a file is, by its ending or else its first bytes; "" where it seems to be none."""
    by_suffix = {found.suffix: name for name, found in FORMATS.items()}
    with path.open("rb") as file:
        start = file.read(max(map(len, BEGINS)))
    by_bytes = (name for begin, name in BEGINS.items() if start.startswith(begin))
    return by_suffix.get(path.suffix) or next(by_bytes, "")


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Writes tensors by name, and texts about them, atomically. Raises UserError where the system refuses."""
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_bytes(path, safetensors_bytes(whole, metadata=dict(about)))


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file on the CPU, and the texts about them.

    Raises UserError for a file that is missing, damaged, or no such file.
    """
    _check_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except Exception as error:  # also of kinds of numbers that this version of torch does not have
        raise _unreadable(path, f"damaged, or no {SAFETENSORS} file") from error


def _check_file(path: Path) -> None:
    """Raises UserError where there is no file; what is there and none, such as a pipe, may never end."""
    if not path.is_file():
        raise UserError(f"{path}: no such file" if not path.exists() else f"{path}: is no file; give a checkpoint")


def _unreadable(path: Path, reason: str, advice: str = "give another file") -> UserError:
    return UserError(f"{path}: cannot be read as a checkpoint ({reason}); {advice}")
