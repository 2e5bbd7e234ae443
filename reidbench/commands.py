"""What each command does. Each function takes the parsed arguments and returns the exit code. Imports no torch."""

from __future__ import annotations

import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import machine, presets, registry
from reidbench.dataset_commands import data_check as data_check
from reidbench.dataset_commands import data_describe as data_describe
from reidbench.deployment.backends import BACKENDS, Backend, missing
from reidbench.files import check_writable
from reidbench.launch import launched
from reidbench.options import parse_options
from reidbench.reports import (
    check_figures,
    check_rows,
    print_json,
    report_audit,
    report_several,
    report_suite,
    request_of,
    tell_failures,
)
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import Cell, Column, Places, Row, Suite, UserError
from reidbench.store import Store, machines

if TYPE_CHECKING:
    from reidbench.plan import Plan
    from reidbench.runner import Runner

UNWRAPPED = 1000
"""Columns of what is no terminal."""


def _backend_text(backend: Backend) -> str:
    where = "; ".join(f"{device}: {', '.join(precisions)}" for device, precisions in backend.precisions.items())
    lacking = missing(backend.packages, backend.extra)
    return f"{backend.about} ({where})" + (f"; {lacking}" if lacking else "")


def list_everything(arguments: Namespace) -> int:
    """Prints every registered thing with one line."""
    groups = {
        "models": {name: entry.about for name, entry in registry.models().items()},
        "datasets": {name: entry.about for name, entry in registry.datasets().items()},
        "suites": {name: registry.suite_about(name) for name in registry.suite_paths()},
        "measurements": {name: found.about for name, found in registry.measurements().items()},
        "presets": {name: preset.about for name, preset in presets.PRESETS.items()},
        "protocols": {name: protocol.about for name, protocol in PROTOCOLS.items()},
        "backends": {name: _backend_text(backend) for name, backend in BACKENDS.items()},
    }
    if arguments.json:
        print_json(groups)
        return 0
    # Wrapped on a terminal only: what reads a pipe wants a line each.
    width = shutil.get_terminal_size((UNWRAPPED, 24)).columns
    column = max(len(name) for entries in groups.values() for name in entries)
    indent = " " * (column + 3)
    for title, entries in groups.items():
        print(title)
        for name, about in entries.items():
            print(textwrap.fill(f"  {name:<{column}} {about}", width, subsequent_indent=indent, break_on_hyphens=False))
    return 0


def run_suite(arguments: Namespace) -> int:
    """Measures what a suite lacks and writes its report."""
    suites = registry.suites_of(arguments.command)
    check_rows(arguments, len(suites) == 1)
    return _run(suites, arguments)


def audit(arguments: Namespace) -> int:
    """Counts every network that a printed cost may stand for, and says which rule prints which cost."""
    from reidbench.audit.assembly import NAME, audit_suite, audited_suites

    runner, _ = _measure({NAME: audit_suite(audited_suites())}, arguments)
    report_audit(runner.store, arguments)
    return _tell_failures(runner)


def report(arguments: Namespace) -> int:
    """Writes the report of one suite, of the audit, or of several, from the records of one machine."""
    from reidbench.audit.assembly import NAME
    from reidbench.recorded import recorded_plan
    from reidbench.reporting.writing import check_formats

    asked = [name for name in arguments.suites if name != NAME]
    suites = _suites(asked or ([] if arguments.suites else registry.suite_paths()))
    check_formats(arguments.format)
    if arguments.out:
        check_writable(Path(arguments.out))
    audit = NAME in arguments.suites
    check_rows(arguments, bool(arguments.suites) and len(suites) == 1 and not audit)
    store = Store(arguments.results, _recorded_machine(arguments))
    if not suites:
        report_audit(store, arguments)
        return 0
    plans = {name: recorded_plan(name, suite, request_of(arguments), store) for name, suite in suites.items()}
    name = "-".join(dict.fromkeys(arguments.suites))
    _report(_with_columns(plans, arguments.only), suites, store, arguments, name=name, audit=audit)
    return 0


def check(arguments: Namespace) -> int:
    """Compares what one machine measures with a baseline; 1 where something is worse."""
    from reidbench import gate

    if not arguments.recorded:
        _check_gpu(arguments.device)
    return gate.check(arguments)


def compare(arguments: Namespace) -> int:
    """Compares two results folders, or two revisions measured in turns; 1 where something is worse."""
    from reidbench import revisions

    return revisions.compare(arguments)


def calibrate(arguments: Namespace) -> int:
    """Tries the gate on repeated measurements of the same code."""
    from reidbench import trials

    _check_gpu(arguments.device)
    return trials.calibrate(arguments)


def history(arguments: Namespace) -> int:
    """Follows one cell over the commits that recorded it."""
    from reidbench import history as command

    return command.history(arguments)


def profile(arguments: Namespace) -> int:
    """Measures every cost of one model, beside the suite `table2`'s reference row."""
    from reidbench.reporting.reproduce import PROFILE

    table2 = registry.suite("table2")
    reference = next(row for row in table2.rows if row.name == table2.reference)
    options = given_options(arguments)
    label = " ".join((arguments.model, *(f"{name}={value}" for name, value in options.items())))
    rows = (reference, Row(label, arguments.model, options))
    columns = tuple(column for column in table2.columns if _measures_cost(column, arguments.device))
    suite = Suite(f"Costs of {label}", rows, columns, reference.name)
    arguments.only = "cost"
    return _run({PROFILE: suite}, arguments)


