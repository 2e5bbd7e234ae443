"""Weights in files, read weights-only: ours, the authors' releases, public trunks, state dicts of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reidbench import registry
from reidbench.spec import UserError, canonical_json
from reidbench.training.archive import SAFETENSORS, read_archive, read_safetensors, write_archive, write_safetensors
from reidbench.training.clip_weights import image_tower
from reidbench.training.release import convert_release, release_model
from reidbench.trunks import RESNET

FORMAT = "reidbench-model-1"

TRUNK_NAMES = {
    RESNET: ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.", "fc."),
    "inception": ("Conv2d_", "Mixed_", "AuxLogits.", "fc."),
    "vit": ("conv1.", "class_embedding", "positional_embedding", "ln_pre.", "transformer.", "ln_post.", "proj"),
}
"""What the names of a trunk's parameters begin with, by its kind."""

HALF = (torch.float16, torch.bfloat16)

WRAPPERS = ("state_dict", "model")
"""What training scripts keep a state dict under."""

MODULE = "module."
"""What `DataParallel` and `DistributedDataParallel` put before every name."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a file: `kind` is "model", "release", "trunk" or "plain"; `state` has our models' names, or a trunk's.

    "plain" is a state dict whose names may be any model's. `model` and `options` are those given to `save_model` (for a
    release: the registered model it is of), `about` what else is written in the file.
    """

    kind: str
    state: Mapping[str, Tensor]
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


def save_model(
    path: str | Path, model: nn.Module, *, name: str, options: Mapping[str, Any], about: Mapping[str, Any] | None = None
) -> None:
    """Writes a model's weights with its registered name and options, atomically; `about` holds plain values."""
    state = {key: value.cpu() for key, value in model.state_dict().items()}
    write_checkpoint(Path(path), Checkpoint("model", state, name, options, about or {}))


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes weights in this project's own format, a trunk as torchvision's; as safetensors where the name ends so.

    Raises UserError where the system refuses.
    """
    about, state = dict(checkpoint.about), "state_dict"
    if checkpoint.kind != "trunk":
        named = {"format": FORMAT, "model": checkpoint.model, "options": dict(checkpoint.options)}
        about, state = {**named, "about": about}, "state"
    if path.suffix == SAFETENSORS:
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in about.items()}
        write_safetensors(path, checkpoint.state, texts)
    else:
        write_archive(path, {**about, state: dict(checkpoint.state)})


def convert(source: Path, target: Path) -> Checkpoint:
    """Writes the weights of any file that can be read as one of this project's own, a release under its model's name.

    Raises UserError for a file that is none, or does not say what model it is of, and for a target that ends with
    neither `.pt` nor `.safetensors`.
    """
    if target.suffix not in (".pt", SAFETENSORS):
        raise UserError(f"{target}: let the name end with .pt or {SAFETENSORS}, which says what is written")
    found = read_checkpoint(source)
    if found.kind == "plain":
        raise UserError(
            f"{source}: a state dict that does not say what model it is of; give it to a command that names the model, "
            "such as evaluate, embed or export"
        )
    about = {name: value for name, value in found.about.items() if _is_plain(value)} | {"converted_from": source.name}
    if found.kind == "release":
        options = registry.resolve_options(found.model, {})
        del options["classes"]
        function = registry.lookup("model", found.model, registry.models()).function
        found = Checkpoint("model", found.state, function, json.loads(canonical_json(options)))
    written = replace(found, about=about)
    write_checkpoint(target, written)
    return written


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads any of the four kinds of file; half-precision weights of a trunk alone become float32, others stay.

    What is none of ours may hold its state dict under `state_dict` or `model`; `module.` before all names, which
    PyTorch's data parallelism puts there, is left out. Raises UserError for a file that holds no state dict.
    """
    path = Path(path)
    content = _safetensors_content(path) if path.suffix == SAFETENSORS else read_archive(path)
    if not isinstance(content, dict):
        content = {}
    if content.get("format") == FORMAT and _is_state(content.get("state")):
        about = {name: content.get(name, {}) for name in ("options", "about")}
        if not all(isinstance(part, dict) and all(isinstance(key, str) for key in part) for part in about.values()):
            raise UserError(f"{path}: cannot be read as a checkpoint (its options are damaged); give another file")
        return Checkpoint("model", content["state"], str(content.get("model", "")), **about)
    key = next((key for key in WRAPPERS if _is_state(content.get(key))), "")
    if not key and not _is_state(content):
        raise _no_weights(path, content)
    state = _without_module(content[key] if key else content)
    about = {name: value for name, value in content.items() if key and name != key}
    if trunk := _trunk_in(state, path):
        return Checkpoint("trunk", {n: v.float() if v.dtype in HALF else v for n, v in trunk.items()}, about=about)
    if not (released := release_model(state)):
        return Checkpoint("plain", state, about=about)
    try:
        return Checkpoint("release", convert_release(state), released)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _no_weights(path: Path, content: Mapping[Any, Any]) -> UserError:
    """What to say of a file whose weights, if it holds any, lie under a name that is not known."""
    states = {key: value for key, value in content.items() if isinstance(key, str) and _is_state(value)}
    if elsewhere := sorted(states, key=lambda key: -len(states[key])):
        return UserError(
            f"{path}: holds its weights under {_listed(elsewhere)}, which is not looked into; put those of the model "
            f'under state_dict: torch.save({{"state_dict": torch.load(FILE)[{elsewhere[0]!r}]}}, NEW)'
        )
    held = f" (it holds {_listed(list(content))})" if content else ""
    return UserError(
        f"{path}: holds no weights known here{held}; give a checkpoint of this project, of the authors' release, a "
        "trunk of torchvision's or CLIP's, or a state dict"
    )


