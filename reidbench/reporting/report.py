"""Builds the report of one table, or of several on one machine, from stored records alone. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reidbench.data.lookalikes import SYNTHETIC
from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import (
    Chapter,
    Code,
    Document,
    Paragraph,
    Part,
    Picture,
    Section,
    Tabular,
    items,
    section,
    tabulars,
)
from reidbench.reporting.findings.captions import captioned, captioned_differences
from reidbench.reporting.findings.differences import families
from reidbench.reporting.findings.family_text import family_block, is_told_whole
from reidbench.reporting.findings.legend import legend
from reidbench.reporting.findings.methods import methods
from reidbench.reporting.findings.scope import dataset_name, scope
from reidbench.reporting.findings.sentences import findings
from reidbench.reporting.findings.summary import certainty, unfound
from reidbench.reporting.reproduce import command
from reidbench.reporting.tables.layout import blocks, several, whole_block
from reidbench.reporting.tables.table import Heading, Table

READING = "How to read the tables"
SESSIONS = (
    "Times of two tables may come from two sessions, between which a machine drifts: compare them by their ratios."
)


def single_report(table: Table, machine: Mapping[str, Any], figures: Iterable[Path], made_by: str) -> Document:
    """The report of one table. `figures` are the files beside it, `made_by` the command line that wrote it."""
    parts = (
        *_origin(table),
        Paragraph(" ".join([f"On {table.machine}.", *scope([table])])),
        section(
            "Summary",
            items(findings(table) or [unfound(table)]),
            section("How sure this is", items(certainty([table]))),
        ),
        _notes(table),
        section(READING, items(legend([table]))),
        section("Tables and figures", *_results(table, machine, figures)),
        *_shortcomings(table),
        section("Methods", *methods([table], table.machine, machine)),
        _reproduction([("Measures what is not recorded yet and writes this table:", command(table.plan))], made_by),
    )
    return Document(table.plan.suite.title, tuple(part for part in parts if part), _wholes(table, machine))


def combined_report(
    tables: Sequence[Table],
    chapters: Sequence[Chapter],
    place: str,
    machine: Mapping[str, Any],
    left_out: str,
    made_by: str,
) -> Document:
    """The report of several tables of one machine: summary and methods of all, then a chapter each.

    `chapters` are those of the tables (`chapter`) and of any other source. `place` and `machine` name and describe
    where it was measured; `left_out` says which tables are not there.
    """
    found = [part for one in chapters for part in (Paragraph(f"{one.title} ({one.name}):"), items(one.found))]
    sure = [*certainty(tables), *([left_out] if left_out else [])]
    commands = [("Measures what is not recorded yet and writes the tables:", _commands(chapters))]
    about = [f"What was measured on {place}: {', '.join(one.name for one in chapters)}.", *scope(tables)]
    parts = (
        Paragraph(" ".join(about)),
        section("Summary", *found, section("How sure this is", items(sure))),
        section("Methods", _reading(tables), *methods(tables, place, machine)),
        *(Section(f"{one.title} ({one.name})", one.parts, one.name) for one in chapters),
        _reproduction(commands, made_by),
    )
    kept = tuple(part for part in parts if part)
    wholes = tuple(block for one in chapters for block in one.wholes)
    return Document(f"Video person re-identification on {place}", kept, wholes)


def chapter(table: Table, machine: Mapping[str, Any], figures: Iterable[Path], found: Sequence[str]) -> Chapter:
    """What a table gives to a report of several; `found` stands in its summary (`summary.shared_headlines`)."""
    run = command(table.plan)
    parts = (
        *_origin(table),
        section("Findings", items(findings(table) or [unfound(table)])),
        _notes(table),
        section("Tables and figures", *_results(table, machine, figures)),
        *_shortcomings(table),
        section("How to reproduce", Code(run)),
    )
    kept = tuple(part for part in parts if part)
    return Chapter(table.plan.name, table.plan.suite.title, tuple(found), kept, run, _wholes(table, machine))


def _origin(table: Table) -> Iterator[Part]:
    if table.plan.suite.source:
        yield Paragraph(f"Source: {table.plan.suite.source}.")


def _notes(table: Table) -> Section | None:
    """What the suite says of itself, after what was found: it can be long."""
    return section("Notes", items(table.plan.suite.notes))


def _results(table: Table, machine: Mapping[str, Any], figures: Iterable[Path]) -> Iterator[Part]:
    yield from tabulars([captioned(table, machine, block) for block in blocks(table)])
    differences = (family_block(family) for family in families(table) if not is_told_whole(family))
    yield from (Tabular((captioned_differences(table, machine, block),)) for block in differences)
    yield from _pictures(table, figures)


def _wholes(table: Table, machine: Mapping[str, Any]) -> tuple[Block, ...]:
    block = whole_block(table)
    return (captioned(table, machine, block),) if block else ()


def _pictures(table: Table, figures: Iterable[Path]) -> Iterator[Picture]:
    """One picture for each figure, whatever file formats it was drawn in."""
    from reidbench.reporting.figures import caption, shown

    synthetic = any(dataset_name(table, heading) == SYNTHETIC for heading in table.headings if heading.training)
    for path in shown(figures):
        about = caption(path, over=several(table.plan), synthetic=synthetic)
        alternative = f"{table.plan.suite.title}: {about.partition(';')[0]}; the numbers are in the tables above"
        yield Picture(path, about, alternative)


def _shortcomings(table: Table) -> Iterator[Section | None]:
    yield section("Columns whose values were not measured alike", items(table.warnings))
    yield section("Cells without a fresh value", items(_gaps(table)))


def _gaps(table: Table) -> Iterator[str]:
    """Every state that is not "ok", with the rows and the measurements that it concerns; what shares them together."""
    found: dict[tuple[str, str, str, str], dict[str, None]] = {}
    for heading in table.headings:
        for name, entry in table.column(heading).items():
            if entry.reason and entry.state not in ("ok", "published"):
                place = (_where(heading, table), heading.column.measurement)
                found.setdefault((*place, entry.state, entry.reason), {})[name] = None
    rows = sum(bool(row.model) for row in table.plan.suite.rows)
    lines: dict[str, dict[str, list[str]]] = {}
    for (where, measurement, state, reason), names in found.items():
        which = "all rows" if len(names) == rows else ", ".join(names)
        lines.setdefault(f"{state}, {which}: {reason}", {}).setdefault(where, []).append(measurement)
    for told, places in lines.items():
        whats: dict[str, list[str]] = {}
        for where, measurements in places.items():
            whats.setdefault(", ".join(measurements), []).append(where)
        each = (f"{what} on {' / '.join(where)}" if any(where) else what for what, where in whats.items())
        yield f"{'; '.join(each)}: {told}"


def _where(heading: Heading, table: Table) -> str:
    """The dataset or the device of a column; "" where neither matters."""
    settings = heading.settings
    if heading.training:
        dataset: str = settings.get("dataset", {}).get("name", table.plan.preset.dataset)
        return heading.column.dataset or dataset
    return " ".join(heading.ran_on)


def _reading(tables: Sequence[Table]) -> Section | None:
    return section(READING, items([*legend(tables), *([SESSIONS] if len(tables) > 1 else [])]))


def _commands(chapters: Sequence[Chapter]) -> str:
    return "\n".join(dict.fromkeys(one.command for one in chapters if one.command))


def _reproduction(commands: Iterable[tuple[str, str]], made_by: str) -> Section | None:
    parts: list[Part] = []
    for about, text in (*commands, ("Wrote this report:", made_by)):
        if text:
            parts += [Paragraph(about), Code(text)]
    return section("How to reproduce", *parts)
