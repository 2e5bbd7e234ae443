"""Whether a suite can be planned, said before anything of it is measured. Imports no torch."""

from __future__ import annotations

from collections import Counter

from reidbench import registry
from reidbench.registry import check_options, lookup
from reidbench.spec import Column, Published, Row, Suite, UserError

PARTS = {"rows": Row, "columns": Column, "notes": str, "figures": str}
"""What the tuples of a suite hold."""


def check_suite(name: str, suite: Suite) -> None:
    """Raises UserError, naming the suite and the row, for what is unknown, doubled or of a wrong kind.

    The names of figures are not checked: what draws them takes long to import (`reporting.figures`).
    """
    try:
        for field, kind in PARTS.items():
            _check_tuple(field, getattr(suite, field), kind)
        names = _check_names(suite)
        lookup("row for its reference", suite.reference, names)
        for pair in suite.contrasts:
            for row_name in pair:
                lookup("row for its contrasts", row_name, names)
        for column in suite.columns:
            measurement = lookup("measurement", column.measurement, registry.measurements())
            lookup(f"quantity of {column.measurement}", column.field, measurement.quantities)
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


def _check_names(suite: Suite) -> Counter[str]:
    if not suite.columns:
        raise UserError("it has no columns")
    names = Counter(row.name for row in suite.rows)
    for name, count in names.items():
        if count > 1:
            raise UserError(f"{count} rows are named {name!r}; give each a name of its own")
    return names


def _check_row(row: Row) -> None:
    _check_tuple("published", row.published, Published)
    if row.model and row.absent:
        raise UserError(f"it has the model {row.model!r}, and `absent` says why it has none; drop one of them")
    if row.model:
        check_options("model", lookup("model", row.model, registry.models()), row.options)
