"""The number formats that a measurement may name; those that a recipe may are in `recipes.CHOICES`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from reidbench.spec import IEEE

PRECISIONS = {"fp32": torch.float32, IEEE: torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def without_tf32(precision: str) -> None:
    """Forbids TF32 to this process, from here on, where the precision is `IEEE`."""
    if precision == IEEE:
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


@contextlib.contextmanager
def tf32_restored() -> Iterator[None]:
    """Leaves to this process, at the end, the TF32 that it allowed before: for one that is not a measurement's own."""
    convolutions: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    places, name = [convolutions, matmul], "allow_tf32"
    try:
        allowed = [getattr(place, name) for place in places]
    except RuntimeError:  # it was set by torch's newer switches, which the older ones cannot tell of
        places, name = [convolutions.conv, convolutions.rnn, matmul], "fp32_precision"
        allowed = [getattr(place, name) for place in places]
    try:
        yield
    finally:
        for place, value in zip(places, allowed, strict=True):
            setattr(place, name, value)
