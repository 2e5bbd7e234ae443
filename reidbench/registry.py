"""Finds models, datasets, measurements and suites by file name, and builds them. Imports no torch.

What exists is read from the source text (its decorators, signatures and docstrings), so that listing and checking
options costs milliseconds; a file is imported only when something in it is built.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import numbers
import operator
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from reidbench.discovery.decorators import DECORATORS, MEASUREMENTS
from reidbench.discovery.decorators import Measurement as Measurement
from reidbench.discovery.decorators import dataset as dataset
from reidbench.discovery.decorators import measurement as measurement
from reidbench.discovery.decorators import model as model
from reidbench.discovery.entries import Entry, read_entries
from reidbench.discovery.importing import check_imports, folder, forget_import, import_file, module_name
from reidbench.discovery.source import (
    REQUIRED,
    changed,
    code,
    decorated,
    defines,
    first_line,
    forget,
    parse,
    with_siblings,
)
from reidbench.files import resolved
from reidbench.options import fits, kind
from reidbench.program import HERE
from reidbench.spec import PAPER_SIZE, Collection, Column, Quantity, Suite, UserError

T = TypeVar("T")

ALIKE = 0.75
"""How alike, from 0 to 1, a name must be to one that is not known to be proposed in its place."""


_plugins: list[Path] = []


def add_plugin(path: str | Path) -> None:
    """Makes the models, datasets, measurements and suite of a user's file known.

    One that was added and has changed since is read anew. Raises UserError if it has none, takes a name that is taken,
    or cannot be imported; then it is as if never added.
    """
    file = resolved(Path(path))
    if not file.is_file():
        raise UserError(f"--plugin {path}: no such file")
    if file in _plugins:
        if not changed(file):
            return
        _take_away(file)
    check_imports(file)
    tree = parse(file)
    if not defines(tree, "SUITE") and not any(decorated(tree, kind) for kind in DECORATORS):
        raise UserError(
            f"--plugin {path}: registers nothing; put @model, @dataset or @measurement before a function of it, "
            "or define SUITE"
        )
    before = measurements() if any(decorated(tree, "measurement")) else None
    _plugins.append(file)
    forget_found()
    try:
        for find in (models, datasets, suite_paths):
            find()
        if before is not None:
            import_file(file)
    except UserError:
        # So that the file can be added again in this process, once it is mended.
        _take_away(file)
        raise


def _take_away(file: Path) -> None:
    """Has a plugin's file as if it had never been added."""
    _plugins.remove(file)
    forget(file)
    forget_import(file)
    forget_found()
    for name, known in list(MEASUREMENTS.items()):
        if known.function.__module__ == module_name(file):
            del MEASUREMENTS[name]


def forget_found() -> None:
    """Looks anew for what exists when next asked: after a plugin was added or taken away."""
    for find in (models, datasets, suite_paths, model_source):
        find.cache_clear()


def plugins() -> tuple[str, ...]:
    return tuple(str(path) for path in _plugins)


@cache
def models() -> dict[str, Entry]:
    """Every registered model by name."""
    return read_entries([*sorted(folder("models").glob("*.py")), *_plugins], "model")


@cache
def datasets() -> dict[str, Entry]:
    """Every registered dataset by name."""
    return read_entries([*sorted((HERE / "data").rglob("*.py")), *_plugins], "dataset")


@cache
def suite_paths() -> dict[str, Path]:
    """The file of every suite by name, which is the file's own."""
    paths = [*sorted(folder("suites").glob("*.py")), *_plugins]
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem != "__init__" and defines(parse(path), "SUITE"):
            if path.stem in found:
                raise UserError(f"suite {path.stem!r} is defined in both {found[path.stem]} and {path}")
            found[path.stem] = path
    return found


def measurements() -> dict[str, Measurement]:
    """Every registered measurement by name."""
    _import_measurements()
    return dict(sorted(MEASUREMENTS.items()))


@cache
def _import_measurements() -> None:
    """Imports the project's own, once: a report asks for them ten thousand times."""
    for path in sorted((HERE / "measurements").glob("[!_]*.py")):
        importlib.import_module(f"reidbench.measurements.{path.stem}")


def quantity(column: Column) -> Quantity:
    """What a column's numbers mean."""
    return measurements()[column.measurement].quantities[column.field]


def suite(name: str) -> Suite:
    """The suite of that name. Raises UserError naming the nearest one."""
    path = lookup("suite", name, suite_paths())
    found = getattr(import_file(path), "SUITE", None)
    if isinstance(found, Collection):
        raise UserError(f"suite {name}: is a collection of {', '.join(found.suites)}; name one of them")
    if not isinstance(found, Suite):
        raise UserError(f"suite {name}: SUITE in {path} is not a reidbench.spec.Suite")
    return found


