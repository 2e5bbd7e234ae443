"""Imports the project's files and those of users by their paths. Imports no torch itself."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from reidbench.discovery.source import changed, parse, with_siblings
from reidbench.environment import kept
from reidbench.program import HERE
from reidbench.spec import UserError


def folder(name: str) -> Path:
    """The folder of `models` or `suites`: inside the package when installed, beside it in a checkout."""
    for candidate in (HERE / name, HERE.parent / name):
        if candidate.is_dir():
            return candidate
    raise UserError(f"the folder {name}/ is missing beside {HERE}: reinstall reidbench")


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a process of this project's that is started from here: it finds the same package.

    What would overrule the settings of a measurement is left out of it.

    Start it with -P, or it imports whatever files of a package's name lie in the user's working folder.
    """
    path = os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH", ""))))
    return {**kept(os.environ), **more, "PYTHONPATH": path}


def check_imports(path: Path) -> None:
    """Raises UserError for a package that a file imports at its top level and that is not installed.

    Nothing is imported for it: that may take seconds, and happens where something in the file is built.
    """
    for node in parse(path).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            if not _is_installed(name.partition(".")[0]):
                raise UserError(f"{path}, line {node.lineno}: imports {name}, which is not installed here")


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # of `__main__`, and of what is imported and does not say from where
        return package in sys.modules


def import_file(path: Path) -> ModuleType:
    """Imports a file of the project under its package name, any other file under a name of its own.

    Raises UserError, naming the file and the line, if it cannot be imported or is no longer what was read of it.
    """
    name = module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    try:
        module = importlib.import_module(name) if name.startswith("reidbench.") else _import_alone(path, name)
        if any(map(changed, with_siblings(path))):
            # What runs would be other code than what records are filed under.
            forget_import(path)
            raise UserError("has changed since it was read; start again, or in Python call add_plugin again")
        return module
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        what = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        raise UserError(f"{where}: {' '.join(what.replace('.__init__()', '()').split())}") from error


def forget_import(path: Path) -> None:
    """Has a file imported anew when it is next asked for."""
    sys.modules.pop(module_name(path), None)


def module_name(path: Path) -> str:
    """The name that a file is imported under."""
    for home in ("models", "suites"):
        if path.parent == folder(home):
            return f"reidbench.{home}.{path.stem}"
    if path.is_relative_to(HERE):
        return ".".join(("reidbench", *path.relative_to(HERE).with_suffix("").parts))
    return f"reidbench_plugin_{path.stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


def _import_alone(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
