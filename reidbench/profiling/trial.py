"""Whether a model keeps the contract of all models, found out by a pass of a few clips before anything is measured."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from reidbench.deployment.network import clips_of
from reidbench.resources import is_out_of_memory
from reidbench.spec import Loss, Output, UserError

ALIKE = 1e-3
"""Of a feature's length: how far rounding takes it, alone or in a batch."""


def try_model(name: str, model: nn.Module, shape: Sequence[int], *, classes: int = 0) -> None:
    """Sends clips `shape` `[B, T, 3, H, W]` through a copy of a model on the CPU, in evaluation mode, and on to its
    neck; with `classes` also in training mode, there and back.

    The model and torch's random numbers stay as they are. Raises UserError naming the model where it fails or breaks
    the contract: an `Output` whose `feature` is `[B, D]`, the same each time and whatever else is in the batch; a
    `neck` that takes it; in training logits, embeddings and losses as `Output` has them, with gradients.
    """
    check_module(name, model)
    try:
        trial = copy.deepcopy(model).eval()
    except RuntimeError as error:  # some parametrisations cannot be copied, and the model itself is not to be touched
        if is_out_of_memory(error):
            raise
        return
    clips = clips_of(shape)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        _try_features(name, trial, clips)
    if classes:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            output = _output(name, trial.train(), clips_of(shape))
            _check_training(name, output, (shape[0], classes))
            if not any(parameter.requires_grad for parameter in model.parameters()):
                raise UserError(f"model {name}: none of its parameters can be trained (requires_grad)")
            _try_backward(name, output)


def _try_features(name: str, trial: nn.Module, clips: Tensor) -> None:
    given = clips.clone()
    feature = _feature(name, trial, given)
    if not torch.isfinite(feature).all():
        raise UserError(f"model {name}: its feature holds NaN or infinite numbers; let it be finite")
    if not isinstance(getattr(trial, "neck", None), nn.Module):
        raise UserError(f"model {name}: has no `neck`, the nn.Module that a feature [clips, D] goes through")
    _run(f"model {name}: its neck", trial.neck, feature)  # type: ignore[arg-type]
    if not torch.equal(given, clips):
        raise UserError(f"model {name}: changes the clips that it is given; let it work on a copy")
    if not _is_same(_feature(name, trial, clips.clone()), feature):
        raise UserError(
            f"model {name}: in evaluation it gives the same clips another feature each time; leave out chance"
        )
    if len(clips) > 1 and not _is_same(_feature(name, trial, clips[:1].clone()), feature[:1]):
        raise UserError(f"model {name}: in evaluation a clip's feature depends on the others of its batch; let it not")


def _feature(name: str, trial: nn.Module, clips: Tensor) -> Tensor:
    feature = _output(name, trial, clips).feature
    if not isinstance(feature, Tensor) or feature.ndim != 2 or len(feature) != len(clips):
        found = list(feature.shape) if isinstance(feature, Tensor) else type(feature).__name__
        count = f"{len(clips)} clip{'s' * (len(clips) > 1)}"
        raise UserError(f"model {name}: its feature for {count} is {found}; let it be [clips, D]")
    return feature


def _is_same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one - other).norm(dim=1) <= ALIKE * other.norm(dim=1)).all())


def _try_backward(name: str, output: Output) -> None:
    """Sends gradients back through all that a loss may be made of. The sums are enough: how large they are is not
    asked."""
    parts = [*output.logits, *output.embeddings, *(loss.value for loss in output.losses.values())]
    total = torch.stack([part.float().sum() for part in parts]).sum()
    if not total.requires_grad:
        raise UserError(f"model {name}: its logits, embeddings and losses depend on none of its parameters")
    with failure_told(f"model {name}: its backward pass"):
        total.backward()


def _check_training(name: str, output: Output, logits: tuple[int, int]) -> None:
    """What an output in training holds; `logits` is the shape of a head's."""
    clips, classes = logits
    for what, entries, width in (("logits", output.logits, classes), ("embeddings", output.embeddings, None)):
        if not isinstance(entries, (tuple, list)) or not all(isinstance(entry, Tensor) for entry in entries):
            kind = type(entries).__name__
            raise UserError(f"model {name}: its {what} in training are a {kind}; let them be a tuple, a tensor a head")
        if not entries:
            raise UserError(f"model {name}: gives no {what} in training; let its Output hold a tuple, an entry a head")
        for entry in entries:
            if entry.ndim != 2 or len(entry) != clips or width not in (None, entry.shape[1]):
                wanted = f"[{clips}, {classes}], for as many classes" if width else f"[{clips}, D]"
                raise UserError(f"model {name}: {what} in training are {list(entry.shape)}; let them be {wanted}")
    if not isinstance(output.losses, Mapping):
        raise UserError(f"model {name}: its losses are a {type(output.losses).__name__}; let them be a dict by name")
    for term, loss in output.losses.items():
        if not isinstance(loss, Loss) or not isinstance(loss.value, Tensor) or loss.value.ndim:
            raise UserError(
                f"model {name}: loss {term!r} is no Loss(weight, value) whose value is a tensor of one number"
            )


def check_module(name: str, made: object) -> None:
    """Raises UserError, naming the model, for what a builder gave that is no `nn.Module`."""
    if not isinstance(made, nn.Module):
        raise UserError(f"model {name}: its function must return an nn.Module, not {type(made).__name__}")


def _output(name: str, model: nn.Module, clips: Tensor) -> Output:
    output = _run(f"model {name}", model, clips)
    if isinstance(output, Output):
        return output
    given = type(output).__name__
    raise UserError(f"model {name}: its forward returns {given}; let it return a reidbench.spec.Output")


def _run(what: str, module: nn.Module, given: Tensor) -> object:
    with failure_told(what):
        return module(given)


@contextlib.contextmanager
def failure_told(what: str) -> Iterator[None]:
    """Where a model fails within, one line says so, a UserError, unless the memory is to blame."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error) or isinstance(error, UserError):
            raise
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise UserError(f"{what}: {kind}{' '.join(str(error).split())[:300]}") from error
