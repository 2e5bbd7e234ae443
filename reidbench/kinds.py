"""Whether a value can be that of an option, judged by the option's default. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS: Mapping[type, tuple[str, tuple[type, ...]]] = {
    bool: ("True or False", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("a text", (str,)),
}
"""By the type of a default: what it is called, and which types of values it takes."""


def fits(value: Any, default: Any) -> bool:
    """Whether a value is of the default's type, a tuple's elements of its first one's; anything fits another default.

    A float may be written as an integer, a tuple as a list; a bool is no number.
    """
    if isinstance(default, tuple):
        return isinstance(value, (tuple, list)) and all(fits(part, default[0]) for part in value if default)
    if type(default) not in KINDS:
        return True
    return isinstance(value, KINDS[type(default)][1]) and isinstance(value, bool) == isinstance(default, bool)


def kind(default: Any) -> str:
    """What a value must be to fit, with the default as an example: `a whole number, such as 3`."""
    if isinstance(default, tuple):
        first = KINDS.get(type(default[0])) if default else None
        name = f"a tuple, each element {first[0]}" if first else "a tuple"
    else:
        name = KINDS[type(default)][0]
    return name if default in ((), "") or isinstance(default, bool) else f"{name}, such as {default!r}"
