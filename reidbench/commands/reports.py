"""Writes the reports that a command asks for, and says on the terminal what they show. Imports no torch."""

from __future__ import annotations

import json
import shutil
import textwrap
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import presets, registry
from reidbench.commands.asked import request_of
from reidbench.commands.output import print_json
from reidbench.program import beginning
from reidbench.registry import lookup
from reidbench.spec import Suite, UserError
from reidbench.store import Store

if TYPE_CHECKING:
    from reidbench.planning.plan import Plan, Request
    from reidbench.reporting.tables.matching import Records
    from reidbench.reporting.tables.table import Table


FIRST, PAPER = "table2", "paper"
"""The suite that a report of all begins with, and the collection whose order it follows."""


def check_figures(suites: Mapping[str, Suite]) -> None:
    """Raises UserError for a figure that there is not, or that cannot be drawn of its suite, before anything of it is
    measured. Of a suite that names none is drawn what can be."""
    from reidbench.reporting.figures import FIGURES
    from reidbench.reporting.figures.needs import check_needs

    for name, suite in suites.items():
        for figure in suite.figures:
            drawing = lookup(f"figure for suite {name}", figure, FIGURES)
            if suite.figures != Suite.figures:
                check_needs(f"{figure} of suite {name}", drawing.needs, suite)


def report_suite(plan: Plan, store: Store, records: Records, arguments: Namespace, suite: Suite) -> None:
    """Writes a suite's report and prints the table of the part that was asked for.

    What `report` writes is of that part, too; a run that measures a part writes the report of the whole suite.
    """
    from reidbench.reporting.findings.methods import doubts
    from reidbench.reporting.tables.table import assemble
    from reidbench.reporting.tables.terminal import terminal_text
    from reidbench.reporting.writing import write_report

    table = assemble(plan, store, records)
    request = request_of(arguments)
    shown = table if _is_report(arguments) else _whole(table, suite, request, store, records)
    written = write_report(shown, store, made_by=arguments.command_line, **_output(arguments))
    if arguments.json:
        _print_json([table])
        return
    width = min(shutil.get_terminal_size().columns, 100)
    print(terminal_text(table, width))
    for text in (*doubts(table), *(f"Joined unequal: {warning}." for warning in table.warnings)):
        print(f"\n{textwrap.fill(text, width, break_on_hyphens=False)}")
    if text := _about_seeds(plan, request):
        print(f"\n{text}")
    if _is_report(arguments) or not _holds_accuracy(table):
        _tell_otherwise([plan], store, width)
    _print_paths(written)


def report_several(
    plans: Sequence[Plan],
    store: Store,
    records: Records,
    arguments: Namespace,
    *,
    name: str,
    audit: bool,
    each: bool = False,
) -> None:
    """Writes one report of the plans as `<name>.<ending>`, with the audit if asked for; prints a line on each.

    Of a part that was asked for it is as `report_suite` says. With `each`, every plan also gets a report of its own.
    Without a name, it is `report.<ending>`, of what is mostly measured on the machine, the audit included.
    """
    from reidbench.audit.assembly import NAME, audited_suites, carry_out
    from reidbench.reporting.findings.summary import mostly_measured
    from reidbench.reporting.tables.table import assemble
    from reidbench.reporting.writing import COMBINED, audit_part, is_table, write_combined, write_report

    request = request_of(arguments)
    tables = [assemble(plan, store, records) for plan in plans]
    tables, left_out = (tables, "") if name else mostly_measured(tables)
    if not tables:
        raise UserError(f"{store.folder}: holds less than half of every suite with these options; name the suites")
    tables = tables if name else _in_order(tables)
    if not _is_report(arguments):
        tables = [_whole(table, table.plan.suite, request, store, records) for table in tables]
    for table in tables if each else ():
        write_report(table, store, made_by=arguments.command_line)
    output, others, about = _output(arguments), [], [_coverage(table) for table in tables]
    if audit or not name:
        found = carry_out(audited_suites(), store)
        counted = f"{len(found.records)} of {found.wanted} networks"
        if audit or found.mostly_counted:
            others.append(audit_part(found, store, **output))
            about.append(f"{NAME:<14} {counted}")
        else:
            about.append(f"{NAME:<14} left out: {counted}")
    written = write_combined(
        tables,
        store,
        name=name or COMBINED,
        others=others,
        left_out=left_out,
        made_by=arguments.command_line,
        **output,
    )
    if arguments.json:
        _print_json(tables)
        return
    print("\n".join([*about, *([left_out] if left_out else [])]))
    if _is_report(arguments):
        _tell_otherwise([table.plan for table in tables], store, shutil.get_terminal_size().columns)
    figures = {path.with_suffix("") for path in written if path.suffix == ".png"}
    _print_paths(path for path in written if path.with_suffix("") not in figures and not is_table(path))


