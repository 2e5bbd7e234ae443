"""Every suite as a command, and the commands that list, audit and report."""

from __future__ import annotations

from reidbench import registry
from reidbench.commands.help_page import COMMANDS
from reidbench.commands.parser import Add, selection, start, training
from reidbench.spec import UserError


def add_suites(add: Add) -> None:
    """Adds the commands. Raises UserError for a suite with the name of a command."""
    for suite in registry.suite_paths():
        if suite in COMMANDS:
            raise UserError(f"{registry.suite_paths()[suite]}: a suite cannot be named {suite!r}, which is a command")
        about = registry.suite_about(suite)
        sub = add(suite, "suites.run_suite", about, training(), start(), selection())
        sub.add_argument("--fresh", action="store_true", help="measure again what is recorded, training again")
    sub = add("audit", "suites.audit", "which counting rule each printed cost of Tables 2 to 6 follows")
    sub.add_argument("--fresh", action="store_true", help="count again what is already recorded")
    about = "show models, datasets, suites, measurements, presets, protocols, backends; with NAME what it has"
    sub = add("list", "listing.list_everything", about, records=False)
    about = "a model, dataset, suite, measurement or preset, to see its options, rows, quantities or settings"
    sub.add_argument("names", nargs="*", metavar="NAME", help=about)
    about = "write tables, figures and what they show from the records, of all or of the part that is chosen"
    sub = add("report", "suites.report", about, training(), start(), selection())
    about = "suites by name, or audit (default: all that are mostly measured); several make one report of their names"
    sub.add_argument("suites", nargs="*", metavar="SUITE", help=about)
    about = "md, html, latex, pdf, or several of them (default: md)"
    sub.add_argument("--format", nargs="+", default=["md"], metavar="FORMAT", help=about)
    sub.add_argument("--out", default="", metavar="DIR", help="where to write (default: the machine's folder)")
