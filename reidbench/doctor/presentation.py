"""The findings on a terminal, in a pipe, and as JSON. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reidbench.doctor.findings import MARKS, Sections, is_sound

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}
SUBJECT = 18
"""Columns of the subjects, so that those of all sections stand under each other."""


def plain_lines(sections: Sections) -> Iterator[str]:
    """One line a finding, with its section and mark, for a pipe."""
    for title, findings in sections.items():
        for finding in findings:
            yield f"{finding.mark}: {title}: {finding.subject}: {'; '.join(finding.text.splitlines())}"
    yield verdict(sections)


def rendered(sections: Sections) -> Iterator[RenderableType]:
    """A heading and a table of mark, subject and text for each section, for a terminal of 80 columns or more."""
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    for title, findings in sections.items():
        table = Table.grid(padding=(0, 1))
        table.add_column(width=max(map(len, MARKS)), no_wrap=True)
        table.add_column(width=SUBJECT)
        table.add_column(ratio=1, overflow="fold")
        for finding in findings:
            table.add_row(Text(finding.mark, STYLES[finding.mark]), Text(finding.subject), Text(finding.text))
        yield Rule(Text(title, "bold"), align="left", characters="-", style="dim")
        yield table
    yield Text(f"\n{verdict(sections)}")


def verdict(sections: Sections) -> str:
    """One line: what is wrong, or that nothing is."""
    counts = Counter(finding.mark for findings in sections.values() for finding in findings)
    notes = f"{counts['note']} note{'' if counts['note'] == 1 else 's'}"
    if is_sound(sections):
        return f"sound: {counts['ok']} ok, {notes}"
    names = [
        f"{finding.subject} ({title})"
        for title, findings in sections.items()
        for finding in findings
        if finding.mark == "wrong"
    ]
    return f"{len(names)} to mend: {', '.join(names)}; {notes}"


def to_json(sections: Sections) -> dict[str, Any]:
    """Everything as JSON values, with the numbers behind each text."""
    return {
        "sound": is_sound(sections),
        "sections": {title: [asdict(finding) for finding in findings] for title, findings in sections.items()},
    }