def _listed(names: Sequence[object]) -> str:
    """The first of some names, as they would be typed."""
    shown = ", ".join(f"{name!r:.40}" for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _without_module(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    wrapped = all(name.startswith(MODULE) for name in state)
    return {name.removeprefix(MODULE): value for name, value in state.items()} if wrapped else state


def _trunk_in(state: Mapping[str, Tensor], path: Path) -> Mapping[str, Tensor] | None:
    """The trunk alone that a public state dict holds, under the names our trunks have, or None."""
    if trunk_kind(state):
        return state
    try:
        return image_tower(state)
    except ValueError as error:
        raise UserError(f"{path}: {error}; give another file") from error


def load_weights(model: nn.Module, path: str | Path) -> Checkpoint:
    """Loads a whole model's weights into `model`, or none of them; the classifier's are left out if it has none.

    Raises UserError, one line, naming the parameters that are missing, unexpected or of another shape.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path)
    if checkpoint.kind == "trunk":
        raise UserError(f"{path}: holds a trunk alone; train from it, or give the checkpoint of a whole model")
    model.load_state_dict(fitted(path, checkpoint, model.state_dict()))
    return checkpoint


def fitted(path: Path, checkpoint: Checkpoint, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What of a whole model's weights goes into a model whose own state is `wanted`: all, or all but the classifier.

    Of `wanted` names and shapes matter. Raises UserError, one line, naming the parameters that are missing, unexpected
    or of another shape, and those that hold NaN or infinite numbers.
    """
    given, found = _matched(checkpoint, wanted)
    faults = [text for fault, names in found.items() for text in _named(fault, names)]
    if not faults:
        return given
    if checkpoint.kind == "plain":
        whose, advice = "a state dict that does not fit this model", "rename them, or give its --set and --preset"
    else:
        origin = f" ({checkpoint.model} {dict(checkpoint.options)})" if checkpoint.model else ""
        whose, advice = f"another model's checkpoint{origin}", "give this model's own"
    raise UserError(f"{path}: {whose}: {'; '.join(faults)}; {advice}")


def misfits(checkpoint: Checkpoint, wanted: Mapping[str, Tensor]) -> int:
    """How many parameters keep a whole model's weights out of a model whose own state is `wanted`."""
    return sum(map(len, _matched(checkpoint, wanted)[1].values()))


def _matched(checkpoint: Checkpoint, wanted: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    """What of the weights goes into the model, and the names of the parameters that do not fit, by what is wrong."""
    has_classifier = any(name.startswith("classifier") for name in wanted)
    given = {n: v for n, v in checkpoint.state.items() if has_classifier or not n.startswith("classifier")}
    return given, {
        "missing": [name for name in wanted if name not in given],
        "unexpected": [name for name in given if name not in wanted],
        "of another shape": [n for n, v in wanted.items() if n in given and given[n].shape != v.shape],
        "without finite numbers": [name for name, value in given.items() if not torch.isfinite(value).all()],
    }


def _safetensors_content(path: Path) -> dict[str, Any]:
    """What `read_archive` would give for the same weights."""
    tensors, texts = read_safetensors(path)
    if texts.get("format") != FORMAT:
        return {**texts, "state_dict": tensors}
    try:
        parts = {name: dict(json.loads(texts[name])) for name in ("options", "about")}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: cannot be read as a checkpoint (its options are damaged); give another file"
        ) from error
    return {"format": FORMAT, "model": texts.get("model", ""), "state": tensors, **parts}


def _is_plain(value: Any) -> bool:
    try:
        return bool(json.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return False


def _is_state(content: Any) -> bool:
    """Whether it is what a state dict can be: plain tensors of real numbers by name."""
    if not isinstance(content, Mapping) or not content or not all(isinstance(name, str) for name in content):
        return False
    return all(
        isinstance(value, Tensor)
        and (value.layout, value.is_quantized, value.is_complex(), value.device.type)
        == (torch.strided, False, False, "cpu")
        for value in content.values()
    )


def _named(fault: str, names: Iterable[str]) -> list[str]:
    """All of a few names; of many, which are another model's, how many they are and the first."""
    listed = list(names)
    shown = len(listed) if len(listed) <= 20 else 3
    more = ", ..." if len(listed) > shown else ""
    return [f"{len(listed)} {fault} ({', '.join(listed[:shown])}{more})"] if listed else []


def trunk_kind(state: Mapping[str, Any]) -> str:
    """The kind of trunk that all the names of a state dict are of, or ""."""
    fitting = (kind for kind, begins in TRUNK_NAMES.items() if all(name.startswith(begins) for name in state))
    return next(fitting, "") if state else ""
