"""The paper's formula of the cost beside the counted one. Imports torch only inside the function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reidbench.measurements import Outcomes, Progress
from reidbench.registry import measurement
from reidbench.spec import Cell, Outcome, Quantity, UserError


@measurement(
    mode="batch",
    needs=("reference",),
    hears=(),
    quantities={
        "predicted": Quantity(
            "Cost by formula",
            "x",
            "lower",
            3,
            about="section 3.3: a frame's share of a full one's pixels, on average",
        ),
        "counted": Quantity("MACs ratio", "x", "lower", 3, about="MACs a frame (torch) over the reference row's"),
        "excess": Quantity("Off formula", "%", "lower", 1, 100, "what is counted beyond the formula, in parts of it"),
    },
)
def formula(cells: Sequence[Cell], progress: Progress) -> Outcomes:
    """The cost relative to the reference row, by the formula of section 3.3 and counted."""
    for cell in cells:
        progress(cell, 0, 1, "counting")
        predicted, reference = pixel_share(cell.options), cell.settings["reference"]
        whole = _macs(reference["model"], reference["options"], reference["shape"])
        counted = _macs(cell.model, cell.options, cell.settings["shape"]) / whole
        yield cell, Outcome({"predicted": predicted, "counted": counted, "excess": counted / predicted - 1})


def _macs(model: str, options: Mapping[str, Any], shape: Sequence[int]) -> float:
    """MACs a frame, by torch's counter alone; nothing is computed."""
    import torch

    from reidbench.profiling.counters import count_torch
    from reidbench.profiling.session import build

    return count_torch(build(model, options).to("meta"), torch.zeros(*shape, device="meta")).macs / shape[1]


def pixel_share(options: Mapping[str, Any]) -> float:
    """The mean over a clip's frames of their share of a full frame's pixels, from a model's options.

    One frame in 1 + alpha is whole and the others are halved: (1 + alpha / 4) / (1 + alpha), which the paper writes as
    a decrease of 3/4 - 3 / (4 alpha + 4). Branches that shrink by factors share the frames evenly. Raises UserError for
    a model that has neither.
    """
    if "alpha" in options:
        return float((1 + options["alpha"] / 4) / (1 + options["alpha"]))
    if "shrink" in options:
        return float(sum(1 / factor**2 for factor in options["shrink"]) / len(options["shrink"]))
    raise UserError("the formula of section 3.3 needs a model with the option alpha or shrink")
