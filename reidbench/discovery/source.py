"""Reads what Python files say without importing them: decorated functions, signatures, code without its comments."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from reidbench.spec import UserError, canonical_json

REQUIRED = object()
"""The default of an argument that has none."""


_read: dict[Path, tuple[str, ast.Module]] = {}
"""What each file said when it was read: its text and its syntax tree."""


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file, which is read once. Raises UserError naming a file that is not Python."""
    if path not in _read:
        try:
            text = path.read_text(encoding="utf-8")
            _read[path] = text, ast.parse(text, filename=str(path))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UserError(f"{path}: not a Python file: {error or 'too deeply nested'}") from error
    return _read[path][1]


def changed(path: Path) -> bool:
    """Whether a file that was read says something else now, or cannot be read any more."""
    try:
        return path in _read and path.read_text(encoding="utf-8") != _read[path][0]
    except (OSError, ValueError):
        return True


def forget(path: Path) -> None:
    """Has a file read anew when it is next asked for."""
    _read.pop(path, None)


def decorated(tree: ast.Module, name: str) -> list[tuple[ast.FunctionDef, ast.expr]]:
    """The functions of a file that carry the decorator `name`, each with the decorator itself."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                target = decorator.func if isinstance(decorator, ast.Call) else decorator
                called = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
                if called == name:
                    found.append((node, decorator))
    return found


def defines(tree: ast.Module, name: str) -> bool:
    """Whether a file assigns `name` at its top level."""
    targets: list[ast.expr] = []
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets.append(node.target)
    return any(getattr(target, "id", "") == name for target in targets)


def signature(function: ast.FunctionDef) -> dict[str, Any]:
    """The arguments of a function with their defaults, which must be literals; `REQUIRED` where there is none."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = [*zip(positional, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    try:
        found = {argument.arg: REQUIRED if value is None else ast.literal_eval(value) for argument, value in pairs}
        canonical_json([value for value in found.values() if value is not REQUIRED])
        return found
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise UserError(
            f"{function.name}: its arguments need literal defaults, such as width=64 or stages=(2,)"
        ) from None


def with_siblings(path: Path) -> set[Path]:
    """A file and, transitively, the files beside it that it imports relatively."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for node in ast.walk(parse(file)):
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
                sibling = file.parent / f"{node.module}.py"
                if sibling.is_file():
                    waiting.append(sibling)
    return seen


def code(node: Any) -> str:
    """The syntax tree as text, without docstrings, positions and empty fields (which vary with Python's version)."""
    if isinstance(node, ast.AST):
        parts = []
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list):
                value = [s for s in value if not _is_docstring(s)]
            if value not in (None, []):
                parts.append(f"{name}={code(value)}")
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, list):
        return f"[{','.join(code(item) for item in node)}]"
    return repr(node)


def _is_docstring(statement: Any) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def first_line(text: str | None) -> str:
    """The first line of a docstring, "" where there is none."""
    return (text or "").strip().partition("\n")[0]
