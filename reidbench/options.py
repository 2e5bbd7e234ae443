"""Options given on the command line as NAME=VALUE."""

from __future__ import annotations

import ast
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
