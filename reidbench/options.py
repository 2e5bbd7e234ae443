"""Options as NAME=VALUE on the command line, whether a value can be an option's, and numbers as 1-3,7. No torch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

from reidbench.spec import UserError, canonical_json


def parse_options(flag: str, given: Iterable[str]) -> dict[str, Any]:
    """The values by name: Python literals, anything else is text. Raises UserError naming the flag."""
    options: dict[str, Any] = {}
    for setting in given:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UserError(f"{flag} {setting}: write it as OPTION=VALUE")
        options[name] = _value(text)
        try:
            canonical_json(options[name])
        except (TypeError, ValueError, RecursionError):
            raise UserError(
                f"{flag} {setting}: give a finite number, a text, True, False, None or a tuple of such"
            ) from None
    return options


def parse_numbers(text: str, count: int) -> tuple[int, ...] | None:
    """Numbers and ranges such as "1-3,7", ascending; None for other text and for a number not from 1 to `count`."""
    numbers: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,4})(?:-([0-9]{1,4}))?\s*", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= count:
            return None
        numbers |= set(range(first, last + 1))
    return tuple(sorted(numbers))


def written_options(options: Mapping[str, Any]) -> list[str]:
    """Options as `parse_options` reads them back, in the order of their names."""
    return [
        f"{name}={value if isinstance(value, str) and _value(value) == value else repr(value)}"
        for name, value in sorted(options.items())
    ]


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # too deep for the parser, for one
        return text


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
