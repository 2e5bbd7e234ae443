"""Weights into a trunk, all of them or none. `resnet.load_backbone` is this for a ResNet, and older."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

SHOWN = 3
COUNTER = "num_batches_tracked"
"""Batch counters, which old files lack, may be missing."""


def load_all(trunk: nn.Module, given: Mapping[str, Tensor], options: str) -> None:
    """Loads weights that must be exactly a trunk's; `options` are those that a user is to check where they are not.

    Raises ValueError, one line, naming missing and unexpected keys and shapes that differ. Nothing is loaded then.
    """
    wanted = trunk.state_dict()
    faults = {
        "missing": [name for name in wanted if name not in given and not name.endswith(COUNTER)],
        "unexpected": [name for name in given if name not in wanted],
        "of another shape": [
            f"{name} {list(given[name].shape)} instead of {list(value.shape)}"
            for name, value in wanted.items()
            if name in given and given[name].shape != value.shape
        ],
    }
    found = [f"{len(names)} {fault}: {_shortened(names)}" for fault, names in faults.items() if names]
    if found:
        raise ValueError(f"these weights are not this trunk's ({'; '.join(found)}): check {options}")
    trunk.load_state_dict({**wanted, **given})


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
