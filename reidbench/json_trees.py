"""Where two JSON trees differ, and a tree without some of its parts. Imports neither torch nor pandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def differences(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The dotted paths at which two trees differ, in the order of `a`, with what lies there in each: None for nothing.

    `path` is that of both within a larger tree, with a dot behind it.
    """
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for name in {**a, **b}:
            yield from differences(a.get(name), b.get(name), f"{path}{name}.")
    elif a != b:
        yield path[:-1], a, b


def without(tree: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """A tree without what lies at some dotted paths, where there is anything."""
    leaves: set[str] = set()
    below: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        if rest:
            below.setdefault(name, []).append(rest)
        else:
            leaves.add(name)
    return {
        name: without(value, below[name]) if name in below and isinstance(value, Mapping) else value
        for name, value in tree.items()
        if name not in leaves
    }