def suites_of(name: str) -> dict[str, Suite]:
    """The suites that a name stands for: itself, or those of a collection. Raises UserError naming the nearest one."""
    path = lookup("suite", name, suite_paths())
    found = getattr(import_file(path), "SUITE", None)
    if isinstance(found, Collection):
        members = found.suites
        if not isinstance(members, (tuple, list)) or not members or not all(isinstance(m, str) for m in members):
            raise UserError(f"suite {name}: a Collection in {path} must name its suites, such as ('table2', 'table3')")
        return {member: suite(member) for member in members}
    return {name: suite(name)}


def suite_about(name: str) -> str:
    return first_line(ast.get_docstring(parse(suite_paths()[name])))


def lookup(kind: str, name: str, known: Mapping[str, T]) -> T:
    """`known[name]`, or a UserError with the nearest name."""
    if not isinstance(name, str):
        raise UserError(f"{name!r} is no name of a {kind}; give a text")
    if name in known:
        return known[name]
    raise UserError(f"no {kind} is named {name!r}{nearest(name, known)}")


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """The tail of an error message: the most similar known name, else `otherwise`, else all of them."""
    names = sorted(known)
    close = max(names, key=lambda candidate: _likeness(name, candidate), default="")
    if _likeness(name, close) >= ALIKE:
        return f"; did you mean {close!r}?"
    if otherwise:
        return otherwise
    return f"; there {'is' if len(names) == 1 else 'are'} {', '.join(names) or 'none'}"


def _likeness(name: str, candidate: str) -> float:
    """From 0 to 1: how alike two names are, or a name and as much of the other's beginning; 1 where it is shuffled."""
    given, known = name.lower().lstrip("-"), candidate.lower().lstrip("-")
    if not given:
        return 0.0
    if sorted(given) == sorted(known):
        return 1.0
    return max(difflib.SequenceMatcher(None, given, text).ratio() for text in (known, known[: len(given)]))


def trunk_of(name: str) -> str:
    """The kind of network that a model stands on (`reidbench.trunks`)."""
    return lookup("model", name, models()).trunk


def size_of_costs(name: str) -> dict[str, Any]:
    """The option `size` that a model needs for frames of the paper's size, where its default is another."""
    default = lookup("model", name, models()).options.get("size", PAPER_SIZE)
    return {} if tuple(default) == PAPER_SIZE else {"size": PAPER_SIZE}


def check_options(what: str, entry: Entry, options: Mapping[str, Any]) -> None:
    """Raises UserError for an option the function does not have, with the nearest one, and for a value of a wrong type.

    `what` says what the function makes: "model", "dataset".
    """
    for option, value in options.items():
        if option not in entry.options:
            raise UserError(f"{what} {entry.name} has no option {option!r}{nearest(option, entry.options)}")
        if not fits(value, entry.options[option]):
            raise UserError(f"{what} {entry.name}: {option}={value!r} must be {kind(entry.options[option])}")


def resolve_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a model with their values: its defaults, its preset's, then those given.

    Raises UserError for those given that do not fit, and where one without a default is not given.
    """
    entry = lookup("model", name, models())
    check_options("model", entry, options)
    found = {**entry.options, **entry.preset, **options}
    if missing := [option for option, value in found.items() if value is REQUIRED and option != "classes"]:
        raise UserError(f"model {name}: {', '.join(missing)} has no default; give it, in a row's options or with --set")
    return found


def build(name: str, *, classes: int = 0, **options: Any) -> Any:
    """Builds a model by name: `build("bicnet_tks", alpha=3)`.

    `classes` is the number of training identities (0: no classifier). Raises UserError for an unknown name or option,
    for a value the model refuses, and for a plugin's function that fails.
    """
    entry = lookup("model", name, models())
    classes = _as_pythons(classes)
    if not isinstance(classes, int) or classes < 0:
        raise UserError(f"model {name}: classes={classes!r}; give their number, or 0 for no classifier")
    resolved = resolve_options(name, {option: _as_pythons(value) for option, value in options.items()})
    try:
        return entry.load()(**{**_tuples(resolved), "classes": classes})
    except (ValueError, TypeError) as error:
        raise UserError(f"model {name}: {error}") from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, ImportError) as error:
        if entry.path not in _plugins:
            raise
        raise UserError(f"{entry.path}: model {name}: {type(error).__name__}: {error}") from error


@cache
def model_source(name: str) -> str:
    """Twelve digits of a hash over the code of a model's file and of the files it imports beside it.

    Comments, docstrings and layout do not count, nor does the Python version.
    """
    path = lookup("model", name, models()).path
    digest = hashlib.sha256()
    for file in sorted(with_siblings(path), key=lambda p: p.name):
        digest.update(f"{file.name}\n{code(parse(file))}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:12]


def check_source(name: str, planned: str) -> None:
    """Raises UserError where the code of a model is another than the one that a cell was planned for."""
    if model_source(name) != planned:
        raise UserError(f"{models()[name].path}: its code has changed since the run was planned; start again")


def _as_pythons(value: Any) -> Any:
    """A whole number of NumPy's, alone or in a tuple, as Python's own; anything else as it is."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(_as_pythons, value))
    return operator.index(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else value


def _tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as builders expect them: JSON knows only lists where Python has tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
