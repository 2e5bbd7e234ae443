"""Which rows of a suite a command asks for. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reidbench.options import parse_numbers
from reidbench.registry import nearest
from reidbench.spec import Row, Suite, UserError


def choose_rows(suite: Suite, names: Iterable[str]) -> tuple[Row, ...]:
    """The rows asked for by name, number from 1 or range, in the suite's order; all where none is asked for.

    Raises UserError for one that there is not.
    """
    by_name = {row.name: row for row in suite.rows}
    chosen: list[Row] = []
    for name in names:
        numbers = parse_numbers(name, len(suite.rows))
        if name in by_name:
            chosen.append(by_name[name])
        elif numbers:
            chosen += [suite.rows[number - 1] for number in numbers]
        else:
            raise UserError(_unknown_row(name, list(by_name)))
    return tuple(row for row in suite.rows if not chosen or row in chosen)


def _unknown_row(asked: str, names: Sequence[str]) -> str:
    """What to say of a row that there is not: the nearest name, or all of them, numbered in the suite's order."""
    known = ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))
    if re.fullmatch("[-0-9, ]*", asked):
        several = f", several as 1,{len(names)} or 1-{len(names)}" if len(names) > 1 else ""
        return f"--rows {asked}: give 1 to {len(names)}{several}: {known}"
    return f"no row is named {asked!r}{nearest(asked, names, otherwise=f'; there are {known}')}"
