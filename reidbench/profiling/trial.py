"""Whether a model keeps the contract of all models, found out by a pass of a few clips before anything is measured."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reidbench.deployment.network import clips_of
from reidbench.profiling.latency import is_out_of_memory
from reidbench.spec import Output, UserError


def try_model(name: str, model: nn.Module, shape: Sequence[int], *, training: bool = False) -> None:
    """Sends clips `shape` `[B, T, 3, H, W]` through a copy of a model on the CPU, in evaluation mode, and on to its
    neck; with `training` also in training mode.

    The model and torch's random numbers stay as they are. Raises UserError naming the model where it fails or breaks
    the contract: an `Output` whose `feature` is `[B, D]`, a `neck` that takes it, in training logits and embeddings.
    """
    check_module(name, model)
    try:
        trial, clips = copy.deepcopy(model).eval(), clips_of(shape)
    except RuntimeError:  # some parametrisations cannot be copied, and the model itself is not to be touched
        return
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        feature = _output(name, trial, clips).feature
        if not isinstance(feature, Tensor) or feature.ndim != 2 or len(feature) != shape[0]:
            found = list(feature.shape) if isinstance(feature, Tensor) else type(feature).__name__
            raise UserError(f"model {name}: its feature for {shape[0]} clips is {found}; let it be [clips, D]")
        if not isinstance(getattr(trial, "neck", None), nn.Module):
            raise UserError(f"model {name}: has no `neck`, the nn.Module that a feature [clips, D] goes through")
        _run(f"model {name}: its neck", trial.neck, feature)  # type: ignore[arg-type]
    if training:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            output = _output(name, trial.train(), clips)
        for what, entries in (("logits", output.logits), ("embeddings", output.embeddings)):
            if not isinstance(entries, (tuple, list)) or not entries or not all(isinstance(e, Tensor) for e in entries):
                raise UserError(
                    f"model {name}: gives no {what} in training; let its Output hold a tuple, an entry a head"
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
    """What a module gives; where it fails, one line says so, unless the memory is to blame."""
    try:
        return module(given)
    except Exception as error:
        if is_out_of_memory(error) or isinstance(error, UserError):
            raise
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise UserError(f"{what}: {kind}{' '.join(str(error).split())[:300]}") from error
