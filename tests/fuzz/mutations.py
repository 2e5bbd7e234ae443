"""Strategies that damage valid samples: any node of a JSON tree, any bytes, any part of a path."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]


def nested(depth: int, *, objects: bool) -> Any:
    """A value inside as many lists or objects as that."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if objects else [value]
    return value


ODD_TEXTS = ("", " ", "\0", "a\nb", "\x1b[31mred", "../../etc/passwd", "/etc/passwd", "<script>alert(1)</script>")
ODD_TEXTS += ("\ud800", "\u202egnp", "\U0001f600" * 3, "x" * 5000, "NaN", "1", "ok", "%s %d {0} {}", "$(id)", "-", "é")

ODD_NUMBERS = (0, -0.0, 1, -1, 0.1, 2**31, 2**63, -(2**64), 10**400, 1e308, -1e308, 5e-324, 10**17)
NO_NUMBERS = (float("nan"), float("inf"), float("-inf"))

ODD_TREES = ([], {}, [[]], {"": {}}, [None], [1, "a", {}], {"name": 1}, [[1, 2], [3]], [0] * 300)

ODD = st.one_of(
    st.sampled_from([None, True, False]),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(NO_NUMBERS),
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_TREES),
    st.builds(nested, st.sampled_from([3, 50, 400, 900]), objects=st.booleans()),
)
"""Values that some reader may not expect."""


def places(tree: Any) -> list[tuple[Any, ...]]:
    """The path of every node below the root; of a long list only the first few entries."""

    def below(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        keys = list(node) if isinstance(node, dict) else range(min(len(node), 4)) if isinstance(node, list) else ()
        for key in keys:
            yield (*path, key)
            yield from below(node[key], (*path, key))

    return list(below(tree, ()))


@st.composite
def damaged_tree(draw: Draw, sample: Any, *, most: int = 3) -> Any:
    """A JSON tree of which some nodes were deleted, doubled, swapped, renamed or given another value."""
    tree = copy.deepcopy(sample)
    for _ in range(draw(st.integers(1, most))):
        found = places(tree)
        if not found:
            return draw(ODD)
        path = draw(st.sampled_from(found))
        parent = _at(tree, path[:-1])
        action = draw(st.sampled_from(["replace", "replace", "replace", "delete", "double", "swap", "rename", "wrap"]))
        _change(draw, tree, parent, path, action, found)
    return tree


def _change(draw: Draw, tree: Any, parent: Any, path: tuple[Any, ...], action: str, found: list[Any]) -> None:
    key = path[-1]
    if action == "replace":
        # A copy, for what is changed in it later would stay so in all cases after.
        parent[key] = copy.deepcopy(draw(ODD))
    elif action == "delete":
        del parent[key]
    elif action == "double":
        if isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        else:
            parent[draw(st.sampled_from(ODD_TEXTS))] = copy.deepcopy(parent[key])
    elif action == "rename" and isinstance(parent, dict):
        parent[draw(st.sampled_from(ODD_TEXTS))] = parent.pop(key)
    elif action == "wrap":
        parent[key] = draw(st.sampled_from([[parent[key]], {"a": parent[key]}, str(parent[key])[:200]]))
    else:
        # A copy, for a node put below itself would have no end.
        parent[key] = copy.deepcopy(_at(tree, draw(st.sampled_from(found))))


def _at(tree: Any, path: Sequence[Any]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


@st.composite
def damaged_json(draw: Draw, sample: Any, *, most: int = 3) -> bytes:
    """The bytes of a damaged JSON tree, now and then of one whose text is damaged."""
    kind = draw(st.sampled_from(["tree", "tree", "tree", "bytes", "deep"]))
    if kind == "bytes":
        return draw(damaged_bytes(json.dumps(sample).encode()))
    if kind == "deep":
        opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
        depth = draw(st.sampled_from([1000, 100_000]))
        return (opening * depth + "1" + closing * depth).encode()
    return json.dumps(draw(damaged_tree(sample, most=most))).encode()


@st.composite
def damaged_bytes(draw: Draw, sample: bytes) -> bytes:
    """Bytes cut short, flipped, doubled, left out, put in, or none of the sample's at all."""
    content = bytearray(sample)
    kind = draw(st.sampled_from(["cut", "flip", "flip", "flip", "insert", "remove", "repeat", "fill", "other"]))
    size = len(content)
    where = draw(st.one_of(st.integers(0, min(size, 600)), st.integers(0, size)))
    if kind == "cut":
        return bytes(content[:where])
    if kind == "other" or not size:
        return draw(st.binary(max_size=64))
    length = draw(st.integers(1, 16))
    if kind == "flip":
        for _ in range(draw(st.integers(1, 4))):
            place = draw(st.one_of(st.integers(0, min(size - 1, 600)), st.integers(0, size - 1)))
            content[place] = draw(st.integers(0, 255))
    elif kind == "insert":
        content[where:where] = draw(st.binary(min_size=1, max_size=length))
    elif kind == "remove":
        del content[where : where + length]
    elif kind == "repeat":
        content[where:where] = content[where : where + 64]
    else:
        value = draw(st.sampled_from([b"\0", b"\xff", b"\n", b"9"]))
        content[where : where + length] = value * length
    return bytes(content)
