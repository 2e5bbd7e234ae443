"""Where two JSON trees differ. Imports neither torch nor pandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
