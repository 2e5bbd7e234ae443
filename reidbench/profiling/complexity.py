"""Parameters and multiply-accumulates of a model, by every counter, and where the counters disagree."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from reidbench.profiling.counters import COUNTERS, REFERENCE, Count, depth_of, feature
from reidbench.spec import COST_SHAPE

NOT_INSTALLED = "not installed"


@dataclass(frozen=True)
class Complexity:
    """The cost of one clip in numbers that no machine changes.

    `parameters` leaves the classifier out (what hangs under `model.classifier`), for it does not exist at test time.
    `dimension` is the length of a clip's feature. `counts` holds one clip's MACs by counter; `absent` says why a
    counter has none.
    """

    parameters: int
    dimension: int
    frames: int
    counts: Mapping[str, Count]
    absent: Mapping[str, str]

    def per_frame(self, counter: str = REFERENCE) -> float | None:
        """MACs a frame, or None where that counter is absent."""
        found = self.counts.get(counter)
        return None if found is None else found.macs / self.frames

    def modules(self, depth: int = 2) -> dict[str, dict[str, float]]:
        """MACs a clip by module ("" is the model) and counter, down to `depth` names."""
        names = {name for found in self.counts.values() for name in found.modules if depth_of(name) <= depth}
        return {name: {counter: found.module(name) for counter, found in self.counts.items()} for name in sorted(names)}


@dataclass(frozen=True)
class Disagreement:
    """A module on which a counter and the reference differ, with the kinds of operation that make the difference.

    MACs a clip; `operations` maps a kind to what the counter has of it beyond the reference (negative: it misses it).
    """

    module: str
    counter: str
    macs: float
    reference: float
    operations: Mapping[str, float]


def count(model: nn.Module, shape: Sequence[int] = COST_SHAPE) -> Complexity:
    """Counts a model's parameters and MACs for clips of `shape` `[B, T, 3, H, W]`; B only has to be there.

    One clip is counted whatever B. The model is left as it was: each counter works on a copy, in evaluation mode. A
    counter that is not installed, that cannot follow the model, or that finds nothing where the reference does, is
    named in `absent`; the reference must work.
    """
    if len(shape) != 5:
        raise ValueError(f"shape {tuple(shape)} is not [B, T, 3, H, W]")
    counts: dict[str, Count] = {}
    absent: dict[str, str] = {}
    for name, (counter, device) in COUNTERS.items():
        twin = copy.deepcopy(model).eval().to(device=device, dtype=torch.float32)
        try:
            counts[name] = counter(twin, torch.zeros(1, *shape[1:], device=device, dtype=torch.float32))
        except ModuleNotFoundError:
            absent[name] = NOT_INSTALLED
        except Exception as error:
            if name == REFERENCE:
                raise
            absent[name] = f"failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for name, found in [*counts.items()]:
        if not found.macs and counts[REFERENCE].macs:
            absent[name] = f"found nothing, where {REFERENCE} counts {counts[REFERENCE].macs:.0f} MACs a clip"
            del counts[name]
    return Complexity(parameters(model), dimension(model, shape), shape[1], counts, absent)


def parameters(model: nn.Module) -> int:
    """Scalars in the model's parameters, trained or not, the classifier's left out."""
    return sum(value.numel() for name, value in model.named_parameters() if not name.startswith("classifier."))


def dimension(model: nn.Module, shape: Sequence[int] = COST_SHAPE) -> int:
    """The length D of the feature `[B, D]` that the model makes of clips of `shape`; nothing is computed."""
    with torch.inference_mode():
        twin = copy.deepcopy(model).eval().to(device="meta", dtype=torch.float32)
        return feature(twin(torch.zeros(*shape, device="meta", dtype=torch.float32))).shape[1]


def disagreements(complexity: Complexity, tolerance: float = 0.01) -> list[Disagreement]:
    """The modules whose count differs from the reference's by more than `tolerance` of it, the model ("") first.

    A module in which the reference counts nothing (batch norm, ReLU, pooling) shows in the module that holds it.
    """
    reference = complexity.counts[REFERENCE]
    found = []
    for counter, counted in complexity.counts.items():
        for module in sorted({*reference.modules, *counted.modules}):
            ours, theirs = reference.module(module), counted.module(module)
            if ours and abs(theirs - ours) > tolerance * ours:
                operations = _difference(counted.modules.get(module, {}), reference.modules.get(module, {}))
                found.append(Disagreement(module, counter, theirs, ours, operations))
    return found


def _difference(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    return {kind: d for kind in sorted({*a, *b}) if (d := a.get(kind, 0.0) - b.get(kind, 0.0))}
