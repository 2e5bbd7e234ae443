"""The columns that a figure cannot be drawn without, by which a suite is checked before anything of it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reidbench import registry
from reidbench.spec import Column, Suite, UserError

TIMES = ("s", "ms", "us")


@dataclass(frozen=True)
class Need:
    """A figure needs so many columns at `least` that `has` is true of; `what` says which these are."""

    what: str
    has: Callable[[Column], bool]
    least: int = 1


def one_of(*names: str) -> Need:
    """A column of one of some quantities ("complexity.macs"), or of any of a measurement ("ranking")."""
    return Need(
        f"a column of {' or '.join(names)}", lambda column: bool({column.quantity, column.measurement} & {*names})
    )


def is_time(column: Column) -> bool:
    """Whether a column holds the median of times."""
    quantity = registry.quantity(column)
    return quantity.statistic == "median" and quantity.unit in TIMES


TRAINED = Need(
    "a column of trained rows, such as accuracy.mAP",
    lambda column: registry.measurements()[column.measurement].needs_training,
)
TIMED = Need("a column of times, such as latency.latency", is_time)
GROUPS = Need(
    "two columns of a mean AP, such as accuracy.mAP and accuracy.mAP_tempo",
    lambda column: TRAINED.has(column) and column.field.partition("_")[0] == "mAP",
    least=2,
)
LEVELS = Need("a column with a `level`", lambda column: bool(column.level[0]))


def check_needs(figure: str, needs: Sequence[Need], suite: Suite) -> None:
    """Raises UserError where no record could fill the columns that a figure of a suite needs."""
    for need in needs:
        if sum(map(need.has, suite.columns)) < need.least:
            raise UserError(f"figure {figure} needs {need.what}; add it to the columns, or leave out the figure")
