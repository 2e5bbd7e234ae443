"""The audit as a chapter of a report and as a document of its own, in sentences and tables computed from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from reidbench.audit.assembly import NAME, SOURCE, TITLE, Audit
from reidbench.audit.disagreements import reasons
from reidbench.audit.rules import decimals, label
from reidbench.audit.verdicts import DRAWS, LUCK, SPREAD, Judgement, Verdict
from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import (
    Chapter,
    Code,
    Document,
    Paragraph,
    Part,
    Picture,
    Tabular,
    items,
    section,
)
from reidbench.reporting.findings.audit_findings import (
    COLUMNS,
    COMMAND,
    DEFAULTS,
    afterthoughts,
    contradictions,
    explanation,
    headlines,
    name,
    part_text,
    table_name,
    unexplained,
)

PARTS = {
    "counted": "what is counted",
    "unit": "unit",
    "variant": "network",
    "temporal": "TKS",
    "regions": "TKS",
    "clip": "clip",
    "rounding": "digits",
}
"""The parts of a rule, as the table of them names them."""

READING = (
    "A rule is a choice of what is counted, in which unit, of which network, how the temporal block (TKS) enters, for "
    "clips of which length, and whether digits are truncated or rounded. Each is applied to every cell. Rules that "
    "come to the same counts of a cell are taken as one."
)
VERDICTS = (
    "Ours is the value before it is cut to the printed digits. Verdict: yes where a rule explains the cell; chance? "
    "where some rule reproduces it, but more than chance is not shown; else how far the value under the nearest rule "
    "is off those that come to the printed one. Reproduced by: how many of the rules that differ for this cell do so "
    "(+: some of their networks are not counted yet)."
)
CHANCE = (
    "Among so many rules some reproduce a value by chance. So the same was asked of {draws} draws in which every "
    "printed value was moved by up to {spread} last digits at random (a network that stands in several tables moves "
    "once). A rule is called an explanation, and has a name here, if in at most {luck:.0%} of the draws some rule "
    "reproduces as many of the cells that the rules before it leave."
)


def chapter(audit: Audit, figures: Iterable[Path]) -> Chapter:
    """What the audit gives to a report of several: headlines, verdicts, contradictions, counters."""
    parts = (
        Paragraph(READING),
        Paragraph(CHANCE.format(draws=DRAWS, spread=SPREAD, luck=LUCK)),
        section(
            "Rules that explain",
            Paragraph(DEFAULTS),
            *(items(explanation(one)) for one in audit.judgements),
            items(afterthoughts(audit)),
        ),
        section("Cells", Paragraph(VERDICTS), *_cells(audit), *_pictures(figures)),
        section("Cells that no rule explains", items(unexplained(audit))),
        section("What decides", *_levels(audit)),
        section("Contradictions of the paper", items(contradictions(audit))),
        section("Where our counters disagree", *_counters(audit)),
    )
    return Chapter(NAME, TITLE, tuple(headlines(audit)), tuple(part for part in parts if part), COMMAND)


def document(audit: Audit, figures: Iterable[Path], place: str, made_by: str) -> Document:
    """The audit alone. `place` is the machine's name, `made_by` the command line that wrote it."""
    found = chapter(audit, figures)
    versions = sorted({f"{name} {version}" for one in audit.records for name, version in one.versions.items()})
    about = [
        f"Source: {SOURCE}.",
        f"Counted on {place}, which does not change a count: {len(audit.records)} of {audit.wanted} networks.",
        f"Versions: {', '.join(versions)}.",
    ]
    parts = (
        section("Summary", items(found.found)),
        *found.parts,
        section("Methods", items(about)),
        section("How to reproduce", Code("\n".join(dict.fromkeys(filter(None, (COMMAND, made_by)))))),
    )
    return Document(TITLE, tuple(part for part in parts if part))


def to_json(audit: Audit) -> dict[str, Any]:
    """The audit as JSON values: one entry a cell, then what they say together."""
    return {
        "cells": [_entry(one, verdict) for one in audit.judgements for verdict in one.verdicts],
        "rules": [
            {"name": name(one, number), "key": one.key, "rule": label(step.rule), "explains": step.total}
            for one in audit.judgements
            for number, step in enumerate(one.steps, 1)
        ],
        "summary": list(headlines(audit)),
        "contradictions": list(contradictions(audit)),
    }


