"""Writes the reports that a command asks for, and says on the terminal what they show. Imports no torch."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench.options import parse_options
from reidbench.spec import Suite, UserError
from reidbench.store import Store

if TYPE_CHECKING:
    from reidbench.plan import Plan, Request
    from reidbench.reporting.tables import Table


def report_suite(plan: Plan, store: Store, arguments: Namespace, suite: Suite) -> None:
    """Writes the whole suite's report, whatever part of it was asked for, and prints the table of that part."""
    from reidbench.reporting.blocks import terminal_text
    from reidbench.reporting.tables import assemble
    from reidbench.reporting.writing import write_report

    table = assemble(plan, store)
    request = request_of(arguments)
    partial = request.rows or request.only
    whole = assemble(_whole(plan, suite, request, store), store) if partial else table
    written = write_report(whole, store, made_by=arguments.command_line, **_output(arguments))
    if not arguments.json:
        print(terminal_text(table, min(shutil.get_terminal_size().columns, 100)))
    _print_written([table], written, arguments)


def report_several(
    plans: Sequence[Plan], store: Store, arguments: Namespace, *, named: bool, audit: bool, each: bool = False
) -> None:
    """Writes one report of the plans, with the audit if asked for.

    With `each`, every plan also gets a report of its own. Where nothing is `named`, of what is mostly measured on the
    machine, the audit included.
    """
    from reidbench.audit.assembly import audited_suites, carry_out
    from reidbench.reporting.matching import Records
    from reidbench.reporting.summary import mostly_measured
    from reidbench.reporting.tables import assemble
    from reidbench.reporting.writing import audit_part, write_combined, write_report

    records = Records(store)
    tables = [assemble(plan, store, records) for plan in plans]
    tables, left_out = (tables, "") if named else mostly_measured(tables)
    if not tables:
        raise UserError(f"{store.folder}: holds less than half of every suite with these options; name the suites")
    for table in tables if each else ():
        write_report(table, store, made_by=arguments.command_line)
    output, others = _output(arguments), []
    if audit or not named:
        found = carry_out(audited_suites(), store)
        if audit or 2 * len(found.records) >= found.wanted:
            others.append(audit_part(found, store, output.get("folder")))
    written = write_combined(tables, store, others=others, left_out=left_out, made_by=arguments.command_line, **output)
    _print_written(tables, written, arguments)


def report_audit(store: Store, arguments: Namespace) -> None:
    """Writes the audit and prints its summary."""
    from reidbench.audit.assembly import audited_suites, carry_out
    from reidbench.reporting.audit import to_json
    from reidbench.reporting.audit_findings import headlines
    from reidbench.reporting.writing import write_audit

    found = carry_out(audited_suites(), store)
    written = write_audit(found, store, made_by=arguments.command_line, **_output(arguments))
    if arguments.json:
        print_json(to_json(found))
        return
    print("\n".join(headlines(found)))
    _print_paths(written)


def request_of(arguments: Namespace) -> Request:
    from reidbench.plan import Request

    given = vars(arguments)
    names = ("preset", "only", "dataset", "root", "protocol", "device", "seeds", "subset", "weights")
    options = parse_options("--data", given.get("dataset_options", ()))
    rows = tuple(given.get("rows", ()))
    return Request(rows=rows, dataset_options=options, **{name: given[name] for name in names if name in given})


def _output(arguments: Namespace) -> dict[str, Any]:
    """Formats and folder of a report, where the command lets the user choose."""
    given = vars(arguments)
    return (
        {"formats": given["format"], "folder": Path(given["out"]) if given["out"] else None}
        if "format" in given
        else {}
    )


def _print_written(tables: Sequence[Table], written: Sequence[Path], arguments: Namespace) -> None:
    from reidbench.reporting.tables import to_frame

    if arguments.json:
        print_json([line for table in tables for line in json.loads(to_frame(table).to_json(orient="records"))])
        return
    _print_paths(written)


def _print_paths(written: Sequence[Path]) -> None:
    for path in written:
        if path.suffix != ".svg":
            print(f"written: {path}")


def _whole(plan: Plan, suite: Suite, request: Request, store: Store) -> Plan:
    """The plan of all rows and columns. Where a dataset that was not asked for cannot be had, what was asked for."""
    from reidbench.plan import make_plan

    try:
        return make_plan(plan.name, suite, replace(request, rows=(), only="", seeds=plan.preset.seeds), store)
    except UserError:
        return plan


def print_json(content: Any) -> None:
    print(json.dumps(content, indent=1, default=asdict))
