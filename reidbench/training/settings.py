"""In which settings a training differs from the one that a checkpoint is of, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reidbench.json_trees import differences

LABELS = {
    "source": "code of the model",
    "trunk": "weights of the trunk",
    "version": "version of the trainer",
    "processes": "processes without --sync-bn",
}
"""What settings are called whose names do not say it."""

LAST = ("options", "recipe", "source")
"""What mostly follows from other settings, such as the preset: told of after all else."""

SHOWN = 3
"""Settings that are told of; of many more the first say enough."""


def what_differs(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The settings in which two trainings differ, with the value of each, those of one within another by dotted names:
    "preset quick, now tiny; recipe.steps 600, now 150". "" where none does."""
    found = sorted(differences(now, then), key=lambda found: found[0].partition(".")[0] in LAST)
    texts = [f"{LABELS.get(name, name)} {_text(before)}, now {_text(after)}" for name, after, before in found]
    more = [f"{len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return "; ".join(texts[:SHOWN] + more)


def _text(value: Any) -> str:
    return "none" if value in (None, "") else f"{value!s:.40}"
