"""In which settings a training differs from the one that a checkpoint is of, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    before, after = dict(_flat(then)), dict(_flat(now))
    names = [name for name in {**after, **before} if before.get(name) != after.get(name)]
    names.sort(key=lambda name: name.partition(".")[0] in LAST)
    texts = [f"{LABELS.get(name, name)} {_text(before.get(name))}, now {_text(after.get(name))}" for name in names]
    more = [f"{len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return "; ".join(texts[:SHOWN] + more)


def _flat(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _text(value: Any) -> str:
    return "none" if value in (None, "") else f"{value!s:.40}"
