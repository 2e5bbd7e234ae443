"""Writes a report and its figures into a folder, in the formats asked for, each file whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from reidbench import registry
from reidbench.audit.assembly import NAME as AUDIT
from reidbench.audit.assembly import Audit
from reidbench.files import write_bytes
from reidbench.reporting.audit import chapter as audit_chapter
from reidbench.reporting.audit import document as audit_report
from reidbench.reporting.documents.document import Chapter, Document, pictures
from reidbench.reporting.documents.html import html
from reidbench.reporting.documents.latex import MADE, latex
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.documents.typeset import pdf, require_typst
from reidbench.reporting.figures.stamps import bring, figure_stamp, stamp_of
from reidbench.reporting.findings.machines import Comparison
from reidbench.reporting.findings.summary import shared_headlines
from reidbench.reporting.machines import machines_document
from reidbench.reporting.naming import report_stem, several_stem
from reidbench.reporting.report import chapter, combined_report, single_report
from reidbench.reporting.tables.table import Table
from reidbench.store import Store

COMBINED = "report"
"""The file name of a report of all that is measured; no suite can be named so."""


def _encoded(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items()}


FORMATS: Mapping[str, Callable[[Document, str], Mapping[str, bytes]]] = {
    "md": lambda document, name: {f"{name}.md": markdown(document).encode()},
    "html": lambda document, name: {f"{name}.html": html(document).encode()},
    "latex": lambda document, name: _encoded(latex(document, name)),
    "pdf": lambda document, name: {f"{name}.pdf": pdf(document)},
}
"""How a report is written: each gives the contents of its files by their names, from a document and a name."""


def check_formats(names: Sequence[str]) -> None:
    """Raises UserError for a format that is not known, or that lacks its package here."""
    for name in names:
        registry.lookup("format", name, FORMATS)
    if "pdf" in names:
        require_typst()


def write_report(
    table: Table, store: Store, *, formats: Sequence[str] = ("md",), folder: Path | None = None, made_by: str = ""
) -> list[Path]:
    """Writes `<suite>.<ending>` for each format and the figures, into the machine's results folder or into `folder`.

    What is not the whole suite under the defaults says so in its name (`report_stem`). Figures that a report of that
    name had and this one has not are removed.
    `made_by` is the command line to print as the report's origin. Returns the paths written. Raises UserError for an
    unknown format and for a folder that cannot be written.
    """
    from reidbench.reporting.figures import remove_others

    check_formats(formats)
    home = folder or store.folder
    figures = _draw(table, store, home, printed="latex" in formats)
    stem = home / report_stem(table.plan)
    document = single_report(table, store.machine(), figures, made_by)
    written = _write(document, stem, formats)
    remove_others(stem, figures)
    return [*written, *figures]


def write_combined(
    tables: Sequence[Table],
    store: Store,
    *,
    name: str,
    others: Sequence[Chapter],
    left_out: str,
    made_by: str,
    formats: Sequence[str] = ("md",),
    folder: Path | None = None,
) -> list[Path]:
    """Writes `<name>.<ending>` for each format: the tables, then the chapters of `others`, and all figures.

    As `write_report` does, it adds to the name what the tables are of.

    The rest is as `write_report` has it; `left_out` is a sentence on the tables that are not in the report.
    """
    check_formats(formats)
    home = folder or store.folder
    printed = "latex" in formats
    figures = {table.plan.name: _draw(table, store, home, printed=printed) for table in tables}
    found = shared_headlines(tables)
    machine = store.machine()
    own = (chapter(table, machine, figures[table.plan.name], found[table.plan.name]) for table in tables)
    chapters = [*own, *others]
    document = combined_report(tables, chapters, store.name, machine, left_out, made_by)
    written = _write(document, home / several_stem(name, [table.plan for table in tables]), formats)
    shown = [picture for one in others for picture in pictures(one.parts)]
    drawn = [path for one in shown for path in (one.path, one.raster, *([one.printed] if printed else []))]
    return [*written, *(path for table in tables for path in figures[table.plan.name]), *drawn]


def write_audit(
    audit: Audit, store: Store, *, formats: Sequence[str] = ("md",), folder: Path | None = None, made_by: str = ""
) -> list[Path]:
    """Writes `audit.<ending>` for each format and its figure, as `write_report` does a table's."""
    check_formats(formats)
    home = folder or store.folder
    figures = _draw_audit(audit, store, home, printed="latex" in formats)
    document = audit_report(audit, figures, store.name, made_by)
    return [*_write(document, home / AUDIT, formats), *figures]


def write_machines(found: Comparison, stem: Path, *, formats: Sequence[str], made_by: str) -> list[Path]:
    """Writes `<stem>.<ending>` for each format and `<stem>-ratios` as a figure; otherwise as `write_report` does."""
    from reidbench.reporting.figures import write_figure
    from reidbench.reporting.figures.machines import machines_figure

    drawn = partial(machines_figure, found)
    figures = write_figure(drawn, stem.with_name(f"{stem.name}-ratios"), stamp_of(found), printed="latex" in formats)
    return [*_write(machines_document(found, figures, made_by), stem, formats), *figures]


def audit_part(audit: Audit, store: Store, *, formats: Sequence[str] = (), folder: Path | None = None) -> Chapter:
    """The audit as a chapter for `write_combined`, its figure drawn beside the report."""
    return audit_chapter(audit, _draw_audit(audit, store, folder or store.folder, printed="latex" in formats))


def _draw_audit(audit: Audit, store: Store, folder: Path, *, printed: bool) -> list[Path]:
    from reidbench.reporting.figures import write_figure
    from reidbench.reporting.figures.audit import audit_figure

    stamp = stamp_of((audit.judgements, audit.first))
    bring(stamp, store.folder / AUDIT, folder / AUDIT)
    return write_figure(partial(audit_figure, audit), folder / f"{AUDIT}-deviations", stamp, printed=printed)


def _draw(table: Table, store: Store, folder: Path, *, printed: bool) -> list[Path]:
    from reidbench.reporting.figures import draw_figures

    _bring(table, store, folder)
    return draw_figures(table, folder / report_stem(table.plan), printed=printed)


def _bring(table: Table, store: Store, folder: Path) -> None:
    name = report_stem(table.plan)
    bring(figure_stamp(table), store.folder / name, folder / name)


def is_table(path: Path) -> bool:
    """Whether a file that was written is a table of a LaTeX document, which takes it in."""
    return path.suffix == ".tex" and path.read_bytes().startswith(MADE.encode())


def _write(document: Document, stem: Path, formats: Sequence[str]) -> list[Path]:
    """Writes the files of each format and removes the tables of an earlier report named so that this one has not."""
    written = []
    for render in (FORMATS[name] for name in dict.fromkeys(formats)):
        for name, content in render(document, stem.name).items():
            written.append(stem.with_name(name))
            write_bytes(written[-1], content)
    if "latex" in formats:
        for path in set(stem.parent.glob("*.tex")) - set(written):
            if re.fullmatch(rf"{re.escape(stem.name)}-(table\d+|all\d*)", path.stem) and is_table(path):
                path.unlink()
    return written
