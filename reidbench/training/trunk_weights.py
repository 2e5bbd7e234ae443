"""What a model's trunk starts from: ImageNet's weights, fetched once, those shipped, or a file."""

from __future__ import annotations

import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from reidbench.data.cache import cache_folder
from reidbench.files import replacing, sha256_of
from reidbench.spec import NO_TRUNK, UserError
from reidbench.training.checkpoint import read_checkpoint, trunk_kind
from reidbench.trunks import RESNET, SYNTHETIC, cannot_start

IMAGENET_ADDRESS = "https://download.pytorch.org/models/"
IMAGENET_FILES: Mapping[int | str, str] = {
    18: "resnet18-5c106cde.pth",
    34: "resnet34-333f7ec4.pth",
    50: "resnet50-19c8e357.pth",
    101: "resnet101-5d3b4d8f.pth",
    "inception": "inception_v3_google-0cc3c7bd.pth",
}
"""torchvision's ImageNet weights by a ResNet's depth, else by the kind of trunk; a name ends with the first 8 digits of
the file's SHA-256."""


def start_trunk(model: nn.Module, trunk: str, kind: str = RESNET) -> None:
    """Starts a model's trunk from what `Recipe.trunk` names: "" (as it is), "imagenet", "synthetic", or a file.

    `kind` is that of the trunk, as its model is registered. Where that is `NO_TRUNK`, the model's own `load_trunk` is
    given what the file holds: under `trunk.`, if anything lies there, else all.

    Raises UserError if the weights cannot be had or are not this trunk's.
    """
    if not trunk:
        return
    name, loads = type(model).__name__, callable(getattr(model, "load_trunk", None))
    if kind == NO_TRUNK and not loads:
        raise UserError(f"--weights {trunk}: {name} has no `load_trunk(state)`, which would take them; leave it out")
    if kind != NO_TRUNK and not (loads and isinstance(getattr(model, "trunk", None), nn.Module)):
        raise UserError(
            f"{name} has no `trunk` with a `load_trunk(state)`, which pre-trained weights need; if it is to start as "
            'it is built, register it by @model(trunk="none")'
        )
    if reason := cannot_start(kind, trunk):
        raise UserError(reason)
    if trunk == "imagenet":
        path = imagenet_weights(_depth(model.get_submodule("trunk").state_dict()) if kind == RESNET else kind)
    else:
        path = SYNTHETIC[kind] if trunk == "synthetic" else Path(trunk)
    checkpoint = read_checkpoint(path)
    state = checkpoint.state
    if checkpoint.kind != "trunk":
        own = {name.removeprefix("trunk."): value for name, value in state.items() if name.startswith("trunk.")}
        if not own and kind != NO_TRUNK:
            raise UserError(f"{path}: holds no trunk (no name begins with trunk.); give another file")
        state = own or state
    found = trunk_kind(state)
    if found and kind not in (found, NO_TRUNK):
        raise UserError(f"{path}: holds a trunk of kind {found}, the model stands on one of kind {kind}; give another")
    try:
        model.load_trunk(state)  # type: ignore[operator]
    except (ValueError, RuntimeError) as error:  # the latter is what `load_state_dict` raises
        raise UserError(f"{path}: {' '.join(str(error).split())[:300]}") from error


def imagenet_weights(trunk: int | str, *, address: str = IMAGENET_ADDRESS) -> Path:
    """The file of torchvision's ImageNet weights of a ResNet of that depth, or of another kind of trunk.

    It is fetched once into the cache folder.

    Raises UserError if it cannot be fetched or read, or if its SHA-256, also that of a file which lies there, does not
    begin as its name says.
    """
    name = IMAGENET_FILES[trunk]
    path, wanted = cache_folder() / "weights" / name, name.removesuffix(".pth").rpartition("-")[2]
    if not path.exists():
        with replacing(path) as temporary:
            _download(address + name, temporary, path)
            if (found := _sha256(temporary)) != wanted:
                raise UserError(f"{address}{name}: arrived damaged (SHA-256 {found}, not {wanted}); try again")
    elif (found := _sha256(path)) != wanted:
        raise UserError(f"{path}: is not torchvision's file of that name (SHA-256 {found}, not {wanted}); remove it")
    return path


def _sha256(path: Path) -> str:
    """The first 8 digits of a file's SHA-256, which torchvision's names end with."""
    try:
        return sha256_of(path)[:8]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); remove it") from error


def _download(address: str, temporary: Path, path: Path) -> None:
    try:
        with urllib.request.urlopen(address, timeout=30) as response, temporary.open("wb") as out:
            shutil.copyfileobj(response, out)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{address}: cannot be fetched ({reason}); put the file at {path} by hand") from error


def _depth(trunk: Mapping[str, Any]) -> int:
    """A ResNet's depth from the names of its parameters; 50 or 18 for one that is not standard, which will not fit."""
    blocks = len({name.split(".")[1] for name in trunk if name.startswith("layer3.")})
    if "layer1.0.conv3.weight" in trunk:
        return 101 if blocks == 23 else 50
    return 34 if blocks == 6 else 18
