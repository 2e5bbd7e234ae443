"""Whether a suite can be planned, said before anything of it is measured. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, get_origin, get_type_hints

from reidbench import registry
from reidbench.deployment.backends import BACKENDS
from reidbench.recipes import ALIKE, Recipe, check_recipe
from reidbench.registry import check_options, lookup
from reidbench.soundness import CONTROLS
from reidbench.spec import Column, Published, Row, Suite, UserError, canonical_json

PARTS = {"rows": Row, "columns": Column, "notes": str, "figures": str}
"""What the tuples of a suite hold."""

FIELDS: Mapping[type, Mapping[str, type]] = {
    kind: {
        name: get_origin(hint) or hint
        for name, hint in get_type_hints(kind).items()
        if name not in PARTS and hint != tuple[Published, ...]
    }
    for kind in (Suite, Row, Column, Published)
}
"""The types of what the dataclasses of a suite hold besides, but for what was published for a row."""

SETTINGS: Mapping[str, type[Any]] = {
    **dict.fromkeys(("device", "precision", "backend"), str),
    **dict.fromkeys(("threads", "tracklet", "gallery", "queries"), int),
}
"""What a column may set, and the types of that; of these a measurement may hear some (`Measurement.hears`)."""

CHOICES: Mapping[str, Iterable[str]] = {
    "device": sorted({device for backend in BACKENDS.values() for device in backend.devices}),
    "precision": sorted(
        {name for backend in BACKENDS.values() for some in backend.precisions.values() for name in some}
    ),
    "backend": BACKENDS,
}
"""What the texts may be; which go together is found out where they are to be measured."""

CALLED: Mapping[type, str] = {str: "a text", bool: "True or False", int: "a whole number", tuple: "a tuple"}


def check_suite(name: str, suite: Suite) -> None:
    """Raises UserError, naming the suite and the row, for what is unknown, doubled or of a wrong kind.

    The names of figures are not checked: what draws them takes long to import (`reporting.figures`).
    """
    try:
        for field, kind in PARTS.items():
            _check_tuple(field, getattr(suite, field), kind)
        _check_texts("note", suite.notes)
        for part in (suite, *suite.rows, *suite.columns):
            _check_fields(part)
        if not suite.columns:
            raise UserError("it has no columns")
        names = _check_names(suite)
        lookup("row for its reference", suite.reference, names)
        if suite.focus:
            lookup("row for its focus", suite.focus, names)
        for pair in suite.contrasts:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(name, str) for name in pair):
                raise UserError("contrasts must be a tuple of pairs of rows' names, such as (('A', 'B'),)")
            for row_name in pair:
                lookup("row for its contrasts", row_name, names)
        for row in suite.rows:
            if row.against:
                lookup(f"row that {row.name!r} is compared with", row.against, names)
            if row.against and suite.ablation:
                raise UserError(
                    f"row {row.name!r} names one that it is compared with: in an ablation that is the one above"
                )
        for column in suite.columns:
            measurement = lookup("measurement", column.measurement, registry.measurements())
            lookup(f"quantity of {column.measurement}", column.field, measurement.quantities)
            _check_heard(column, measurement.hears)
    except UserError as error:
        raise UserError(f"suite {name}: {error}") from error
    for row in suite.rows:
        try:
            _check_row(row)
        except UserError as error:
            raise UserError(f"suite {name}: row {row.name!r}: {error}") from error


def _check_tuple(field: str, found: object, kind: type) -> None:
    if not isinstance(found, (tuple, list)) or not all(isinstance(part, kind) for part in found):
        raise UserError(f"{field} must be a tuple of {kind.__name__}, with a comma after a single one")


def _check_fields(part: Any) -> None:
    """Raises UserError for a field of another type than its dataclass says, or with what no record could hold."""
    kind = next(kind for kind in FIELDS if isinstance(part, kind))
    for field, wanted in FIELDS[kind].items():
        value = getattr(part, field)
        lists = isinstance(value, list) and wanted is tuple
        if not (isinstance(value, wanted) or lists) or (wanted is int and isinstance(value, bool)):
            raise UserError(f"{kind.__name__}.{field} is {_short(value)}; give {CALLED.get(wanted, 'a dict')}")
        if isinstance(value, str):
            _check_texts(f"{kind.__name__}.{field}", [value])
        elif isinstance(value, Mapping) and not _is_plain(value):
            raise UserError(f"{kind.__name__}.{field} is {_short(value)}; give texts as its keys, and plain values")
    if isinstance(part, Column):
        for name, setting in part.settings.items():
            wanted = lookup("setting of a column", name, SETTINGS)
            if not isinstance(setting, wanted) or isinstance(setting, bool) or (wanted is int and setting < 1):
                least = " of at least 1" if wanted is int else ""
                raise UserError(f"Column.settings: {name} is {_short(setting)}; give {CALLED[wanted]}{least}")
            if name in CHOICES:
                lookup(f"{name} for a column", setting, dict.fromkeys(CHOICES[name]))
        name, level = (*part.level, None, None)[:2]
        if len(part.level) != 2 or not isinstance(name, str) or not isinstance(level, (int, float)):
            raise UserError(f"Column.level is {_short(part.level)}; give a factor and a number, such as ('rate', 0.5)")
    if isinstance(part, Row) and part.frames < 1:
        raise UserError(f"Row.frames is {part.frames}; give 1 or more")


def _check_heard(column: Column, hears: tuple[str, ...] | None) -> None:
    """Raises UserError for a setting that the measurement would not follow: its numbers would be called by it."""
    for name in column.settings:
        if hears is not None and name not in hears:
            raise UserError(f"{column.measurement} does not hear {name}; it hears {', '.join(hears) or 'no setting'}")


def _is_plain(value: Mapping[Any, Any]) -> bool:
    try:
        return bool(canonical_json(value)) and all(isinstance(key, str) for key in value)
    except (TypeError, ValueError, RecursionError):
        return False


def _check_texts(what: str, texts: Any) -> None:
    """Raises UserError for a text that could not be written, for it holds halves of characters, or be shown safely."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UserError(f"{what} is {_short(text)}, which is no Unicode text") from None
        if CONTROLS.search(text):
            raise UserError(f"{what} is {_short(text)}; leave the control characters out")


