"""Calls the function of a dataset; what is wrong with a plugin's is told in one line. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reidbench import registry
from reidbench.data.tracklets import PARTS, Dataset, Tracklet
from reidbench.discovery.entries import Entry
from reidbench.spec import UserError

KINDS: Mapping[str, type] = {"name": str, "root": Path, "fingerprint": str, **dict.fromkeys(PARTS, tuple)}
"""What a `Dataset` is made of, which nothing checks when it is made."""


class WrongFunctionError(UserError):
    """A dataset's function is at fault, not the folder that it reads."""


def open_dataset(entry: Entry, arguments: Mapping[str, Any]) -> Dataset:
    """The dataset that a function gives for arguments that are known to it.

    Raises UserError for what is wrong with the folder, WrongFunctionError for a plugin's function that fails or gives
    something else than a `Dataset`.
    """
    try:
        found = entry.load()(**arguments)
    except Exception as error:
        if isinstance(error, UserError) or str(entry.path) not in registry.plugins():
            raise
        told = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise WrongFunctionError(f"{entry.path}: dataset {entry.name}: {told}") from error
    if not isinstance(found, Dataset):
        raise WrongFunctionError(f"{entry.path}: {entry.function} must return a reidbench.data.tracklets.Dataset")
    for name, kind in KINDS.items():
        if not isinstance(getattr(found, name), kind):
            raise WrongFunctionError(f"{entry.path}: {entry.function}: its {name} is no {kind.__name__}")
    for part in PARTS:
        if not all(isinstance(tracklet, Tracklet) for tracklet in getattr(found, part)):
            raise WrongFunctionError(f"{entry.path}: {entry.function}: its {part} holds what is no Tracklet")
    return found
