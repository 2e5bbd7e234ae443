"""Registered functions as their source text describes them: decorators, signatures, docstrings. Imports no torch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reidbench.discovery.importing import import_file
from reidbench.discovery.source import decorated, first_line, parse, signature
from reidbench.spec import UserError, canonical_json
from reidbench.trunks import RESNET, check_trunk


@dataclass(frozen=True)
class Entry:
    """A registered function as its source text describes it.

    `splits` are those of a dataset, 0 where it has none; `trunk` is a model's.
    """

    name: str
    about: str
    path: Path
    function: str
    options: Mapping[str, Any]
    preset: Mapping[str, Any] = field(default_factory=dict)
    splits: int = 0
    trunk: str = RESNET

    def load(self) -> Callable[..., Any]:
        found: Callable[..., Any] | None = getattr(import_file(self.path), self.function, None)
        if not callable(found):
            raise UserError(f"{self.path}: {self.function} is no function once the file has been imported")
        return found


def read_entries(paths: Iterable[Path], decorator: str) -> dict[str, Entry]:
    """The functions of files that carry the decorator `decorator`, by name. Raises UserError naming file and line."""
    found: dict[str, Entry] = {}
    for path in paths:
        for function, call in decorated(parse(path), decorator):
            about = first_line(ast.get_docstring(function))
            try:
                options = signature(function)
                names = {function.name: {}, **_presets(call)}
                splits = _splits(call)
                trunk = check_trunk(_keyword(call, "trunk", RESNET))
            except UserError as error:
                raise UserError(f"{path}, line {function.lineno}: {error}") from error
            for name, preset in names.items():
                if name in found:
                    raise UserError(f"{decorator} {name!r} is defined in both {found[name].path} and {path}")
                text = about if name == function.name else _preset_about(function.name, preset)
                found[name] = Entry(name, text, path, function.name, options, preset, splits, trunk)
    return found


def _preset_about(base: str, preset: Mapping[str, Any]) -> str:
    return f"{base} with " + ", ".join(f"{key}={value!r}" for key, value in preset.items())


def _presets(decorator: ast.expr) -> dict[str, dict[str, Any]]:
    try:
        found = _keyword(decorator, "presets", {})
        canonical_json(found)
        return {str(name): dict(options) for name, options in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError, MemoryError):
        raise UserError('its presets must be literal, such as {"tks": {"temporal": "tks"}}') from None


def _splits(decorator: ast.expr) -> int:
    found = _keyword(decorator, "splits", 0)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise UserError("its splits must be a literal number, such as 10")
    return found


def _keyword(decorator: ast.expr, name: str, default: Any) -> Any:
    """The literal that a decorator is given under a name; None for what is no literal."""
    given = decorator.keywords if isinstance(decorator, ast.Call) else []
    for keyword in given:
        if keyword.arg == name:
            try:
                return ast.literal_eval(keyword.value)
            except (ValueError, TypeError, RecursionError, MemoryError):
                return None
    return default
