"""What of a suite a figure cannot be drawn without, by which it is checked before anything of it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reidbench import registry
from reidbench.reporting.tables.components import one_apart
from reidbench.spec import Column, Suite, UserError

TIMES = ("s", "ms", "us")


@dataclass(frozen=True)
class Need:
    """A figure can be drawn of a suite only where `met` is true of it; `what` says what it must have."""

    what: str
    met: Callable[[Suite], bool]


def a_column(what: str, has: Callable[[Column], bool]) -> Need:
    """A column that `has` is true of."""
    return Need(f"a column {what}", lambda suite: any(map(has, suite.columns)))


def one_of(*names: str) -> Need:
    """A column of one of some quantities ("complexity.macs"), or of any of a measurement ("ranking")."""
    return a_column(f"of {' or '.join(names)}", lambda column: bool({column.quantity, column.measurement} & {*names}))


def at_levels(*quantities: str) -> Need:
    """A column of one of some quantities at a level of a factor."""
    what = f"of {' or '.join(quantities)} with a `level`"
    return a_column(what, lambda column: column.quantity in quantities and bool(column.level[0]))


def is_time(column: Column) -> bool:
    """Whether a column holds the median of times."""
    quantity = registry.quantity(column)
    return quantity.statistic == "median" and quantity.unit in TIMES


def _is_trained(column: Column) -> bool:
    return registry.measurements()[column.measurement].needs_training


def _is_mean_ap(column: Column) -> bool:
    return _is_trained(column) and column.field.partition("_")[0] == "mAP"


TRAINED = a_column("of trained rows, such as accuracy.mAP", _is_trained)
TIMED = a_column("of times, such as latency.latency", is_time)
LEVELS = a_column("with a `level`", lambda column: bool(column.level[0]))
GROUPS = Need(
    "two columns of a mean AP, such as accuracy.mAP and accuracy.mAP_tempo",
    lambda suite: sum(map(_is_mean_ap, suite.columns)) >= 2,
)
COMBINATION = Need(
    "two rows with all of the options csp, attention and temporal that differ in exactly one component",
    lambda suite: one_apart(suite.rows),
)
FOCUS = Need("a row in `focus`", lambda suite: bool(suite.focus))


def check_needs(figure: str, needs: Sequence[Need], suite: Suite) -> None:
    """Raises UserError where no record could fill what a figure of a suite needs."""
    for need in needs:
        if not need.met(suite):
            raise UserError(f"figure {figure} needs {need.what}; add it to the suite, or leave out the figure")