def _short(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply"
    return text if len(text) <= 60 else f"{text[:59]}…"


def _check_names(suite: Suite) -> Counter[str]:
    names = Counter(row.name for row in suite.rows)
    for name, count in names.items():
        if count > 1:
            raise UserError(f"{count} rows are named {name!r}; give each a name of its own")
    return names


def _check_row(row: Row) -> None:
    _check_tuple("published", row.published, Published)
    for published in row.published:
        _check_fields(published)
        if not all(isinstance(value, str) for value in published.values.values()):
            raise UserError(f"Published.values is {_short(published.values)}; give every value as printed, as a text")
    if row.model and row.absent:
        raise UserError(f"it has the model {row.model!r}, and `absent` says why it has none; drop one of them")
    _check_recipe(row.recipe)
    if row.recipe and not row.model:
        raise UserError("it has a recipe and no model that is trained by it; drop one of them")
    if row.model:
        check_options("model", lookup("model", row.model, registry.models()), row.options)


def _check_recipe(own: Mapping[str, Any]) -> None:
    """Raises UserError for what a row's training cannot have otherwise than the preset's recipe: a setting that there
    is not, a value of another kind, one that is chosen elsewhere."""
    usual = asdict(Recipe())
    for name, value in own.items():
        known = lookup("setting of a recipe", name, usual)
        if type(value) is not type(known) and (type(known), type(value)) not in ALIKE:
            raise UserError(f"its recipe has {name} {_short(value)}; give something such as {known!r}")
    if "frames" in own:
        raise UserError("its recipe sets frames; give them as Row.frames")
    if own.get("trunk"):
        raise UserError("its recipe names weights of the trunk; give these by --weights, or trunk '' for none")
    check_recipe(Recipe().but(own))
