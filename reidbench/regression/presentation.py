"""A comparison as text for a terminal, as Markdown, as JUnit XML and as JSON."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from xml.etree import ElementTree

from reidbench.regression.verdicts import MEASURED, Comparison, Limits, Verdict, by_column, uncompared
from reidbench.reporting.documents.block import Block, titled
from reidbench.reporting.documents.document import Document, Items, Paragraph, Part, Section, Tabular, items
from reidbench.reporting.documents.markdown import markdown

WIDTH = 80

HOW = {
    "count": "counts, exactly",
    "time": "ratio to {}, by ranks",
    "reading": "one reading a side",
    "accuracy": "paired over query identities, with the spread over trainings",
}
"""How each kind is judged, in a word; of a time, to what."""

UNCHANGED = "the rows that did not change"

NAMED = 3
"""Columns not compared that a heading names; of more it has the number."""

LOUD = "worse"
"""The verdict that a table shows in capitals."""

HEADER = ("row", "baseline", "here", "change [95 %]", "verdict")

NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def terminal_text(found: Comparison, width: int = WIDTH) -> str:
    """A table a quantity, the sum of it last; rows alike and without numbers of their own share a line."""
    parts = [f"{found.title}\n  here      {found.here}\n  baseline  {found.there}"]
    for verdicts in by_column(found.verdicts):
        parts.append("\n".join([_heading(verdicts), *_lines(verdicts, width)]))
    notes = [textwrap.fill(f"Note: {note}.", width, subsequent_indent="  ") for note in found.notes]
    return "\n\n".join([*parts, *notes, textwrap.fill(summary(found), width)])


def summary(found: Comparison) -> str:
    """How many cells have which verdict."""
    counts = ", ".join(f"{count} {word}" for word, count in found.counts.items() if count)
    return f"Of {len(found.verdicts)} cells: {counts or 'nothing to compare'}."


def gaps(found: Comparison) -> str:
    """The columns that could be compared in no row, with the reason, as a sentence; "" where there is none."""
    reasons: dict[str, list[str]] = {}
    for column in uncompared(found.verdicts):
        notes = list(dict.fromkeys(each.note for each in column))
        more = f"; {len(notes) - 1} more" if len(notes) > 1 else ""
        reasons.setdefault(f"{notes[0]}{more}", []).append(column[0].title)
    return "; ".join(f"{'; '.join(titles)} ({why})" for why, titles in reasons.items())


def rule(limits: Limits) -> str:
    """By what a change is called one."""
    return (
        "Counts are compared exactly. A time (by its ratio to the geometric mean of other rows of the same interleaved "
        "session: those whose code is the same on both sides, or the reference row; Mann-Whitney's rank test) counts "
        f"as changed from {limits.least:.1%} on, a memory from twice that, an accuracy (paired difference over query "
        "identities, widened by the spread over seeds) from "
        f"{limits.points * 100:g} points on. Of the cells of one kind each is tested at {limits.chance:.0%} over their "
        "number (Bonferroni); the intervals shown cover 95 % each, and a cell whose interval lies within the limit is "
        "the same."
    )


def document(found: Comparison) -> Document:
    """The comparison as a report: what changed first, then every cell."""
    parts: list[Part] = [Paragraph(f"Here: {found.here}. Baseline: {found.there}."), Paragraph(summary(found))]
    if lacking := gaps(found):
        parts.append(Paragraph(f"Not compared in any row: {lacking}."))
    for word in ("worse", "better"):
        lines = [f"{each.row}, {each.title}: {_sentence(each)}" for each in found.of(word)]
        parts += [Section(word.capitalize(), (Items(tuple(lines)),))] if lines else []
    tables = tuple(Tabular((_block(verdicts),)) for verdicts in by_column(found.verdicts))
    if tables:
        parts.append(Section("All cells", tables))
    notes = items(f"{note}." for note in found.notes)
    parts.append(Section("How this was judged", (Paragraph(rule(found.limits)), *([notes] if notes else []))))
    return Document(f"{found.title}: {_outcome(found)}", tuple(parts))


def junit(found: Comparison) -> str:
    """JUnit XML: a suite a quantity, a case a row; worse fails, what could not be told or compared is skipped, and an
    error where its column could be compared in no row."""
    root = ElementTree.Element("testsuites", name=_clean(found.name))
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    lacking = {(column[0].quantity, column[0].title) for column in uncompared(found.verdicts)}
    for verdicts in by_column(found.verdicts):
        suite = ElementTree.SubElement(root, "testsuite", name=_clean(f"{found.name}: {verdicts[0].title}"))
        counts = dict.fromkeys(totals, 0)
        for each in verdicts:
            case = ElementTree.SubElement(
                suite, "testcase", classname=_clean(f"{found.name}.{each.quantity}"), name=_clean(each.row), time="0"
            )
            missed = (each.quantity, each.title) in lacking and not each.exempt
            kind = "error" if missed else _case(each)
            counts["tests"] += 1
            if kind:
                counts[{"failure": "failures", "error": "errors", "skipped": "skipped"}[kind]] += 1
                ElementTree.SubElement(case, kind, message=_clean(f"{each.word}: {_sentence(each)}"))
        for name, count in counts.items():
            suite.set(name, str(count))
            totals[name] += count
    for name, count in totals.items():
        root.set(name, str(count))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def to_json(found: Comparison) -> str:
    """Everything, with the counts and the columns that could be compared in no row; an interval that is unbounded has
    null for a bound."""
    more = {"counts": found.counts, "uncompared": [column[0].title for column in uncompared(found.verdicts)]}
    return json.dumps({**asdict(found), **more}, indent=1, allow_nan=False) + "\n"


FORMATS: Mapping[str, tuple[str, Callable[[Comparison], str]]] = {
    "md": ("md", lambda found: markdown(document(found))),
    "junit": ("xml", junit),
    "json": ("json", to_json),
}
"""The files that can be written: the ending and what makes the text."""


def change_text(verdict: Verdict) -> str:
    """The change with its interval: "+4.2 % [+1.0, +7.5]"; in points for an accuracy."""
    if verdict.change is None:
        return "-"
    unit = "pp" if verdict.kind == "accuracy" else "%"
    text = f"{verdict.change * 100:+z.1f} {unit}"
    if verdict.low is None and verdict.high is None:
        return text if verdict.kind != "count" or verdict.change else "0"
    low, high = (f"{bound * 100:+z.1f}" if bound is not None else "?" for bound in (verdict.low, verdict.high))
    return f"{text} [{low}, {high}]"


def _outcome(found: Comparison) -> str:
    worse, other = found.counts["worse"], found.counts["cannot tell"]
    lacking = [column[0].title for column in uncompared(found.verdicts)]
    named = lacking if len(lacking) <= NAMED else [f"{len(lacking)} of {len(by_column(found.verdicts))} columns"]
    failed = sum(each.failed for each in found.verdicts)
    missed = [f"{'; '.join(named)} not compared"] if lacking else []
    missed += [f"{failed} cell{'s' if failed > 1 else ''} failed"] if failed else []
    if worse:
        return "; ".join([f"{worse} cell{'s' if worse > 1 else ''} worse", *missed])
    if not any(found.counts[word] for word in (*MEASURED, "unchanged")):
        return "nothing could be compared"
    if missed:
        return "; ".join(missed)
    if not any(found.counts[word] for word in MEASURED):
        without = sum(not each.exempt for each in found.of("not comparable"))
        return f"{found.counts['unchanged']} unchanged, {without} not comparable" if without else "nothing has changed"
    return f"no regression found, {other} cannot be told" if other else "no regression"


def _heading(verdicts: Sequence[Verdict]) -> str:
    first, divisors = verdicts[0], {name for each in verdicts for name in each.divisors}
    over = next(iter(divisors)) if len(divisors) == 1 else UNCHANGED
    return f"{titled(first.title, first.unit)}: {HOW[first.kind].format(over)}"


def _lines(verdicts: Sequence[Verdict], width: int) -> Iterator[str]:
    whole, together = _together(verdicts)
    if whole:
        names = max(len(HEADER[0]), *(len(each.row) for each in whole))
        cells = [[_value(each, each.before), _value(each, each.after), change_text(each)] for each in whole]
        widths = [max(map(len, column)) for column in zip(*cells, HEADER[1:4], strict=True)]
        for name, texts, mark in [
            (HEADER[0], HEADER[1:4], HEADER[4]),
            *((each.row, texts, _marked(each.word)) for each, texts in zip(whole, cells, strict=True)),
        ]:
            aligned = "  ".join(text.rjust(size) for text, size in zip(texts, widths, strict=True))
            yield f"  {name.ljust(names)}  {aligned}  {mark}".rstrip()
    remarks: dict[str, list[str]] = {}
    for each in whole:
        if each.note:
            remarks.setdefault(each.note, []).append(each.row)
    for note, rows in [*remarks.items(), *together.items()]:
        who = "all rows" if len(rows) == len(verdicts) > 1 else ", ".join(rows)
        yield textwrap.fill(f"{who}: {note}", width, initial_indent="  ", subsequent_indent="    ")


def _marked(word: str) -> str:
    return word.upper() if word == LOUD else word


def _together(verdicts: Sequence[Verdict]) -> tuple[list[Verdict], dict[str, list[str]]]:
    """The verdicts with a line of their own, and by what is said of them the rows of the others."""
    whole: list[Verdict] = []
    together: dict[str, list[str]] = {}
    for each in verdicts:
        if each.word not in MEASURED:
            together.setdefault(f"{each.word}: {each.note}", []).append(each.row)
        elif each.kind == "count" and each.word == "same":
            together.setdefault("same", []).append(each.row)
        else:
            whole.append(each)
    return whole, together


def _block(verdicts: Sequence[Verdict]) -> Block:
    notes = list(dict.fromkeys(each.note for each in verdicts if each.note))
    lines = tuple(
        (
            each.row,
            _value(each, each.before),
            _value(each, each.after),
            change_text(each),
            each.word + (f" ({notes.index(each.note) + 1})" if each.note else ""),
        )
        for each in verdicts
    )
    bold = frozenset((y, 4) for y, each in enumerate(verdicts) if each.word == "worse")
    return Block(_heading(verdicts), HEADER, lines, bold, tuple(f"({i}) {note}." for i, note in enumerate(notes, 1)))


def _sentence(each: Verdict) -> str:
    values = f"{_value(each, each.before)} to {_value(each, each.after)} {each.unit}".rstrip()
    shown = [values] if each.before is not None and each.after is not None else []
    return "; ".join([*shown, *([change_text(each)] if each.change is not None else []), *filter(None, [each.note])])


def _value(verdict: Verdict, value: float | None) -> str:
    return "-" if value is None else f"{value:.{verdict.digits}f}"


def _case(verdict: Verdict) -> str:
    """The element that says a case did not pass; "" if it did."""
    if verdict.word == "worse":
        return "failure"
    if verdict.failed:
        return "error"
    return "" if verdict.word in ("same", "unchanged", "better") else "skipped"


def _clean(text: str) -> str:
    return NO_XML.sub("?", text)