def _entry(judgement: Judgement, verdict: Verdict) -> dict[str, Any]:
    shown = verdict.shown
    return {
        "table": verdict.printed.suite,
        "row": verdict.printed.row.name,
        "key": verdict.printed.key,
        "printed": verdict.printed.text,
        "ours": float(shown.value) if shown else None,
        "gap": float(shown.gap) if shown else None,
        "verdict": _word(verdict),
        "rule": label(shown.rule, verdict.printed.row) if shown else "",
        "name": name(judgement, verdict.step) if verdict.step else "",
        "matching": verdict.matching,
        "tried": verdict.tried,
    }


def _cells(audit: Audit) -> Iterator[Tabular]:
    """A table for each of the paper's and each column; a rule without a name has a letter and a note below."""
    header = ("row", "printed", "ours", "verdict", "rule", "reproduced by")
    tables = dict.fromkeys(verdict.printed.suite for one in audit.judgements for verdict in one.verdicts)
    for table in tables:
        for one in audit.judgements:
            others = dict.fromkeys(_other_rule(verdict) for verdict in one.of(table))
            letters = dict(zip(filter(None, others), ascii_lowercase, strict=False))
            lines = tuple(_line(one, verdict, letters) for verdict in one.of(table))
            notes = tuple(f"{letter}: {rule}." for rule, letter in letters.items())
            if lines:
                yield Tabular(
                    (Block(f"The paper's {table_name(table)}, {COLUMNS[one.key]}", header, lines, frozenset(), notes),)
                )


def _line(judgement: Judgement, verdict: Verdict, letters: Mapping[str, str]) -> tuple[str, ...]:
    cell, shown = verdict.printed, verdict.shown
    digits = decimals(cell.text) + 2
    return (
        cell.row.name,
        cell.text,
        f"{float(shown.value):.{digits}f}" if shown else "-",
        f"off {float(shown.gap):+z.{digits}f}" if shown and shown.gap else _word(verdict),
        name(judgement, verdict.step) if verdict.step else letters.get(_other_rule(verdict), "-"),
        f"{verdict.matching} of {verdict.tried}{'+' if verdict.incomplete else ''}",
    )


def _other_rule(verdict: Verdict) -> str:
    """The rule shown of a cell that no explaining rule reproduces, else ""."""
    return label(verdict.shown.rule, verdict.printed.row) if verdict.shown and not verdict.step else ""


def _word(verdict: Verdict) -> str:
    if verdict.shown is None:
        return "not counted"
    return "yes" if verdict.step else "chance?" if verdict.matching else "none"


def _levels(audit: Audit) -> Iterator[Part]:
    yield Paragraph("The most cells that one rule with this part reproduces, whatever its other parts.")
    for one in audit.judgements:
        lines: list[tuple[str, ...]] = [
            (part_text(one.key, part, level), PARTS[part], f"{count} of {len(one.verdicts)}")
            for part, levels in one.levels.items()
            for level, count in levels.items()
        ]
        if lines:
            title = COLUMNS[one.key]
            yield Tabular((Block(title, ("part of a rule", "decides on", "cells"), tuple(lines), frozenset(), ()),))


def _counters(audit: Audit) -> Iterator[Part]:
    if not audit.disagreements:
        return
    yield Paragraph(
        "Modules (two names deep) on which a counter differs by more than 1 % from the reference, torch's "
        "FlopCounterMode halved, in the networks of the tables as released. Share: the module's greatest part of its "
        "network. Operations: their parts of the difference, where 5 % or more."
    )
    lines = [
        (
            one.module,
            one.counter,
            _range(one.low, one.high),
            f"{one.share:.2%}" if one.share >= 1e-4 else "<0.01%",
            ", ".join(f"{kind} {part:.0%}" for kind, part in one.operations.items() if part >= 0.05),
        )
        for one in audit.disagreements
    ]
    header = ("module", "counter", "difference", "share", "operations")
    yield Tabular((Block("Disagreements by module", header, tuple(lines), frozenset(), ()),))
    told = items(f"{counter}, {kind}: {why}." for counter, kind, why in reasons(audit.disagreements))
    if told:
        yield told


def _range(low: float, high: float) -> str:
    return f"{low:+z.1%}" if f"{low:+z.1%}" == f"{high:+z.1%}" else f"{low:+z.1%} to {high:+z.1%}"


def _pictures(figures: Iterable[Path]) -> Iterator[Picture]:
    for path in figures:
        if path.suffix == ".svg":
            yield Picture(path, CAPTION, "The audit: every printed cost beside ours; the numbers are in the tables")


CAPTION = (
    "Ours less the printed value under the one rule that reproduces most cells of a column, in units of the last "
    "printed digit; what lies in the grey band comes to the printed value"
)
