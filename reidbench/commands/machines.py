"""The command that puts one row beside another on every machine that has records. Imports no torch."""

from __future__ import annotations

import shutil
import textwrap
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reidbench import registry
from reidbench.commands.output import print_json
from reidbench.files import check_writable
from reidbench.machine import slug
from reidbench.spec import Suite, UserError

if TYPE_CHECKING:
    from reidbench.reporting.findings.machines import Comparison


def machines(arguments: Namespace) -> int:
    """Writes and prints how long a suite's row takes beside its reference row, whatever ran them, on every machine."""
    from reidbench.reporting.findings.machines import compare_machines
    from reidbench.reporting.tables.dataframe import stores
    from reidbench.reporting.writing import check_formats, write_machines

    check_formats(arguments.format)
    suite = with_focus(arguments.suite, registry.suite(arguments.suite), arguments.row)
    folder = Path(arguments.out or arguments.results)
    check_writable(folder, "--out DIR")
    known = stores(arguments.results)
    if arguments.machine:
        registry.lookup("machine", arguments.machine, {store.name: store for store in known})
    found = compare_machines(arguments.suite, suite, known)
    if arguments.machine:  # the operations may have been counted on another one
        found = replace(found, places=tuple(place for place in found.places if place.name == arguments.machine))
    if not found.places:
        names, who = f"{suite.focus} and {suite.reference}", arguments.machine or "no machine there"
        has = "has no times" if arguments.machine else "has times"
        raise UserError(f"{arguments.results}: {who} {has} of both {names} that are up to date")
    stem = folder / "-".join(
        ["machines", arguments.suite, *filter(None, map(slug, (arguments.row, arguments.machine)))]
    )
    written = write_machines(found, stem, formats=arguments.format, made_by=arguments.command_line)
    if arguments.json:
        print_json(found)
        return 0
    print("\n\n".join(_paragraphs(found, min(shutil.get_terminal_size().columns, 100))))
    print("\n".join(["", *(f"written: {path}" for path in written if path.suffix != ".svg")]))
    return 0


def with_focus(name: str, suite: Suite, row: str) -> Suite:
    """The suite with a row in focus, its own where none is named. Raises UserError where there is none to compare."""
    from reidbench.reporting.findings.machines import network

    rows = {one.name: one for one in suite.rows if one.model}
    chosen = row or suite.focus
    if not chosen:
        raise UserError(f"suite {name}: has no row in focus; give --row, one of {', '.join(map(repr, rows))}")
    registry.lookup(f"row of {name}", chosen, rows)
    if network(rows[chosen]) in {network(row) for row in suite.rows if row.name == suite.reference}:
        raise UserError(f"--row {chosen}: is the network of the reference row, with which it is compared; give another")
    return replace(suite, focus=chosen)


def _paragraphs(found: Comparison, width: int) -> Iterator[str]:
    """The sentences and the tables, no line wider than the terminal."""
    from reidbench.reporting.findings.machines import headlines
    from reidbench.reporting.machines import machine_block, remarks
    from reidbench.reporting.tables.terminal import text_tables

    said = [*headlines(found), *remarks(found)]
    yield "\n".join(textwrap.fill(text, width, break_on_hyphens=False) for text in said)
    for place in found.places:
        block = machine_block(found, place)
        for lines in text_tables([block.header, *block.lines], width):
            yield "\n".join([*textwrap.wrap(block.title, width, break_on_hyphens=False), *lines])