def data_synthetic(arguments: Namespace) -> int:
    """Writes a synthetic dataset to keep."""
    from reidbench.data.synthetic import sample_sheet, synthetic, write_synthetic

    prefix = "option_"
    options = {name.removeprefix(prefix): value for name, value in vars(arguments).items() if name.startswith(prefix)}
    write_synthetic(Path(arguments.out), **options)
    if arguments.sheet:
        sample_sheet(synthetic(arguments.out), Path(arguments.sheet))
    if arguments.json:
        print_json({"root": arguments.out, "options": options})
    else:
        print(f"written: {arguments.out}")
    return 0


def _run(suites: Mapping[str, Suite], arguments: Namespace) -> int:
    """Measures, and reports with the measured seeds or, where no number is asked for, with all that are recorded."""
    from reidbench.recorded import with_recorded_seeds

    _check_gpu(arguments.device)
    runner, plans = _measure(suites, arguments)
    if request_of(arguments).seeds is None:
        plans = {name: with_recorded_seeds(plan, runner.store) for name, plan in plans.items()}
    _report(plans, suites, runner.store, arguments, name=arguments.command, each=True)
    return _tell_failures(runner)


def _report(
    plans: Mapping[str, Plan],
    suites: Mapping[str, Suite],
    store: Store,
    arguments: Namespace,
    *,
    name: str,
    audit: bool = False,
    each: bool = False,
) -> None:
    """The report of one suite that was named, or one of several."""
    if name and len(suites) == 1 and not audit:
        (known, plan), *_ = plans.items()
        report_suite(plan, store, arguments, suites[known])
    else:
        report_several(list(plans.values()), store, arguments, name=name, audit=audit, each=each)


def _suites(names: Iterable[str]) -> dict[str, Suite]:
    """The suites of all names, those of a collection each."""
    return {name: suite for known in names for name, suite in registry.suites_of(known).items()}


def _measure(suites: Mapping[str, Suite], arguments: Namespace) -> tuple[Runner, dict[str, Plan]]:
    """Runs what the store of this machine lacks of the suites."""
    from reidbench.display import open_display
    from reidbench.plan import make_plan
    from reidbench.runner import Runner

    store = Store(arguments.results, arguments.machine or machine.name())
    store.check_is_here()
    request = request_of(arguments)
    plans = {name: make_plan(name, suite, request, store) for name, suite in suites.items()}
    plans = _with_columns(plans, request.only)
    check_figures(suites)
    with open_display(list(plans.values())) as display:
        runner = Runner(store, display)
        runner.run(list(plans.values()), fresh=arguments.fresh)
    return runner, plans


def _with_columns(plans: Mapping[str, Plan], only: str) -> dict[str, Plan]:
    """The plans that have a column of the kind asked for; names the others. Raises UserError where none has."""
    found = {name: plan for name, plan in plans.items() if plan.cells or plan.absent}
    if not found:
        raise UserError(f"--only {only}: suite {' and '.join(plans)} has no {only} column; leave --only out")
    if without := [name for name in plans if name not in found]:
        print(f"bench.py: --only {only} leaves out what has no such column: {', '.join(without)}", file=sys.stderr)
    return found


def _tell_failures(runner: Runner) -> int:
    """Names what could not be measured; returns the exit code."""
    tell_failures(runner.failures)
    return 2 if runner.failures else 0


def given_options(arguments: Namespace) -> dict[str, Any]:
    """The options of `--set name=value`."""
    options = parse_options("--set", arguments.set)
    registry.check_options("model", registry.lookup("model", arguments.model, registry.models()), options)
    return options


def accuracy_cell_of(arguments: Namespace, seed: int) -> tuple[Cell, Places]:
    """The accuracy cell of a command's model, options, preset and dataset, and where its files lie."""
    from reidbench.plan import accuracy_cell

    _check_gpu(arguments.device)
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed {seed}: give 0 or more, and less than 2**63")
    request = request_of(arguments)
    store = Store(arguments.results, arguments.machine or machine.name())
    cell = accuracy_cell(arguments.model, given_options(arguments), request, seed, store)
    return cell, Places(request.root, request.weights)


def print_progress(done: int, total: int, note: str) -> None:
    """One line on stderr, from one of several processes."""
    if launched().leads:
        print(f"{done}/{total} {note}", file=sys.stderr, flush=True)


def _measures_cost(column: Column, device: str) -> bool:
    asked = column.settings.get("device", "cpu")
    return not registry.measurements()[column.measurement].needs_training and (asked == "cpu" or device == "cuda")


def _recorded_machine(arguments: Namespace) -> str:
    """The machine asked for, this one if it has records, else the only one that has."""
    known = machines(arguments.results)
    chosen = arguments.machine or machine.name()
    if chosen in known:
        return chosen
    if not arguments.machine and len(known) == 1:
        return known[0]
    if not known:
        raise UserError(f"no records under {arguments.results}: run the suite first, or give --results DIR")
    raise UserError(f"no records of machine {chosen!r} under {arguments.results}; give --machine {' or '.join(known)}")


def _check_gpu(device: str) -> None:
    if device == "cuda" and not machine.describe()["gpu"]:
        raise UserError("--device cuda: this machine shows no CUDA GPU; use --device cpu")


def print_result(result: dict[str, Any], arguments: Namespace) -> int:
    """Prints names with values, or with values and their bounds, as lines or as JSON; returns the exit code."""
    if arguments.json:
        print_json(result)
    else:
        width = max(map(len, result))
        for name, value in result.items():
            shown = "{value} ({low} to {high})".format(**value) if isinstance(value, dict) else value
            print(f"{name:<{width}}  {shown}")
    return 0
