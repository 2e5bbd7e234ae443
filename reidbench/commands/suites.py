"""The commands that measure suites and report on them. Imports no torch."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reidbench import registry
from reidbench.commands.asked import (
    asked_gpus,
    check_gpu,
    check_rows,
    find_store,
    given_options,
    plans_of,
    request_of,
    store_of,
    tried,
)
from reidbench.commands.output import tell_failures
from reidbench.commands.reports import check_figures, report_audit, report_several, report_suite
from reidbench.commands.versions import outdated
from reidbench.files import check_writable
from reidbench.planning.plan import Plan, all_cells
from reidbench.planning.recorded import recorded_plan, with_recorded_seeds
from reidbench.program import program
from reidbench.running.display import open_display
from reidbench.running.runner import Runner
from reidbench.spec import Suite, UserError
from reidbench.store import Store

if TYPE_CHECKING:
    from reidbench.reporting.tables.matching import Records


def run_suite(arguments: Namespace) -> int:
    """Measures what a suite lacks and writes its report."""
    suites = registry.suites_of(arguments.command)
    check_rows(arguments, len(suites) == 1)
    return run(suites, arguments)


def audit(arguments: Namespace) -> int:
    """Counts every network that a printed cost may stand for, and says which rule reproduces which cost."""
    from reidbench.audit.assembly import NAME, audit_suite, audited_suites

    runner, _ = _measure({NAME: audit_suite(audited_suites())}, arguments)
    report_audit(runner.store, arguments)
    return _tell(runner)


def report(arguments: Namespace) -> int:
    """Writes the report of one suite, of the audit, or of several, from the records of one machine."""
    from reidbench.audit.assembly import NAME
    from reidbench.reporting.tables.matching import Records
    from reidbench.reporting.writing import check_formats

    _check_not_swallowed(arguments, {*registry.suite_paths(), NAME})
    asked = [name for name in arguments.suites if name != NAME]
    suites = _suites(asked or ([] if arguments.suites else registry.suite_paths()))
    check_formats(arguments.format)
    if arguments.out:
        check_writable(Path(arguments.out), "--out DIR")
    audit = NAME in arguments.suites
    check_rows(arguments, bool(arguments.suites) and len(suites) == 1 and not audit)
    store = find_store(arguments.results, "--results", arguments.machine)
    if not arguments.out:
        check_writable(store.folder, "--out DIR")
    if not suites:
        report_audit(store, arguments)
        return 0
    records = Records(store)
    make = partial(recorded_plan, holds=records.holds)
    plans = plans_of(suites, arguments, store, make, chosen=bool(arguments.suites))
    name = "-".join(dict.fromkeys(arguments.suites))
    _report(plans, suites, store, records, arguments, name=name, audit=audit)
    return 0


def _check_not_swallowed(arguments: Namespace, names: set[str]) -> None:
    """Raises UserError where an option of several values took the names of suites that stand behind it."""
    for option, values in (("--rows", arguments.rows), ("--format", arguments.format)):
        taken = [value for value in values if value in names]
        if taken and not arguments.suites:
            rest = [value for value in values if value not in names]
            first = " ".join(["report", *taken, *([option, *rest] if rest else [])])
            raise UserError(f"{option}: takes all that follows it; put the suite before it: {first}")


def run(suites: Mapping[str, Suite], arguments: Namespace, *, trial: bool = False) -> int:
    """Measures, and reports with the measured seeds or, where no number is asked for, with all that are recorded.

    With `trial` the command's one model is tried before, where it has to be measured.
    """
    from reidbench.reporting.tables.matching import Records

    check_gpu(arguments.device)
    runner, plans = _measure(suites, arguments, trial=trial)
    records = Records(runner.store)
    if request_of(arguments).seeds is None:
        plans = {name: with_recorded_seeds(plan, records.holds) for name, plan in plans.items()}
    _report(plans, suites, runner.store, records, arguments, name=arguments.command, each=True)
    return _tell(runner)


def _report(
    plans: Mapping[str, Plan],
    suites: Mapping[str, Suite],
    store: Store,
    records: Records,
    arguments: Namespace,
    *,
    name: str,
    audit: bool = False,
    each: bool = False,
) -> None:
    """The report of one suite that was named, or one of several, from the store's `records`."""
    if name and len(suites) == 1 and not audit:
        (known, plan), *_ = plans.items()
        report_suite(plan, store, records, arguments, suites[known])
    else:
        report_several(list(plans.values()), store, records, arguments, name=name, audit=audit, each=each)


def _suites(names: Iterable[str]) -> dict[str, Suite]:
    """The suites of all names, those of a collection each."""
    return {name: suite for known in names for name, suite in registry.suites_of(known).items()}


def _measure(
    suites: Mapping[str, Suite], arguments: Namespace, *, trial: bool = False
) -> tuple[Runner, dict[str, Plan]]:
    """Runs what the store of this machine lacks of the suites."""
    gpus = asked_gpus(arguments)
    store = store_of(arguments)
    store.check_is_here()
    plans = plans_of(suites, arguments, store)
    check_figures(suites)
    if trial and (arguments.fresh or not all(map(store.holds, all_cells(plans.values())))):
        tried(arguments.model, given_options(arguments), arguments.frames)
    with open_display(list(plans.values())) as display:
        runner = Runner(store, display, gpus)
        runner.run(list(plans.values()), fresh=arguments.fresh)
    return runner, plans


def _tell(runner: Runner) -> int:
    """Says on stderr what was found recorded with other versions of packages, and names what could not be measured;
    returns the exit code."""
    if found := outdated(runner.stored):
        print(f"{program()}: measured with {found}: --fresh measures again", file=sys.stderr)
    tell_failures(runner.failures)
    return 2 if runner.failures else 0