def _holds_accuracy(table: Table) -> bool:
    """Whether any of what is trained has a value, or nothing is."""
    trained = [entry for heading in table.headings if heading.training for entry in table.column(heading).values()]
    return not trained or any(entry.estimate for entry in trained)


def _tell_otherwise(plans: Sequence[Plan], store: Store, width: int) -> None:
    """Prints what else their rows were trained by, which the report does not show."""
    from reidbench.reporting.findings.elsewhere import trained_otherwise

    if found := trained_otherwise(plans, store):
        print(
            textwrap.fill(
                f"Also recorded, for reports of their own: {'; '.join(found)}.", width, break_on_hyphens=False
            )
        )


def _in_order(tables: Sequence[Table]) -> list[Table]:
    """The tables of a report of all: the components first, then as in the collection `paper`, then others."""
    places = {name: place for place, name in enumerate(dict.fromkeys((FIRST, *registry.suites_of(PAPER))))}
    return sorted(tables, key=lambda table: (places.get(table.plan.name, len(places)), table.plan.name))


def report_audit(store: Store, arguments: Namespace) -> None:
    """Writes the audit and prints its summary."""
    from reidbench.audit.assembly import audited_suites, carry_out
    from reidbench.reporting.audit import to_json
    from reidbench.reporting.findings.audit_findings import headlines
    from reidbench.reporting.writing import write_audit

    found = carry_out(audited_suites(), store)
    if not found.mostly_counted:
        counted = f"{len(found.records)} of {found.wanted} networks are counted"
        raise UserError(f"{store.folder}: {counted}, too few for verdicts; run `{' '.join(beginning())} audit` first")
    written = write_audit(found, store, made_by=arguments.command_line, **_output(arguments))
    if arguments.json:
        print_json(to_json(found))
        return
    print("\n".join(headlines(found)))
    _print_paths(written)


def _output(arguments: Namespace) -> dict[str, Any]:
    """Formats and folder of a report, where the command lets the user choose."""
    if not _is_report(arguments):
        return {}
    return {"formats": arguments.format, "folder": Path(arguments.out) if arguments.out else None}


def _is_report(arguments: Namespace) -> bool:
    """Whether it is the command `report`, which measures nothing; the others have no formats."""
    return "format" in arguments


def _print_json(tables: Sequence[Table]) -> None:
    from reidbench.reporting.tables.dataframe import to_frame

    print_json([line for table in tables for line in json.loads(to_frame(table).to_json(orient="records"))])


def _print_paths(written: Iterable[Path]) -> None:
    for path in written:
        if path.suffix != ".svg":
            print(f"written: {path}")


def _coverage(table: Table) -> str:
    """One line on how much of a table there is."""
    from reidbench.reporting.documents.block import WORDS
    from reidbench.reporting.tables.layout import repeats_text

    states = Counter(entry.state for entry in table.entries.values())
    wanted = states.total() - states["absent"] - states["published"]
    settled = ("ok", "absent", "published")
    rest = [f"{count} {WORDS.get(state, state)}" for state, count in states.items() if state not in settled]
    parts = [f"{states['ok']} of {wanted} cells", *rest]
    if _is_trained(table.plan):
        parts.append(repeats_text(table.plan))
    return f"{table.plan.name:<14} {', '.join(parts)}"


def _about_seeds(plan: Plan, request: Request) -> str:
    """What to say where more seeds are shown than the preset has; "" where not."""
    from reidbench.reporting.tables.layout import seeds_text

    usual, shown = presets.PRESETS[request.preset].seeds, plan.preset.seeds
    if request.seeds is not None or shown == usual or not _is_trained(plan):
        return ""
    return f"Accuracies are over {shown} seeds, as recorded of most rows; --seeds {usual} shows {seeds_text(usual)}."


def _is_trained(plan: Plan) -> bool:
    return any("seed" in cell.settings for cell in plan.all_cells())


def _whole(table: Table, suite: Suite, request: Request, store: Store, records: Records) -> Table:
    """The table with all rows and columns. Where a dataset that was not asked for cannot be had, as it is."""
    from reidbench.planning.recorded import recorded_plan
    from reidbench.reporting.tables.table import assemble

    if not request.rows and not request.only:
        return table
    try:
        whole = replace(request, rows=(), only="")
        return assemble(recorded_plan(table.plan.name, suite, whole, store, records.holds), store, records)
    except UserError:
        return table
